"""Files that a command writes at its end, and could not after hours of work."""

from __future__ import annotations

import json

import click
import pytest
from terminal import Terminal


@pytest.fixture
def filled(terminal: Terminal) -> Terminal:
    terminal.push(terminal.manifest(terminal.rows(2)))
    return terminal


def test_folders_of_a_report_are_made(filled: Terminal) -> None:
    done = filled.run("verify", filled.folder / "m.csv", "--report", filled.folder / "new" / "r.json")

    assert done.code == 0
    assert json.loads((filled.folder / "new" / "r.json").read_text())["equal"] is True


@pytest.mark.parametrize("words", [("verify", "--report"), ("evaluate", "--mistakes")])
def test_a_place_that_takes_no_file_is_refused_at_once(filled: Terminal, words: tuple[str, str]) -> None:
    filled.forget()

    with pytest.raises(click.UsageError, match="is no folder that you may write to"):
        filled.run(words[0], filled.folder / "m.csv", words[1], filled.folder / "m.csv" / "r.txt")

    assert sum(filled.calls().values()) == 0


def test_a_report_takes_the_place_of_no_manifest(filled: Terminal) -> None:
    manifest = filled.folder / "m.json"
    manifest.write_text(json.dumps(filled.rows(2)))
    (filled.folder / "link.json").symlink_to(manifest)

    for name in ("m.json", "link.json"):
        with pytest.raises(click.UsageError, match="is one of the manifests"):
            filled.run("verify", manifest, "--report", filled.folder / name)

    assert json.loads(manifest.read_text()) == filled.rows(2)
