"""Results: what a command says on stdout at its end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from cvsync.cli import exits
from cvsync.cli.common import Common
from cvsync.cli.one_line import one_line

if TYPE_CHECKING:
    from cvsync.manifest import Written


def written_line(written: Written) -> str:
    """Tell which manifest was written, and what is in it."""
    what = f"{written.labels:,} labels of {written.images:,} images"
    return f"wrote {written.path}: {what} as {written.format.name} ({written.format.holds.precision})"


def show_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Show lines to people, on stdout or stderr; each is one, whatever names of strangers stand in it."""
    for line in lines:
        click.echo(one_line(line), err=err)


def show_done(common: Common, code: int, lines: Iterable[str]) -> int:
    """Show what a command did, and give its exit code.

    Not where events say it, and not with ``--quiet`` where all went well. What a command was asked to show,
    as a plan or a list, is shown by itself whatever ``--quiet`` says.
    """
    if not common.json and not (common.quiet and code == exits.OK):
        show_lines(lines)
    return code
