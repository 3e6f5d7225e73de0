"""Results: what a command says on stdout at its end."""

from __future__ import annotations

from collections.abc import Iterable

import click

from cvsync.cli import exits
from cvsync.cli.common import Common


def show_done(common: Common, code: int, lines: Iterable[str]) -> int:
    """Show what a command did, and give its exit code.

    Not where events say it, and not with ``--quiet`` where all went well. What a command was asked to show,
    as a plan or a list, is shown by itself whatever ``--quiet`` says.
    """
    if not common.json and not (common.quiet and code == exits.OK):
        for line in lines:
            click.echo(line)
    return code
