"""Waits for something slow, for people: a running clock on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cvsync.cli.one_line import one_line

if TYPE_CHECKING:
    from tqdm import tqdm

_EVERY = 60.0  # seconds between two lines


class Waiting:
    """One thing at a time that is waited for."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._clock: tqdm[Any] | None = None
        self._next = _EVERY

    def show(self, what: str, seconds: float) -> None:
        """Say that it still takes time.

        Args:
            what: Is waited for.
            seconds: For so long.
        """
        if sys.stderr.isatty():
            if self._clock is None:
                from tqdm import tqdm

                self._clock = tqdm(total=0, bar_format="{desc} {elapsed}", file=sys.stderr, leave=False)
            self._clock.set_description_str(one_line(what))
        elif seconds >= self._next:
            self._next = seconds + _EVERY
            self._say(f"{what}, {seconds / 60:.0f} minutes so far")

    def close(self) -> None:
        """Put the clock away."""
        if self._clock is not None:
            self._clock.close()
            self._clock = None
        self._next = _EVERY
