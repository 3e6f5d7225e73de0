"""Files of plans, from the command line: what is none, and what cannot be one yet."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from terminal import Terminal

from cvsync.errors import SettingsError


def test_a_plan_for_a_project_that_is_not_there_says_how_it_is_made(terminal: Terminal) -> None:
    manifest, saved = terminal.manifest(terminal.rows(3)), terminal.folder / "shelf.plan"
    options = ("-p", "my shelf", "--create-project", "-o", saved)

    planned = terminal.run("plan", manifest, *options)
    made = terminal.run("project", "create", "my shelf", "--type", "detection")
    again = terminal.run("plan", manifest, *options)

    assert planned.code == 2
    assert "`cvsync project create 'my shelf' --type detection` makes it" in planned.err
    assert (made.code, again.code, saved.exists()) == (0, 0, True)


def test_a_saved_plan_is_named_such_that_the_command_can_be_copied(terminal: Terminal) -> None:
    terminal.push(terminal.manifest(terminal.rows(3)))
    saved = terminal.folder / "my shelf.plan"

    planned = terminal.run("plan", terminal.manifest(terminal.rows(4)), "-o", saved)

    _, command, _ = planned.out.splitlines()[-1].split("`")
    assert shlex.split(command) == ["cvsync", "apply", str(saved)]


def test_a_file_that_is_no_plan_is_a_wrong_argument(terminal: Terminal) -> None:
    applied = terminal.run("apply", terminal.manifest(terminal.rows(1)))

    assert applied.code == 2
    assert "cannot be read as a plan" in applied.err


def _write_table(path: Path) -> None:
    pq.write_table(pa.table({"url": ["https://pictures.test/1.jpg"]}), path)


def _write_text(path: Path) -> None:
    path.write_text("url,tag\nhttps://pictures.test/1.jpg,fork\n")


@pytest.mark.parametrize("write", [_write_table, _write_text])
def test_a_plan_takes_the_place_of_no_other_file(terminal: Terminal, write: Callable[[Path], None]) -> None:
    manifest, other = terminal.manifest(terminal.rows(3)), terminal.folder / "other.parquet"
    terminal.push(manifest)
    write(other)
    before = other.read_bytes()
    terminal.forget()

    with pytest.raises(SettingsError, match="is there and is no plan"):
        terminal.run("plan", manifest, "-o", other)

    assert (other.read_bytes(), terminal.calls()) == (before, {})


def test_a_plan_takes_the_place_of_an_older_one_and_of_an_empty_file(terminal: Terminal) -> None:
    """As `mktemp` makes it."""
    saved = terminal.folder / "shelf.plan"
    saved.touch()
    terminal.push(terminal.manifest(terminal.rows(3)))

    codes = [terminal.run("plan", terminal.manifest(terminal.rows(n)), "-o", saved).code for n in (4, 5)]

    assert codes == [0, 0]
    assert "images created" in terminal.run("apply", saved).out
