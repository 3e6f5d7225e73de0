"""Folders whose files have the same paths."""

from __future__ import annotations

from pathlib import Path

import pytest
from make import make_png, write_csv
from terminal import Terminal


def manifest(terminal: Terminal, folder: str, *files: str, key: str = "") -> Path:
    """Pictures of a folder's own; ``key`` begins the key of each, if it is given."""
    place = terminal.folder / folder
    place.mkdir(exist_ok=True)
    rows = []
    for file in files:
        (place / file).write_bytes(make_png(("spring", "summer").index(folder) * 10 + int(file[0])))
        rows.append({"path": file, "tag": folder} | ({"key": key + file} if key else {}))
    return write_csv(place / "m.csv", rows)


@pytest.fixture
def pushed(terminal: Terminal) -> Terminal:
    """A project with two pictures of the folder ``spring``."""
    terminal.push(manifest(terminal, "spring", "0.png", "1.png"), "--type", "multilabel")
    return terminal


def test_another_folder_with_the_same_paths_is_told_until_it_is_pushed(pushed: Terminal) -> None:
    other = manifest(pushed, "summer", "1.png", "2.png")
    warning = (
        f"warning: 1 images of {pushed.folder / 'summer'} have the paths of images of another folder, as "
        f"{pushed.folder / 'spring'}, and are taken for them"
    )

    told = [warning in pushed.run(verb, other).err for verb in ("plan", "plan", "push", "plan", "push")]

    assert told == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("folder", "files", "key"),
    [("spring", ["0.png", "2.png"], ""), ("summer", ["2.png"], ""), ("summer", ["0.png"], "summer/")],
    ids=["the same folder", "other paths", "keys of their own"],
)
def test_what_cannot_be_mistaken_is_not_told(
    pushed: Terminal, folder: str, files: list[str], key: str
) -> None:
    again = manifest(pushed, folder, *files, key=key)

    assert [pushed.run(verb, again).err.count("warning") for verb in ("plan", "push")] == [0, 0]


def test_a_path_that_begins_at_the_root_is_the_same_file_from_everywhere(pushed: Terminal) -> None:
    rows = [{"path": str(pushed.folder / "spring" / "0.png"), "tag": "spring"}]
    for folder in ("one", "other"):
        (pushed.folder / folder).mkdir()
    pushed.push(write_csv(pushed.folder / "one" / "m.csv", rows))

    done = pushed.run("plan", write_csv(pushed.folder / "other" / "m.csv", rows))

    assert "of another folder" not in done.err


def test_a_folder_of_urls_is_none(pushed: Terminal) -> None:
    pushed.push(pushed.manifest([{"url": pushed.url("0.png"), "tag": "fork"}]))

    assert "warning" not in pushed.run("plan", manifest(pushed, "spring", "0.png", "1.png")).err


def test_keys_that_change_with_the_folder_of_all_manifests_are_told_until_they_are_known(
    pushed: Terminal,
) -> None:
    """A job whose glob finds one folder on one night and two on the next."""
    spring, summer = pushed.folder / "spring" / "m.csv", manifest(pushed, "summer", "5.png")
    warning = (
        f"warning: 2 images have other keys than before, since paths start from {pushed.folder} now, where "
        f"all manifests are below, and no longer from {pushed.folder / 'spring'}"
    )

    told = [warning in pushed.run(verb, spring, summer).err for verb in ("plan", "push", "plan")]

    assert told == [True, True, False]
    assert len(pushed.images()) == 3


def test_keys_that_change_with_a_deeper_folder_are_told_too(terminal: Terminal) -> None:
    both = manifest(terminal, "spring", "0.png"), manifest(terminal, "summer", "1.png")
    terminal.push(*both, "--type", "multilabel")

    planned = terminal.run("plan", both[0])

    assert f"1 images have other keys than before, since paths start from {both[0].parent} now" in planned.err
