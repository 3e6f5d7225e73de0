"""`cvsync test`: pictures through a model, by quick test and by the prediction endpoint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from make import make_png
from terminal import Terminal
from trained import calls, events, predictions, publish, train

from cvsync.cli import keys
from cvsync.errors import SettingsError
from cvsync.flows import predict as flow

PREDICTION_KEY_ONLY = {keys.PREDICTION: "local-prediction-key"}
UNREACHABLE = {"code": "BadRequestImageUrl", "message": ""}
pytestmark = pytest.mark.usefixtures("quick_learner")


@pytest.fixture
def trained(terminal: Terminal) -> Terminal:
    train(terminal)
    terminal.forget()
    return terminal


def test_people_see_a_table_of_what_the_last_iteration_says(trained: Terminal) -> None:
    ran = trained.run("test", trained.pictures / "3.png", trained.url("4.png"))

    assert ran.code == 0
    assert ran.out.splitlines() == [
        str(trained.pictures / "3.png"), "  Löffel   57.6%", "  fork      7.6%",
        trained.url("4.png"), "  Löffel   57.6%", "  fork      7.6%",
    ]  # fmt: skip
    assert calls(trained) == {"QuickTestImage": 1, "QuickTestImageUrl": 1}


def test_programs_get_the_pictures_of_a_folder_in_order(trained: Terminal) -> None:
    (trained.pictures / "deep").mkdir()
    (trained.pictures / "deep" / "x.PNG").write_bytes(make_png(77, (8, 6)))
    (trained.pictures / "notes.txt").write_text("no picture")
    (trained.pictures / ".hidden.png").write_bytes(make_png(78, (8, 6)))

    ran = trained.run("test", trained.pictures, "--json", "-c", "3")

    said = predictions(ran)
    files = [*trained.pictures.glob("*.png"), trained.pictures / "deep" / "x.PNG"]
    assert [one["image"] for one in said] == sorted(str(f) for f in files if f.name != ".hidden.png")
    assert {one["model"] for one in said} == {"Iteration 1"}
    assert [one["tag"] for one in said[0]["predictions"]] == ["Löffel", "fork"]
    assert {one["box"] for line in said for one in line["predictions"]} == {None}


def test_threshold_and_top_leave_predictions_out(trained: Terminal) -> None:
    picture = trained.pictures / "3.png"

    assert trained.run("test", picture, "--threshold", "0.9").out.splitlines()[1:] == ["  nothing"]
    assert len(trained.run("test", picture, "--top", "1").out.splitlines()) == 2
    (one,) = predictions(trained.run("test", picture, "--top", "1", "--json"))
    assert [p["tag"] for p in one["predictions"]] == ["Löffel"]


def test_boxes_are_shown_from_a_half_and_told_all(terminal: Terminal) -> None:
    train(terminal, boxes=True)
    picture = terminal.pictures / "3.png"

    ran = terminal.run("test", picture)

    assert ran.out.splitlines()[1:] == ["  Löffel   57.6%  at 0.100 0.200, 0.300 x 0.400"]
    (one,) = predictions(terminal.run("test", picture, "--json"))
    assert [p["box"] for p in one["predictions"]] == [pytest.approx([0.1, 0.2, 0.3, 0.4])] * 2


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_nothing_is_asked_for_once_nobody_reads_the_answers(
    trained: Terminal, python: str, unread: int, words: tuple[str, ...]
) -> None:
    done = run_unread(python, trained, unread, *words)

    assert (done.returncode, done.stderr) == (0, b"")
    assert calls(trained).get("QuickTestImage", 0) <= 3


def test_pictures_are_drawn_though_nobody_reads_the_answers(
    trained: Terminal, python: str, unread: int
) -> None:
    done = run_unread(python, trained, unread, "-o", trained.folder / "seen")

    assert (done.returncode, done.stderr) == (0, b"")
    assert len([*(trained.folder / "seen").iterdir()]) == calls(trained)["QuickTestImage"] == 30


def run_unread(
    python: str, terminal: Terminal, unread: int, *words: object
) -> subprocess.CompletedProcess[bytes]:
    command = [python, "-m", "cvsync", "test", terminal.pictures, "-p", "shelf", "-c", "2", *words]
    environment = os.environ | {
        "CVSYNC_ENDPOINT": terminal.emulator.url, "CVSYNC_TRAINING_KEY": "local-training-key",
        "CVSYNC_STATE_DIR": str(terminal.state),
    }  # fmt: skip
    return subprocess.run(
        [*map(str, command)], env=environment, stdout=unread, stderr=subprocess.PIPE, check=False, timeout=60
    )


def test_prediction_endpoint_answers_what_is_published(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(terminal, train(terminal, boxes=True), "nightly")
    monkeypatch.setenv("CVSYNC_PREDICTION_KEY", "local-prediction-key")
    terminal.forget()
    arguments = ("test", terminal.pictures / "3.png", terminal.url("3.png"), "--published", "nightly")

    published = predictions(terminal.run(*arguments, "--json"))
    unkept = predictions(terminal.run(*arguments, "--no-store", "--json"))
    quick = predictions(terminal.run(*arguments[:3], "--json"))

    assert calls(terminal) == {
        "DetectImage": 1, "DetectImageUrl": 1, "DetectImageWithNoStore": 1, "DetectImageUrlWithNoStore": 1,
        "QuickTestImage": 1, "QuickTestImageUrl": 1,
    }  # fmt: skip
    assert {one["model"] for one in published} == {"nightly"}
    assert [[one["predictions"] for one in said] for said in (published, unkept)] == [
        [one["predictions"] for one in quick]
    ] * 2
    kept = f"customvision/v3.3/training/projects/{terminal.project()}/predictions/query"
    assert len(terminal._ask(kept, "POST", {})["results"]) == 4


def test_prediction_endpoint_may_be_another_resource(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(terminal, train(terminal), "nightly")
    picture = terminal.pictures / "3.png"
    monkeypatch.setenv("CVSYNC_PREDICTION_KEY", "local-prediction-key")

    here = terminal.run(
        "test", picture, "--published", "nightly", "--prediction-endpoint", terminal.emulator.url
    )
    nowhere = terminal.run(
        "test", picture, "--published", "nightly", "--prediction-endpoint", "pictures.test"
    )

    assert here.code == 0
    assert nowhere.code == 2
    assert "--prediction-endpoint" in nowhere.err


def test_prediction_endpoint_needs_its_key(terminal: Terminal) -> None:
    train(terminal)

    ran = terminal.run("test", terminal.pictures / "3.png", "--published", "nightly")

    assert ran.code == 2
    assert "CVSYNC_PREDICTION_KEY" in ran.err


@pytest.mark.parametrize("boxes", [False, True])
def test_published_model_needs_no_training_key(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, boxes: bool
) -> None:
    publish(terminal, train(terminal, boxes=boxes), "nightly")
    project, pictures = terminal.project(), [terminal.pictures / f"{n}.png" for n in range(5)]
    monkeypatch.setenv("CVSYNC_PREDICTION_KEY", "local-prediction-key")
    arguments = (*pictures, "--published", "nightly", "--json", "-o", terminal.folder / "seen")
    known = predictions(terminal.run("test", *arguments))
    monkeypatch.setattr(keys, "_of_environment", PREDICTION_KEY_ONLY.get)
    terminal.forget()

    by_id = predictions(terminal.run("test", *arguments, "-p", project, "-c", "1", "--overwrite"))
    by_name = terminal.run("test", *arguments, "--overwrite")

    assert [one["predictions"] for one in by_id] == [one["predictions"] for one in known]
    asked = {"ClassifyImage": 1, "DetectImage": 5} if boxes else {"ClassifyImage": 5}
    assert calls(terminal) == asked
    assert by_name.code == 2
    assert "by its id" in by_name.err
    manifest = terminal.folder / "m.csv"
    scored = terminal.run("evaluate", manifest, "-p", project, "--published", "nightly", "--json")
    assert events(scored, "evaluated")[0]["images"] == 30
    assert terminal.run("test", *pictures, "-p", project).code == 2  # by quick test it is needed


def test_wrong_name_is_the_first_refusal_where_the_kind_is_not_known(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(terminal)
    project = terminal.project()
    monkeypatch.setattr(keys, "_of_environment", PREDICTION_KEY_ONLY.get)

    ran = terminal.run("test", terminal.pictures / "3.png", "-p", project, "--published", "gone")

    assert ran.code == 7
    assert "ClassifyImage" in ran.err


def test_older_versions_have_nothing_published(trained: Terminal) -> None:
    ran = trained.run("test", trained.pictures / "3.png", "--published", "x", "--api-version", "v2.2")

    assert ran.code == 2
    assert "v3.0" in ran.err


def test_name_that_is_not_published_and_iteration_that_is_not_there(
    trained: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVSYNC_PREDICTION_KEY", "local-prediction-key")
    picture = trained.pictures / "3.png"

    assert trained.run("test", picture, "--published", "nightly").code == 7
    assert trained.run("test", picture, "--iteration", "Iteration 9").code == 7
    assert trained.run("test", picture, "--iteration", "Iteration 1").code == 0


def test_what_is_no_picture_is_told_and_the_others_are_judged(trained: Terminal) -> None:
    bad, big = trained.folder / "bad.png", trained.folder / "big.png"
    bad.write_text("no picture")
    with big.open("wb") as file:
        file.truncate(6_000_001)

    ran = trained.run(
        "test", bad, trained.pictures / "3.png", big, trained.url("gone.png?sig=secret"), "--json"
    )

    assert ran.code == 3
    assert [one["image"] for one in predictions(ran)] == [str(trained.pictures / "3.png")]
    assert [one["code"] for one in events(ran, "item_refused")] == [
        "BadRequestImageFormat",
        "E110",
        "BadRequestImageUrl",
    ]
    assert "secret" not in ran.out + ran.err


def test_what_is_not_there_is_told_before_any_call(trained: Terminal, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, said in (("gone.png", "no file"), ("empty", "no picture in it"), ("ftp://x/y.png", "no file")):
        with pytest.raises(SettingsError, match=said):
            trained.run("test", trained.pictures / "3.png", tmp_path / name if ":" not in name else name)

    assert calls(trained) == {}


def test_boxes_are_drawn_into_copies(terminal: Terminal, tmp_path: Path) -> None:
    train(terminal, boxes=True)
    seen = tmp_path / "seen"

    ran = terminal.run("test", terminal.pictures, terminal.url("4.png"), "-o", seen, "--json")
    again = terminal.run("test", terminal.pictures / "3.png", "-o", seen)
    replaced = terminal.run("test", terminal.pictures / "3.png", "-o", seen, "--overwrite")

    drawn = [one["drawn"] for one in predictions(ran)]
    assert sorted(map(Path, drawn)) == sorted(seen.iterdir())
    assert drawn[-1] == str(seen / "4-2.png")
    assert (seen / "4-2.png").read_bytes() == (seen / "4.png").read_bytes()
    assert (again.code, replaced.code) == (2, 0)
    assert "--overwrite" in again.err
    assert replaced.out.splitlines()[0].endswith(f"-> {seen / '3.png'}")


def test_with_results_a_url_is_downloaded_here(trained: Terminal, tmp_path: Path) -> None:
    ran = trained.run("test", trained.url("4.png"), trained.url("gone.png"), "-o", tmp_path / "seen")

    assert ran.code == 3
    assert calls(trained) == {"QuickTestImage": 1}
    assert [file.name for file in (tmp_path / "seen").iterdir()] == ["4.png"]
    assert "could not be downloaded: status 404" in ran.err


def test_drawing_needs_pillow_and_says_so_first(
    trained: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL.ImageDraw", None)

    ran = trained.run("test", trained.pictures / "3.png", "-o", tmp_path / "seen")

    assert ran.code == 2
    assert "pip install 'cvsync[local]'" in ran.err
    assert calls(trained) == {}


def test_url_that_the_service_cannot_reach_is_sent_as_bytes(trained: Terminal) -> None:
    trained.order(operation="QuickTestImageUrl", kind="status", status=400, body=UNREACHABLE, count=1)

    ran = trained.run("test", trained.url("4.png"))

    assert ran.code == 0
    assert calls(trained) == {"QuickTestImageUrl": 1, "QuickTestImage": 1}


def test_file_that_cannot_be_read_is_told(trained: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)

    ran = trained.run("test", trained.pictures / "3.png")

    assert ran.code == 3
    assert "E111 cannot be read: Permission denied" in ran.err


def test_picture_that_cannot_be_drawn_has_an_answer_and_is_told(
    trained: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(flow, "write_result", refuse)

    ran = trained.run("test", trained.pictures / "3.png", "-o", tmp_path / "seen")

    assert ran.code == 3
    assert ran.out.splitlines()[0] == str(trained.pictures / "3.png")
    assert "No space left on device" in ran.err
