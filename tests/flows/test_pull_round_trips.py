"""What is pulled is all that there is: pushed elsewhere it makes an equal project, and back, no change."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make import make_png
from terminal import StartServed, Terminal

from cvsync.labels import fold
from cvsync.manifest import Reading, read

Row = dict[str, Any]
ODD = ["=1+1", "007", "NA", "null", "a;b", 'q"u', "../x", "CON", "true", "Löffel", "𝔉ork", "-x", "@y", "ａ"]
BOXES = st.tuples(
    *(st.floats(0, 0.5, width=32) for _ in range(2)), *(st.floats(1 / 128, 0.5, width=32) for _ in range(2))
)
TAGS = st.lists(
    st.sampled_from(ODD) | st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20),
    min_size=1, max_size=6, unique_by=fold,
)  # fmt: skip


@st.composite
def detection(draw: st.DrawFn) -> list[Row]:
    """Images with 0 to 300 boxes, some the same picture under another key."""
    tags = draw(TAGS)
    rows: list[Row] = []
    for n in range(draw(st.integers(1, 5))):
        few = st.lists(st.tuples(st.sampled_from(tags), BOXES), max_size=4, unique=True)
        labels = draw(few) or [(None, (None,) * 4)]
        rows += [_row(n, tag, box) for tag, box in labels]
    if draw(st.booleans()):
        rows += [_row(9, tags[n % len(tags)], (n / 512, 0.25, 0.25, 0.5)) for n in range(300)]
    if draw(st.booleans()):
        rows += [row | {"path": f"twin-{row['path']}"} for row in rows if row["path"] == "0.png"]
    return rows


@st.composite
def classification(draw: st.DrawFn) -> list[Row]:
    """Images with several tags, with none, and with the one that says that there is nothing."""
    *tags, negative = draw(TAGS.filter(lambda tags: len(tags) > 1))
    rows = []
    for n in range(draw(st.integers(1, 6))):
        worn = draw(st.lists(st.sampled_from(tags), max_size=3, unique=True))
        rows += [_row(n, tag) for tag in worn] or [_row(n, None)]
    return [*rows, _row(7, negative) | {"tag_type": "Negative"}, *(_row(8, tag) for tag in tags[:2])]


def _row(number: int, tag: str | None, box: tuple[float | None, ...] = ()) -> Row:
    sides = dict(zip(("left", "top", "width", "height"), box, strict=False))
    return {"path": f"{number}.png", "tag": tag, "tag_type": None} | sides


def fill(terminal: Terminal, rows: list[Row], type_: str) -> None:
    for path in {row["path"] for row in rows}:
        number = int("".join(filter(str.isdigit, path)))
        (terminal.pictures / path).write_bytes(make_png(number))
    manifest = terminal.pictures / "m.parquet"
    pq.write_table(pa.Table.from_pylist(rows), manifest)
    pushed = terminal.push(manifest, "--type", type_)
    assert pushed.code == 0, pushed.err


def assert_all_comes_back(terminal: Terminal, form: str, start: StartServed, type_: str) -> None:
    """Pull with an empty ledger, push back, and push into an empty project."""
    folder = terminal.folder / "out"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(terminal.state)
    pulled = terminal.run("pull", "-o", folder, "-f", form)
    assert pulled.code == 0, pulled.err
    assert terminal.run("verify", folder, "--all-bytes").out.splitlines()[-1] == "equal"
    terminal.forget()
    assert terminal.run("push", folder).out == "nothing to do\n"
    assert terminal.writes() == {}
    before = len(terminal.images())
    terminal.emulator = start()
    pushed = terminal.push(folder, "--type", type_)
    assert pushed.code == 0, pushed.err
    assert terminal.run("verify", folder, "--all-bytes").out.splitlines()[-1] == "equal"
    assert len(terminal.images()) == before


few = settings(
    max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@few
@given(rows=detection(), form=st.sampled_from(["parquet", "csv", "jsonl", "azureml", "coco", "yolo"]))
def test_boxes_come_back(terminal: Terminal, start_served: StartServed, rows: list[Row], form: str) -> None:
    _clear(terminal, start_served)
    fill(terminal, rows, "detection")

    assert_all_comes_back(terminal, form, start_served, "detection")


@few
@given(rows=classification(), form=st.sampled_from(["parquet", "tsv", "jsonl", "azureml"]))
def test_tags_come_back(terminal: Terminal, start_served: StartServed, rows: list[Row], form: str) -> None:
    _clear(terminal, start_served)
    fill(terminal, rows, "multilabel")

    assert_all_comes_back(terminal, form, start_served, "multilabel")


def _clear(terminal: Terminal, start: StartServed) -> None:
    terminal.emulator = start()
    shutil.rmtree(terminal.state, ignore_errors=True)
    for file in terminal.pictures.iterdir():
        file.unlink()


@pytest.mark.parametrize("form", ["parquet", "jsonl", "azureml", "coco", "yolo"])
def test_photographs_come_back(
    terminal: Terminal, start_served: StartServed, cutlery: Path, form: str
) -> None:
    pushed = terminal.push(cutlery / "manifest.csv")
    assert pushed.code == 0, pushed.err

    assert_all_comes_back(terminal, form, start_served, "detection")


def test_photographs_come_back_through_voc_within_half_a_pixel(
    terminal: Terminal, start_served: StartServed, cutlery: Path
) -> None:
    terminal.push(cutlery / "manifest.csv")
    folder = terminal.folder / "out"
    for form in ("parquet", "voc"):
        terminal.run("pull", "-o", folder, "-f", form)
    exact, rounded = (
        read([place], Reading(format=form)).labels.to_pandas().astype({"key": str}).sort_values("key")
        for place, form in ((folder / "manifest.parquet", "parquet"), (folder, "voc"))
    )
    terminal.emulator = start_served()
    terminal.push(folder, "--from", "voc")

    assert exact["key"].tolist() == rounded["key"].tolist()
    for near, far, size in (("left", "width", "image_width"), ("top", "height", "image_height")):
        pixels = exact[size].to_numpy()
        first = (exact[near].to_numpy() - rounded[near].to_numpy()) * pixels
        last = first + (exact[far].to_numpy() - rounded[far].to_numpy()) * pixels
        assert max(abs(first).max(), abs(last).max()) < 0.501
    assert terminal.run("verify", folder, "--from", "voc", "--all-bytes").code == 0
