"""What somebody changed in a pulled folder is not lost to the next pull."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminal import Terminal


@pytest.fixture
def pulled(terminal: Terminal) -> Path:
    """A folder of a project with three images."""
    boxes = {"left": 0.25, "top": 0.5, "width": 0.25, "height": 0.125}
    terminal.push(terminal.manifest([row | boxes for row in terminal.rows(3)]))
    folder = terminal.folder / "out"
    terminal.run("pull", "-o", folder)
    return folder


def kept(folder: Path) -> dict[str, str]:
    state = folder / ".cvsync" / "kept"
    return {
        "/".join(f.relative_to(state).parts[1:]): f.read_text() for f in state.rglob("*.*") if f.is_file()
    }


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("csv", ["manifest.csv"]), ("coco", ["manifest.json"]), ("yolo", ["data.yaml", "labels/mine.txt"]),
        ("yolo", ["images.csv", "labels/train/mine.txt"]), ("voc", ["Annotations/mine.xml", "images.csv"]),
    ],
)  # fmt: skip
def test_labels_that_somebody_edited_or_added_are_kept(
    terminal: Terminal, pulled: Path, form: str, names: list[str], is_first: bool
) -> None:
    if not is_first:
        terminal.run("pull", "-o", pulled, "-f", form)
    for name in names:
        (pulled / name).parent.mkdir(parents=True, exist_ok=True)
        (pulled / name).write_text("of mine")

    done = terminal.run("pull", "-o", pulled, "-f", form)

    assert done.code == 0
    assert {name for name, text in kept(pulled).items() if text == "of mine"} == {*names}
    for name in names:
        part = pulled / name.partition("/")[0]
        assert f"warning: {part} is not as a pull wrote it; it is replaced, and kept as {pulled}/" in done.err


@pytest.mark.parametrize("form", ["parquet", "csv", "yolo", "voc"])
def test_a_manifest_as_it_was_pulled_is_just_replaced(terminal: Terminal, pulled: Path, form: str) -> None:
    terminal.run("pull", "-o", pulled, "-f", form)

    again = terminal.run("pull", "-o", pulled, "-f", form)

    assert again.code == 0
    assert "is not as a pull wrote it" not in again.err
    assert kept(pulled) == {}


def test_a_link_in_the_place_of_labels_is_replaced_and_what_it_leads_to_stays(
    terminal: Terminal, pulled: Path
) -> None:
    mine = terminal.folder / "mine"
    mine.mkdir()
    (mine / "a.txt").write_text("of mine")
    (pulled / "labels").symlink_to(mine)

    done = terminal.run("pull", "-o", pulled, "-f", "yolo")

    assert done.code == 0
    assert (mine / "a.txt").read_text() == "of mine"
    assert len([*(pulled / "labels").iterdir()]) == 3
