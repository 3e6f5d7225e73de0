"""How far a run is: counted anew from the ledger's rows each time it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import numpy as np

from cvsync.plan.actions import Kind
from cvsync.plan.plan import Plan
from cvsync.run.work import Work

_BY_IMAGE = (Kind.CREATE_IMAGE, Kind.REPLACE_IMAGE, Kind.DELETE_IMAGE, Kind.SET_METADATA)
_BY_LABEL = (Kind.MAKE_ROOM, Kind.ADD_LABEL, Kind.REMOVE_LABEL)


class Progress:
    """Tells ``status`` events: at the beginning, every so often, and at the end.

    A step is an image that is created, replaced or deleted, a label that comes or goes, and an image that
    is as it should be already. So a run that goes on where another was cut off begins where that one ended.
    """

    def __init__(self, work: Work, plan: Plan) -> None:
        self._work, self._began = work, work.clock()
        self._unchanged = plan.unchanged
        self._total = plan.unchanged + _steps(plan)

    def facts(self) -> dict[str, object]:
        """Say how far the run is."""
        work = self._work
        steps = work.ledger.steps(work.run_id)
        seconds = work.clock() - self._began
        rate = steps / seconds if seconds > 0 else 0.0
        left = self._total - self._unchanged - steps
        return {
            "done": self._unchanged + steps,
            "total": self._total,
            "unchanged": self._unchanged,
            "refused": len(work.outcomes.refusals),
            "in_flight": work.ledger.in_doubt() - len(work.doubts),
            "in_doubt": len(work.doubts),
            "seconds": round(seconds, 3),
            "per_second": round(rate, 3),
            "eta": round(left / rate, 1) if rate else None,
        }

    def tell(self) -> None:
        """Tell it."""
        self._work.tell("status", **self.facts())

    def told(self) -> AbstractAsyncContextManager[None]:
        """Tell it for as long as the block lasts."""
        return told_every(self._work.settings.status_every, self.tell)


@asynccontextmanager
async def told_every(seconds: float, tell: Callable[[], None]) -> AsyncIterator[None]:
    """Tell something when the block begins, every so often (0: not), and when it ends."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(seconds)
            tell()

    tell()
    task = asyncio.create_task(repeat()) if seconds else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
        tell()


def _steps(plan: Plan) -> int:
    images = sum(plan.counts[k] for k in _BY_IMAGE)
    labels = int(np.isin(np.asarray(plan.table.column("kind")), _BY_LABEL).sum())
    return images + labels
