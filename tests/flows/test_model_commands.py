"""Models by the command line: push --train --publish --export, and the verbs of each."""

from __future__ import annotations

import zipfile
from pathlib import Path

import click
import pytest
from make import make_png
from schema import check_line
from terminal import Ran, Terminal

from cvsync.errors import SettingsError

pytestmark = [
    pytest.mark.usefixtures("quick_learner"),
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::ResourceWarning"
    ),  # of the SDK's libraries
]
RESOURCE = ("--prediction-resource-id", "/subscriptions/s/resourceGroups/g/providers/x/accounts/eyes")
LIVE = ("--publish", "live", *RESOURCE)


def classes(terminal: Terminal, count: int = 10) -> Path:
    """A manifest of whole-image tags."""
    rows = terminal.rows(count)
    return terminal.manifest([{"url": row["url"], "tag": row["tag"]} for row in rows])


def everything(terminal: Terminal, *more: object) -> Ran:
    ends = ("--train", *LIVE, "--export", "onnx", "--export-dir", terminal.folder / "exports")
    return terminal.push(classes(terminal), *ends, *more)


def iterations(terminal: Terminal) -> dict[str, str | None]:
    path = f"customvision/v3.3/training/projects/{terminal.project()}/iterations"
    return {found["name"]: found["publishName"] for found in terminal._ask(path)}


def test_from_a_manifest_to_a_published_and_exported_model(terminal: Terminal) -> None:
    ran = everything(terminal)

    assert ran.code == 0
    path = terminal.folder / "exports" / "shelf-Iteration_1-onnx.zip"
    _, model, *ends = ran.out.splitlines()
    assert model.startswith("model: Iteration 1 (")
    assert ends == ["published as live", f"exported {path}"]
    assert "trained Iteration 1" in ran.err
    assert "  tag    precision  recall      AP\n  fork       50.0%   25.0%  100.0%" in ran.err
    assert {"model.onnx", "labels.txt"} <= set(zipfile.ZipFile(path).namelist())
    assert iterations(terminal) == {"Iteration 1": "live"}


def test_again_there_is_nothing_to_do(terminal: Terminal) -> None:
    everything(terminal)
    terminal.forget()
    ran = everything(terminal)

    assert ran.code == 0
    assert terminal.writes() == {}
    made = {"TrainProject", "PublishIteration", "UnpublishIteration", "ExportIteration"}
    assert not made & set(terminal.calls())
    assert ran.out.startswith("nothing to do\nmodel: Iteration 1 (")
    assert "nothing changed since the training of Iteration 1" in ran.err


def test_the_official_sdk_sees_the_published_model_and_predicts_with_it(terminal: Terminal) -> None:
    training = pytest.importorskip("azure.cognitiveservices.vision.customvision.training")
    prediction = pytest.importorskip("azure.cognitiveservices.vision.customvision.prediction")
    from msrest.authentication import ApiKeyCredentials

    everything(terminal)
    url, project = terminal.emulator.url, terminal.project()

    key = ApiKeyCredentials(in_headers={"Training-Key": "local-training-key"})
    with training.CustomVisionTrainingClient(url, key) as client:
        (seen,) = client.get_iterations(project)
    key = ApiKeyCredentials(in_headers={"Prediction-Key": "local-prediction-key"})
    with prediction.CustomVisionPredictionClient(url, key) as client:
        answer = client.classify_image(project, "live", make_png(3))

    assert (seen.name, seen.publish_name) == ("Iteration 1", "live")
    assert seen.original_publish_resource_id == RESOURCE[1]
    assert answer.iteration == seen.id
    assert {one.tag_name for one in answer.predictions} == {"fork", "spoon"}


def test_gate_that_refuses_leaves_what_is_published(terminal: Terminal) -> None:
    everything(terminal)
    manifest = classes(terminal, 12)

    ran = terminal.push(manifest, "--train", *LIVE, "--min-recall", "fork=0.5", "--min-precision", "0.5")

    assert ran.code == 9
    assert "cvsync: Iteration 2 is not good enough: recall of fork is 0.2500, below 0.5" in ran.err
    assert iterations(terminal) == {"Iteration 1": "live", "Iteration 2": None}


def test_events_tell_each_step(terminal: Terminal) -> None:
    events = [check_line(line) for line in everything(terminal, "--json").out.splitlines()]

    steps = [event for event in events if event["ev"] in ("train", "judge", "publish", "export")]
    assert [event["ev"] for event in steps if event.get("status") not in ("Training", "Exporting")] == [
        "train", "judge", "publish", "export",
    ]  # fmt: skip
    (judged,) = [event for event in events if event["ev"] == "judge"]
    assert judged["passed"]
    assert judged["tags"][0] == {"tag": "fork", "precision": 0.5, "recall": 0.25, "ap": 1.0}


def test_each_verb_alone(terminal: Terminal) -> None:
    terminal.push(classes(terminal), "--domain", "General (compact)")

    trained = terminal.run("train")
    published = terminal.run("publish", "live", *RESOURCE, "--min-precision", "0.5")
    exported = terminal.run("export", "onnx", "--export-dir", terminal.folder / "e")
    again = terminal.run("train", "--force", "--keep-iterations", "2")
    taken = terminal.run("unpublish", "live")

    assert [ran.code for ran in (trained, published, exported, again, taken)] == [0] * 5
    assert "published as live" in published.out
    assert (terminal.folder / "e" / "shelf-Iteration_1-onnx.zip.sha256").exists()
    assert again.out.startswith("model: Iteration 2 (")
    assert taken.out == "Iteration 1 is published no more as live\n"
    assert iterations(terminal) == {"Iteration 1": None, "Iteration 2": None}


def test_what_came_of_a_model_is_told_where_one_of_its_exports_fails(terminal: Terminal) -> None:
    ran = everything(terminal, "--export", "tensorflow")
    again = terminal.run("export", "onnx", "tensorflow", "--export-dir", terminal.folder / "exports")

    path = terminal.folder / "exports" / "shelf-Iteration_1-onnx.zip"
    assert (ran.code, again.code, path.exists()) == (9, 9, True)
    *_, data, published, exported, failed = ran.err.splitlines()
    assert data.startswith("until then: 2 tags created, 10 images created")
    assert (published, exported) == ("until then: published as live", f"until then: exported {path}")
    assert failed == "cvsync: the service does not say why it could not export Iteration 1 for TensorFlow"
    assert again.err.splitlines()[-2:] == [exported, failed]


def test_project_that_cannot_be_trained_yet_is_told_with_its_tags(terminal: Terminal) -> None:
    ran = terminal.push(classes(terminal, 7), "--train")

    assert ran.code == 9
    assert "until then: 2 tags created, 7 images created" in ran.err
    assert "cannot be trained yet: a multiclass project needs 5 images of each tag, but fork has 4" in ran.err
    assert terminal.writes().get("TrainProject") is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "--hours", "3"], "--hours is of --training-type advanced"),
        (["train", "--training-type", "advanced"], "as long as --hours says"),
        (["train", "--tolerance", "0.1"], "--tolerance is of --no-worse-than"),
        (
            ["train", "--no-worse-than", "published", "--tolerance", "nan"],
            "nan is no number",
        ),
        (["train", "--threshold", "nan"], "nan is no number"),
        (["train", "--min-ap", "nan"], "write 0.7 or TAG=0.7"),
        (["train", "--publish", "live"], "set CVSYNC_PREDICTION_RESOURCE_ID"),
        (["publish", "live"], "set CVSYNC_PREDICTION_RESOURCE_ID"),
        (["train", "--min-ap", "high"], "write 0.7 or TAG=0.7"),
        (["export", "toaster"], "platform 'toaster' is none of CoreML"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(
    terminal: Terminal, arguments: list[str], says: str
) -> None:
    with pytest.raises((SettingsError, click.UsageError)) as caught:
        terminal.run(*arguments)

    assert says in str(getattr(caught.value, "message", caught.value))
    assert terminal.calls() == {}


@pytest.mark.parametrize("verb", ["push", "train", "export"])
def test_a_folder_that_takes_no_model_is_refused_before_one_is_made(terminal: Terminal, verb: str) -> None:
    manifest = classes(terminal)
    arguments = {"push": [manifest, "--create-project", "--export", "onnx"], "train": ["--export", "onnx"]}

    with pytest.raises(click.UsageError, match=r"--export-dir '.*models' cannot be written"):
        terminal.run(verb, *arguments.get(verb, ["onnx"]), "--export-dir", manifest / "models")

    assert terminal.calls() == {}


def test_a_folder_for_models_matters_only_where_there_are_some(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = classes(terminal)
    monkeypatch.setenv("CVSYNC_EXPORT_DIR", str(manifest / "models"))

    assert terminal.push(manifest, "--train").code == 0


@pytest.mark.parametrize("verb", ["push", "train"])
def test_limit_of_what_the_version_never_tells_is_refused_before_anything_is_written(
    terminal: Terminal, verb: str
) -> None:
    manifest = classes(terminal)
    terminal.push(manifest)
    terminal._ask("_emulator/reset", "POST")
    more = ["push", str(manifest), "--train"] if verb == "push" else ["train"]

    ran = terminal.run(*more, "--min-ap", "0.5", "--api-version", "v2.2")

    assert ran.code == 2
    assert "--min-ap of a multiclass project needs --api-version v3.0 or later; this is v2.2" in ran.err
    assert terminal.writes() == {}


@pytest.mark.parametrize("arguments", [("train", "--publish"), ("publish",)])
@pytest.mark.parametrize("name", ["", "a/b"])
def test_what_is_no_name_is_refused_before_anything_is_done(
    terminal: Terminal, arguments: tuple[str, ...], name: str
) -> None:
    """An empty one is of a variable that is not set, as a rule."""
    ran = terminal.run(*arguments, name, *RESOURCE)

    assert ran.code == 2
    assert f"cvsync: a model cannot be published as {name!r}: give a name without a slash" in ran.err
    assert terminal.calls() == {}


def test_missing_model_is_not_found(terminal: Terminal) -> None:
    terminal.push(classes(terminal))
    ran = terminal.run("publish", "live", *RESOURCE)

    assert ran.code == 7
    assert "no trained iteration; `cvsync train` makes one" in ran.err


def test_version_without_publishing_says_so(terminal: Terminal) -> None:
    ran = terminal.push(classes(terminal), *LIVE, "--api-version", "v2.2")

    assert ran.code == 2
    assert "PublishIteration needs --api-version v3.0 or later; this is v2.2" in ran.err
    assert terminal.writes() == {}


def test_resource_of_the_environment_is_used(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_PREDICTION_RESOURCE_ID", "fallback")
    terminal.push(classes(terminal), "--publish", "live")
    monkeypatch.setenv("CVSYNC_PREDICTION_RESOURCE_ID", "first")
    terminal.run("publish", "live")

    path = f"customvision/v3.3/training/projects/{terminal.project()}/iterations"
    (found,) = terminal._ask(path)
    assert found["originalPublishResourceId"] == "first"


def test_training_past_the_deadline_is_found_again_the_next_night(terminal: Terminal) -> None:
    terminal.push(classes(terminal))
    terminal.order(operation="GetIteration", kind="slow", seconds=20)
    late = terminal.run("train", "--deadline", "1")
    terminal.order()
    next_night = terminal.run("train", "--force")

    assert (late.code, next_night.code) == (5, 0)
    assert "the deadline came" in late.err
    assert "an earlier run asked for the training of Iteration 1" in next_night.err
    assert iterations(terminal) == {"Iteration 1": None}
