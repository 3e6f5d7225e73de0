"""How far a pull is, told every so often."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from cvsync.events import tell
from cvsync.run.progress import told_every
from cvsync.run.pulling import Puller

EVERY = 60.0  # seconds


class PullProgress:
    """Tells ``status`` events: at the beginning, every so often, and at the end.

    A step is an image, those that were there already too; while the project is still being read, the total
    is what has been read of it so far.
    """

    def __init__(self, puller: Puller, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._puller, self._clock, self._began = puller, clock, clock()

    def facts(self) -> dict[str, object]:
        """Say how far it is."""
        puller, pulled = self._puller, self._puller.pulled
        steps = pulled.fetched + pulled.found + len(pulled.gone) + len(pulled.refused)
        seconds = self._clock() - self._began
        rate = steps / seconds if seconds > 0 else 0.0
        left = puller.offered - steps
        return {
            "done": puller.passed + steps,
            "total": puller.passed + puller.offered,
            "unchanged": puller.passed,
            "refused": len(pulled.refused),
            "in_flight": min(puller.workers, left),
            "in_doubt": 0,
            "seconds": round(seconds, 3),
            "per_second": round(rate, 3),
            "eta": round(left / rate, 1) if rate else None,
        }

    def tell(self) -> None:
        """Tell it."""
        tell(self._puller.observer, "status", **self.facts())

    def told(self) -> AbstractAsyncContextManager[None]:
        """Tell it for as long as the block lasts."""
        return told_every(EVERY, self.tell)
