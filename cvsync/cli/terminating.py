"""SIGTERM where no event loop takes it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Terminated(BaseException):
    """SIGTERM came."""


def terminate(*_: object) -> None:
    """Handle the signal."""
    raise Terminated


@contextmanager
def terminating() -> Iterator[None]:
    """Have SIGTERM raise ``Terminated``, as Ctrl-C raises its own; put back, in the end, what it was."""
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
