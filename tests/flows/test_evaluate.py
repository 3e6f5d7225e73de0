"""`cvsync evaluate`: a labelled manifest through a model, scored here."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import click
import pytest
from make import make_png, write_csv
from terminal import BOX, Ran, Terminal
from trained import calls, events, publish, train

from cvsync.cli import keys
from cvsync.cli.evaluate import write_mistakes
from cvsync.flows.evaluate import Mistake

pytestmark = pytest.mark.usefixtures("quick_learner")
Row = dict[str, Any]


def held_out(terminal: Terminal, rows: list[Row]) -> Path:
    """A manifest of pictures that the model never saw."""
    for row in rows:
        name = row.setdefault("path", f"new-{len(list(terminal.folder.glob('new-*.png')))}.png")
        if not (terminal.folder / name).exists():
            (terminal.folder / name).write_bytes(make_png(sum(name.encode()), (8, 6)))
    return write_csv(terminal.folder / "held-out.csv", rows)


def figures(ran: Ran) -> dict[str, tuple[Any, ...]]:
    """Labels, predictions, hits, precision, recall and AP by tag; those of all by the empty text."""
    names = ("labels", "predictions", "hits", "precision", "recall", "average_precision")
    lines = events(ran, "tag_score") + events(ran, "evaluated")
    return {line.get("tag", ""): tuple(line[name] for name in names) for line in lines}


def test_classifier_is_scored_tag_by_tag(terminal: Terminal) -> None:
    """The learner says of every picture: Löffel 57.6 %, fork 7.6 %."""
    train(terminal)
    manifest = held_out(terminal, [{"tag": tag} for tag in ["LÖFFEL"] * 3 + ["fork"] * 2])

    ran = terminal.run("evaluate", manifest, "--json")

    assert ran.code == 0
    assert figures(ran) == {
        "fork": (2, 0, 0, None, 0.0, 0.4),
        "Löffel": (3, 5, 3, 0.6, 1.0, 0.6),
        "": (5, 5, 3, 0.6, 0.6, 0.5),
    }
    missed, wrong = events(ran, "mistake")[:2]
    assert (missed["kind"], missed["tag"]) == ("missed", "fork")
    assert missed["probability"] == pytest.approx(0.0756, abs=1e-4)
    assert (wrong["kind"], wrong["tag"], wrong["image"]) == ("wrong", "Löffel", missed["image"])
    (whole,) = events(ran, "evaluated")
    assert (whole["images"], whole["refused"], whole["mistakes"], whole["overlap"]) == (5, 0, 4, None)


def test_people_see_a_table_and_mistakes_go_to_a_file(terminal: Terminal, tmp_path: Path) -> None:
    train(terminal)
    manifest = held_out(terminal, [{"tag": tag} for tag in ["Löffel"] * 3 + ["fork"] * 2])

    ran = terminal.run("evaluate", manifest, "--mistakes", tmp_path / "mistakes.csv")

    assert ran.out.splitlines()[:5] == [
        "Iteration 1: 5 images, probability from 0.5",
        "  tag       labels     said    right  precision  recall      AP",
        "  fork           2        0        0          -    0.0%   40.0%",
        "  Löffel         3        5        3      60.0%  100.0%   60.0%",
        "  overall        5        5        3      60.0%   60.0%   50.0%",
    ]
    with (tmp_path / "mistakes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["mistake"], row["tag"], row["left"]) for row in rows] == [
        (f"new-{n}.png", *mistake, "")
        for n in (3, 4)
        for mistake in (("missed", "fork"), ("wrong", "Löffel"))
    ]


def test_detector_is_scored_by_overlap(terminal: Terminal) -> None:
    """The learner says of every picture: Löffel 57.6 %, fork 7.6 %, both at one box."""
    train(terminal, boxes=True)
    half = BOX | {"width": 0.15}
    manifest = held_out(terminal, [{"tag": "Löffel"} | BOX, {"tag": "Löffel"} | half, {"tag": "fork"} | BOX])

    loose = figures(terminal.run("evaluate", manifest, "--json"))
    strict = figures(terminal.run("evaluate", manifest, "--json", "--overlap", "0.6"))
    low = figures(terminal.run("evaluate", manifest, "--json", "--threshold", "0.05"))

    assert loose["Löffel"] == (2, 3, 2, pytest.approx(2 / 3), 1.0, pytest.approx(2 / 3))
    assert strict["Löffel"] == (2, 3, 1, pytest.approx(1 / 3), 0.5, pytest.approx(1 / 6))
    assert low["fork"] == (1, 3, 1, pytest.approx(1 / 3), 1.0, pytest.approx(1 / 3))


def test_images_that_cannot_be_judged_are_told_and_left_out(terminal: Terminal) -> None:
    train(terminal, boxes=True)
    rows: list[Row] = [{"tag": "Löffel"} | BOX for _ in range(3)]
    manifest = held_out(terminal, [*rows, {"path": "gone.png", "tag": "fork"} | BOX])
    (terminal.folder / "gone.png").unlink()
    with manifest.open("a", encoding="utf-8") as file:
        file.write("Löffel,0.5,0.5,0.9,0.9,new-1.png\n")  # outside: the image's labels are not whole

    ran = terminal.run("evaluate", manifest, "--json")

    assert ran.code == 3
    assert [(r["code"], r.get("image") or r["row"]) for r in events(ran, "item_refused")] == [
        ("E012", 5), ("E111", "gone.png"),
    ]  # fmt: skip
    (whole,) = events(ran, "evaluated")
    assert (whole["images"], whole["refused"], whole["labels"]) == (2, 2, 2)


def test_nothing_that_can_be_judged_has_no_figures(terminal: Terminal) -> None:
    train(terminal)
    manifest = held_out(terminal, [{"path": "gone.png", "tag": "fork"}])
    (terminal.folder / "gone.png").unlink()

    ran = terminal.run("evaluate", manifest, "--json")

    assert ran.code == 3
    assert figures(ran) == {"": (0, 0, 0, None, None, None)}


def test_bad_row_under_strict_asks_for_nothing(terminal: Terminal) -> None:
    train(terminal)
    manifest = held_out(terminal, [{"tag": "fork"} | BOX])
    terminal.forget()

    assert terminal.run("evaluate", manifest, "--strict").code == 4
    assert terminal.run("evaluate", manifest).code == 4  # no image is left
    assert calls(terminal) == {}


def test_tag_that_the_model_does_not_know_is_missed_and_said(terminal: Terminal) -> None:
    train(terminal)
    manifest = held_out(terminal, [{"tag": "Löffel"}, {"tag": "knife"}])

    ran = terminal.run("evaluate", manifest)
    told = events(terminal.run("evaluate", manifest, "--json"), "tag_score")

    assert "the model does not know 'knife'" in ran.out
    assert {line["tag"]: line["known"] for line in told} == {"knife": False, "Löffel": True}


def test_image_without_a_label_counts_what_is_said_of_it_as_wrong(terminal: Terminal) -> None:
    train(terminal)
    manifest = held_out(terminal, [{"tag": "Löffel"}, {"tag": ""}])

    assert figures(terminal.run("evaluate", manifest, "--json"))["Löffel"] == (1, 2, 1, 0.5, 1.0, 0.5)


def test_images_of_the_project_are_warned_of(terminal: Terminal) -> None:
    train(terminal)

    ran = terminal.run("evaluate", terminal.folder / "m.csv")

    assert ran.code == 0
    assert "30 of these images are in the project" in ran.err


def test_nothing_is_kept_unless_asked_and_published_models_can_be_held_too(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(terminal, train(terminal), "nightly")
    monkeypatch.setenv("CVSYNC_PREDICTION_KEY", "local-prediction-key")
    manifest = held_out(terminal, [{"tag": "Löffel"}, {"tag": "fork"}])
    kept = f"customvision/v3.3/training/projects/{terminal.project()}/predictions/query"
    terminal.forget()

    quick = figures(terminal.run("evaluate", manifest, "--json"))
    published = figures(terminal.run("evaluate", manifest, "--json", "--published", "nightly"))

    assert quick == published
    assert calls(terminal) == {"QuickTestImage": 2, "ClassifyImageWithNoStore": 2}
    assert terminal._ask(kept, "POST", {})["results"] == []
    terminal.run("evaluate", manifest, "--store")
    assert len(terminal._ask(kept, "POST", {})["results"]) == 2


def test_older_versions_are_asked_as_they_understand_it(terminal: Terminal) -> None:
    train(terminal)
    manifest = held_out(terminal, [{"tag": "Löffel"}])

    assert terminal.run("evaluate", manifest, "--api-version", "v2.2").code == 0


def test_file_for_mistakes_that_cannot_be_written_is_told(terminal: Terminal, tmp_path: Path) -> None:
    train(terminal)
    manifest = held_out(terminal, [{"tag": "fork"}])

    with pytest.raises(click.UsageError, match="is no folder that you may write to"):
        terminal.run("evaluate", manifest, "--mistakes", manifest / "m.csv")
    with pytest.raises(click.BadParameter):
        terminal.run("evaluate", manifest, "--mistakes", tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    ran = terminal.run("evaluate", manifest, "--mistakes", tmp_path / "loop")

    assert ran.code == 2
    assert "--mistakes" in ran.err


@pytest.mark.parametrize("boxes", [False, True])
def test_labels_of_another_kind_than_the_published_model_are_refused(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, boxes: bool
) -> None:
    """Without a training key nothing tells its kind but its answers."""
    publish(terminal, train(terminal, boxes=boxes), "nightly")
    manifest = held_out(terminal, [{"tag": "fork"} | ({} if boxes else BOX)])
    project = terminal.project()
    monkeypatch.setattr(keys, "_of_environment", {keys.PREDICTION: "local-prediction-key"}.get)

    ran = terminal.run("evaluate", manifest, "-p", project, "--published", "nightly")

    assert ran.code == 2
    assert f"nightly is {'a detector' if boxes else 'a classifier'}, and the manifest has labels" in ran.err


def test_queries_of_urls_are_not_shown(terminal: Terminal, tmp_path: Path) -> None:
    train(terminal)
    urls = [terminal.url(name) + "?token=secret" for name in ("0.png", "gone.png")]
    manifest = write_csv(tmp_path / "urls.csv", [{"url": url, "tag": "fork"} for url in urls])

    for form in ("--json", "-v"):
        ran = terminal.run("evaluate", manifest, form, "--mistakes", tmp_path / "mistakes.csv")

        assert "0.png" in ran.out
        assert "secret" not in ran.out + ran.err + (tmp_path / "mistakes.csv").read_text(encoding="utf-8")


def test_list_of_mistakes_never_replaces_a_manifest(terminal: Terminal) -> None:
    manifest = held_out(terminal, [{"tag": "fork"}])
    for name in (manifest, manifest.with_name("held*.csv")):
        with pytest.raises(click.UsageError, match="is one of the manifests"):
            terminal.run("evaluate", name, "--mistakes", manifest)


def test_list_of_mistakes_that_cannot_be_written_whole_leaves_the_older_one(tmp_path: Path) -> None:
    path = tmp_path / "mistakes.csv"
    path.write_text("older", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        write_mistakes((Mistake("a.png", "wrong", "\ud800", 0.5, None),), path)

    assert [file.read_text(encoding="utf-8") for file in tmp_path.iterdir()] == ["older"]
