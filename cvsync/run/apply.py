"""A plan made true: the stages of a run, in order, over bounded workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cvsync.api.client import Client
from cvsync.api.download import Downloader
from cvsync.api.versions import METADATA_SINCE, is_at_least
from cvsync.errors import UnsupportedError
from cvsync.events import Observer, ignore
from cvsync.labels import METADATA
from cvsync.plan.actions import Kind, Plan
from cvsync.plan.batch import Batch
from cvsync.run.create import Creations
from cvsync.run.delete import Deletions
from cvsync.run.ledger import Ledger
from cvsync.run.outcome import Outcomes
from cvsync.run.progress import Progress
from cvsync.run.relabel import Relabels
from cvsync.run.settings import RunSettings
from cvsync.run.tags import Tags
from cvsync.run.work import Job, Sleep, Work
from cvsync.run.workers import Stop, spread

_DOUBTS_PER_WORKER = 4  # more of them, and workers settle before they send anything new


@dataclass(eq=False)
class Run:
    """One execution of a plan.

    The plan stays in columns. Beside them a run holds, whatever the plan's size: a batch in flight and
    ``_DOUBTS_PER_WORKER`` in doubt for each worker, what follows the creations of as many, and its refusals.
    """

    client: Client
    ledger: Ledger
    plan: Plan
    run_id: str
    workers: int = 8
    observer: Observer = ignore
    stop: Stop = field(default_factory=Stop)
    settings: RunSettings = field(default_factory=RunSettings)
    downloader: Downloader | None = None
    """Fetches images: to save them before they are deleted, and to send their bytes."""
    folder: Path | None = None
    """The destination's state folder; without it nothing is saved before it is deleted."""
    sleep: Sleep = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    outcomes: Outcomes = field(default_factory=Outcomes)

    def __post_init__(self) -> None:
        self._work = Work(
            client=self.client,
            ledger=self.ledger,
            project_id=self.plan.project_id,
            run_id=self.run_id,
            settings=self.settings,
            observer=self.observer,
            stop=self.stop,
            downloader=self.downloader,
            folder=self.folder,
            sleep=self.sleep,
            clock=self.clock,
            outcomes=self.outcomes,
        )
        self._tags = Tags(self._work)
        self._relabels = Relabels(self._work, self._tags, self.plan.type)
        self._creations = Creations(self._work, self.plan, self._tags, self._relabels)
        self._deletions = Deletions(self._work, self.plan, self._tags)
        self._error_limit = self.settings.error_limit(
            self.plan.unchanged + sum(self.plan.counts[kind] for kind in Kind)
        )

    async def apply(self) -> Outcomes:
        """Make the plan true.

        Raises:
            ServiceError: The service refused the whole run (key, project, a fault that outlived its retries).
            TransportError: No answer came, however often it was tried.
            PlanError: The project is not what the plan was made for, or full.
            UnsupportedError: The API version cannot hold what the plan wants; nothing was sent.
        """
        self._check_version()
        self.stop.is_draining = True
        try:
            async with Progress(self._work, self.plan, self.clock).told():
                await self._apply()
        finally:
            self.stop.is_draining = False
            self._creations.close()
            self.outcomes.counts = self.ledger.totals(self.run_id)
        return self.outcomes

    def _check_version(self) -> None:
        has_metadata = any(name.startswith(METADATA) for name in self.plan.table.column_names)
        if has_metadata and not is_at_least(self.client.api_version, METADATA_SINCE):
            raise UnsupportedError(
                f"metadata needs --api-version {METADATA_SINCE} or later; this is {self.client.api_version}"
            )

    async def _apply(self) -> None:
        plan, creations, relabels = self.plan, self._creations, self._relabels
        if plan.is_empty and not self.ledger.doomed():
            return
        await self._tags.prepare(plan)
        await self._stage(creations.jobs(Kind.CREATE_IMAGE))
        await self._stage(relabels.removing(plan.actions(Kind.MAKE_ROOM), Kind.MAKE_ROOM))
        adding = relabels.adding(plan.actions(Kind.ADD_LABEL))
        removing = relabels.removing(plan.actions(Kind.REMOVE_LABEL))
        await self._stage(adding)
        await self._stage(creations.jobs(Kind.REPLACE_IMAGE))
        await self._stage(removing)
        await self._settle_doubts()
        await self._stage(self._deletions.debris())
        await self._stage(self._deletions.jobs())

    async def _stage(self, jobs: Iterable[Job]) -> None:
        """Do some jobs, and whatever follows from them."""
        await self._spread(self._with_what_follows(jobs))
        while not self.stop.requested and (rest := [*self._creations.rest()] or await self._rest_again()):
            await self._spread(rest)

    def _with_what_follows(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Put what follows before what is new, so that it never piles up."""
        for job in jobs:
            yield from self._creations.ready()
            while len(self._work.doubts) >= _DOUBTS_PER_WORKER * self.workers:
                yield self._settling()
            yield job

    async def _rest_again(self) -> list[Job]:
        """Give the images to be sent once more, after a pause: there is nothing else left to do."""
        jobs = self._creations.rest_again()
        if jobs:
            tries = max(batch.tries for _, batch in jobs)
            await self.sleep(self.settings.retry_wait * 2.0 ** (tries - 1))
        return jobs

    async def _settle_doubts(self) -> None:
        """Find out what became of requests without an answer."""
        while self._work.doubts and not self.stop.requested:
            await self._stage([self._settling() for _ in range(len(self._work.doubts))])

    def _settling(self) -> Job:
        doubt = self._work.doubts.pop(0)

        async def settle(_: Batch) -> None:
            await doubt.settle(doubt.ticket)

        return settle, doubt.ticket.batch

    async def _spread(self, jobs: Iterable[Job]) -> None:
        async def do(job: Job) -> None:
            handle, batch = job
            await handle(batch)
            self._check_errors()

        await spread(jobs, do, workers=self.workers, stop=self.stop)

    def _check_errors(self) -> None:
        if len(self.outcomes.refusals) > self._error_limit and not self.stop.requested:
            self.stop.request("too many images were refused (--max-errors)")
