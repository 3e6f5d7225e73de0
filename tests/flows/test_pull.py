"""Taking a project out, and back in."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from terminal import StartServed, Terminal


@pytest.fixture
def filled(terminal: Terminal) -> Terminal:
    """A project with twelve images."""
    terminal.push(terminal.manifest(rows(terminal, 12)))
    return terminal


def rows(terminal: Terminal, count: int) -> list[dict[str, Any]]:
    """Rows with boxes of whole pixels, which any format can hold."""
    return [row | {"left": 0.25, "top": 0.5, "width": 0.25, "height": 0.125} for row in terminal.rows(count)]


def sums(folder: Path) -> list[str]:
    return sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir())


def test_a_pull_brings_images_and_their_labels(filled: Terminal) -> None:
    done = filled.run("pull", "-o", filled.folder / "out")

    assert done.code == 0
    assert sums(filled.folder / "out" / "images") == sums(filled.pictures)
    table = pq.read_table(filled.folder / "out" / "manifest.parquet")
    assert table.column_names == [
        "key", "path", "tag", "left", "top", "width", "height", "image_id", "image_width", "image_height",
        "sha256", "size",
    ]  # fmt: skip
    row = table.to_pylist()[0]
    file = filled.folder / "out" / row["path"]
    assert row["path"] == f"images/{row['image_id']}.png"
    assert row["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert row["size"] == file.stat().st_size
    assert {row["key"] for row in table.to_pylist()} == {filled.url(f"{n}.png") for n in range(12)}
    assert "12 images fetched" in done.out


def test_a_second_pull_fetches_only_what_changed(filled: Terminal) -> None:
    filled.run("pull", "-o", filled.folder / "out")
    filled.push(filled.manifest(rows(filled, 15)))

    done = filled.run("pull", "-o", filled.folder / "out")

    assert done.out.startswith("3 images fetched")
    assert "12 there already" in done.out
    assert sums(filled.folder / "out" / "images") == sums(filled.pictures)


@pytest.mark.parametrize("form", ["parquet", "csv", "tsv", "jsonl", "coco", "yolo", "voc"])
def test_what_was_pulled_pushed_into_the_same_project_changes_nothing(filled: Terminal, form: str) -> None:
    pulled = filled.folder / "out"
    assert filled.run("pull", "-o", pulled, "-f", form).code == 0
    filled.state = filled.folder / "another"
    filled.forget()

    again = filled.run("push", pulled)

    assert (again.code, again.out) == (0, "nothing to do\n")
    assert filled.writes() == {}


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl", "azureml", "coco", "yolo", "voc"])
def test_what_was_pulled_fills_an_empty_project(
    filled: Terminal, form: str, start_served: StartServed
) -> None:
    pulled = filled.folder / "out"
    filled.run("pull", "-o", pulled, "-f", form)
    filled.emulator = start_served()

    pushed = filled.push(pulled)
    verified = filled.run("verify", pulled, "--all-bytes")

    assert (pushed.code, verified.code) == (0, 0), verified.out
    assert len(filled.images()) == 12
    assert filled.writes() == {"CreateProject": 1, "CreateTag": 2, "CreateImagesFromFiles": 1}
