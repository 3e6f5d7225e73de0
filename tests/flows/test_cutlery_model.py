"""A detector of real photographs: whoever is asked says the same, and is judged alike."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from terminal import Terminal
from trained import events, predictions, publish

from cvsync.api.client import open_client
from cvsync.cli import process
from cvsync.emulator import EmulatorSettings, EmulatorThread
from cvsync.scores import Said, Truth, match, score
from cvsync.settings import Settings

pytest.importorskip("onnxruntime")
RUN_EXPORTED = Path(__file__).parents[1] / "contract" / "run_exported.py"
TRAINED_ON = 15
Row = dict[str, str]


def rows_of(cutlery: Path) -> tuple[list[Row], list[Row]]:
    """The rows of the first fifteen pictures of each tag, and the rest."""
    with (cutlery / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    by_number = [(int(row["path"].rpartition("_")[2].removesuffix(".jpg")), row) for row in rows]
    known = [row for number, row in by_number if number <= TRAINED_ON]
    return known, [row for number, row in by_number if number > TRAINED_ON]


@pytest.fixture(scope="module")
def detector(cutlery: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A project of 30 photographs, trained, published as `nightly`, and exported into the folder.

    One for all tests here, as training takes its time; none of them changes it.
    """
    folder = tmp_path_factory.mktemp("detector")
    settings = EmulatorSettings(data=folder / "data", train_in_process=False)
    with EmulatorThread(settings) as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "arrange", lambda: None)  # this process goes on afterwards
        patch.setenv("CVSYNC_PREDICTION_KEY", "local-prediction-key")
        terminal = Terminal(emulator, folder, folder, folder / "state")
        options = ("--images", cutlery, "--train", "--export", "onnx", "--export-dir", folder)
        assert terminal.push(terminal.manifest(rows_of(cutlery)[0]), *options).code == 0
        (iteration,) = terminal._ask(f"customvision/v3.3/training/projects/{terminal.project()}/iterations")
        publish(terminal, iteration["id"], "nightly")
        yield terminal


def said_by_onnx(archive: Path, pictures: list[Path]) -> list[list[Any]]:
    command = [sys.executable, str(RUN_EXPORTED), str(archive), *map(str, pictures)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [sorted(line, key=lambda one: -one[1]) for line in lines]


def in_plain(predictions: list[dict[str, Any]]) -> list[list[Any]]:
    """Tag, probability and corners, as the exported model's program prints them."""
    listed = []
    for one in predictions:
        left, top, width, height = one["box"]
        listed.append([one["tag"], one["probability"], [left, top, left + width, top + height]])
    return listed


def test_quick_test_prediction_endpoint_and_exported_model_say_the_same(
    detector: Terminal, cutlery: Path
) -> None:
    pictures = [cutlery / row["path"] for row in rows_of(cutlery)[1]]
    (archive,) = detector.folder.glob("*.zip")

    quick = [in_plain(one["predictions"]) for one in predictions(detector.run("test", *pictures, "--json"))]
    published = predictions(detector.run("test", *pictures, "--published", "nightly", "--json"))
    exported = said_by_onnx(archive, pictures)

    assert len(quick) == 10
    assert [in_plain(one["predictions"]) for one in published] == quick
    for ours, theirs in zip(quick, exported, strict=True):
        assert [tag for tag, *_ in ours] == [tag for tag, *_ in theirs]
        assert [p for _, p, _ in ours] == pytest.approx([p for _, p, _ in theirs], abs=1e-4)
        assert np.array([box for *_, box in ours]) == pytest.approx(
            np.array([box for *_, box in theirs]), abs=1e-4
        )


async def test_figures_are_the_services_own_where_both_know_the_answers(detector: Terminal) -> None:
    """Of the images that the service held out, it tells the labels, what it predicted and its figures."""
    settings = Settings(endpoint=detector.emulator.url, training_key="local-training-key")
    project = detector.project()
    async with open_client(settings) as (client, _):
        (iteration,) = await client.get_iterations(project)
        images = await client.get_image_performances(project, iteration.id)
        for threshold, overlap in ((0.5, 0.3), (0.7, 0.5), (0.05, 0.1)):
            theirs = await client.get_iteration_performance(
                project, iteration.id, threshold=threshold, overlap_threshold=overlap
            )
            tags = [one.id for one in theirs.per_tag_performance]
            truth, said = columns(images, tags)
            found = match(truth, said, overlap=overlap)
            scores, overall = score(truth, said, found, tags=len(tags), threshold=threshold)

            assert overall.labels == len(images) == 6
            for ours, its in zip([*scores, overall], [*theirs.per_tag_performance, theirs], strict=True):
                figures = [ours.precision or 0.0, ours.recall, ours.average_precision]
                assert figures == pytest.approx([its.precision, its.recall, its.average_precision], abs=1e-6)


def columns(images: Any, tags: list[str]) -> tuple[Truth, Said]:
    labels = [(n, r.tag_id, r) for n, image in enumerate(images) for r in image.regions]
    found = [(n, p.tag_id, p.bounding_box, p) for n, image in enumerate(images) for p in image.predictions]

    def boxes(places: list[Any]) -> np.ndarray:
        return np.array([(b.left, b.top, b.width, b.height) for b in places])

    return (
        Truth(
            np.array([n for n, *_ in labels]), np.array([tags.index(t) for _, t, _ in labels]),
            boxes([r for *_, r in labels]),
        ),
        Said(
            np.array([n for n, *_ in found]), np.array([tags.index(t) for _, t, *_ in found]),
            np.array([p.probability for *_, p in found]), boxes([b for _, _, b, _ in found]),
        ),
    )  # fmt: skip


def test_held_out_photographs_are_judged(detector: Terminal, cutlery: Path) -> None:
    manifest = detector.manifest(rows_of(cutlery)[1], "held-out.csv")

    quick = events(detector.run("evaluate", manifest, "--images", cutlery, "--json"), "evaluated")
    published = events(
        detector.run("evaluate", manifest, "--images", cutlery, "--published", "nightly", "--json"),
        "evaluated",
    )

    figures = ("labels", "predictions", "hits", "average_precision", "mistakes")
    assert [quick[0][name] for name in figures] == [published[0][name] for name in figures]
    assert (quick[0]["images"], quick[0]["labels"]) == (10, 10)
    assert quick[0]["recall"] >= 0.8
    assert quick[0]["average_precision"] > 0.4  # a detector that sees nothing has 0
