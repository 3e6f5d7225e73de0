"""Asking a person before something is gone for good."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import click

from cvsync.cli import exits
from cvsync.cli.one_line import one_line
from cvsync.errors import SettingsError

NOT_AGREED = exits.INTERRUPTED  # nothing was done, as if it had come at once


def asking(*, yes: bool) -> Callable[[str], bool]:
    """Give what asks whether something may be removed; with ``yes`` it agrees by itself.

    It raises a SettingsError where there is no terminal to ask at.
    """
    return (lambda _: True) if yes else _ask


def _ask(what: str) -> bool:
    if not _is_terminal():
        raise SettingsError(f"this removes {what}; there is no terminal to ask at, so say --yes")
    # A running event loop takes Ctrl-C for itself, and would not see it while this waits for an answer.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return click.confirm(f"Remove {one_line(what)}?", err=True)
    except click.Abort:
        return False
    finally:
        signal.signal(signal.SIGINT, handler)


def _is_terminal() -> bool:
    return sys.stdin.isatty()
