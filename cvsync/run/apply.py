"""A plan made true: the stages of a run, in order, over bounded workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cvsync.api.versions import METADATA_SINCE, is_at_least
from cvsync.errors import UnsupportedError
from cvsync.labels import METADATA
from cvsync.model import Tag
from cvsync.plan.actions import Kind
from cvsync.plan.batch import Batch
from cvsync.plan.plan import Plan
from cvsync.run.create import Creations
from cvsync.run.delete import Deletions
from cvsync.run.metadata import MetadataChanges
from cvsync.run.outcome import Outcomes
from cvsync.run.progress import Progress
from cvsync.run.relabel import Relabels
from cvsync.run.spared import still_to_remove
from cvsync.run.tags import Tags
from cvsync.run.work import Job, Work
from cvsync.run.workers import spread

_DOUBTS_PER_WORKER = 4  # more of them, and workers settle before they send anything new


class Run:
    """One execution of a plan.

    The plan stays in columns. Beside them a run holds, whatever the plan's size: a batch in flight and
    ``_DOUBTS_PER_WORKER`` in doubt for each worker, with some 1,000 of its rows around each, what follows
    the creations of as many, and its refusals.
    """

    def __init__(self, work: Work, plan: Plan, *, listed: Sequence[Tag] | None = None) -> None:
        """Prepare to carry a plan out; ``listed`` are the project's tags if they were just read."""
        self._work, self._plan, self._listed = work, plan, listed
        self._tags = Tags(work)
        self._relabels = Relabels(work, self._tags, plan.type)
        self._creations = Creations(work, plan, self._tags, self._relabels)
        self._deletions = Deletions(work, plan, self._tags)
        images = plan.unchanged + sum(plan.counts[kind] for kind in Kind)
        self._error_limit = work.settings.error_limit(images)

    async def apply(self) -> Outcomes:
        """Make the plan true.

        Raises:
            ServiceError: The service refused the whole run (key, project, a fault that outlived its retries).
            TransportError: No answer came, however often it was tried.
            PlanError: The project is not what the plan was made for, or full.
            UnsupportedError: The API version cannot hold what the plan wants; nothing was sent.
        """
        self._check_version()
        work = self._work
        work.stop.is_draining = True
        try:
            async with Progress(work, self._plan).told():
                await self._apply()
            work.ledger.commit()
        finally:
            work.stop.is_draining = False
            self._creations.close()
            work.outcomes.counts = work.ledger.totals(work.run_id)
        return work.outcomes

    def _check_version(self) -> None:
        has_metadata = any(name.startswith(METADATA) for name in self._plan.table.column_names)
        version = self._work.client.api_version
        if has_metadata and not is_at_least(version, METADATA_SINCE):
            raise UnsupportedError(
                f"metadata needs --api-version {METADATA_SINCE} or later; this is {version}"
            )

    async def _apply(self) -> None:
        plan, creations, relabels = self._plan, self._creations, self._relabels
        if plan.is_empty and not self._work.ledger.doomed():
            return
        await self._tags.prepare(plan, self._listed)
        await self._stage(creations.jobs(Kind.CREATE_IMAGE))
        await self._stage(relabels.removing(plan.actions(Kind.MAKE_ROOM), Kind.MAKE_ROOM))
        adding = relabels.adding(plan.actions(Kind.ADD_LABEL))
        removing = relabels.removing(still_to_remove(self._work, plan))
        await self._stage(adding)
        await self._stage(creations.jobs(Kind.REPLACE_IMAGE))
        await self._stage(removing)
        await self._settle_doubts()
        await self._stage(self._deletions.debris())
        await self._stage(self._deletions.jobs())
        await self._stage(MetadataChanges(self._work, plan).jobs())

    async def _stage(self, jobs: Iterable[Job]) -> None:
        """Do some jobs, and whatever follows from them."""
        if self._work.stop.requested:
            return  # before the first job is made, for which tags may be missing
        await self._spread(self._with_what_follows(jobs))
        while not self._work.stop.requested:
            rest = [*self._creations.rest()] or await self._rest_again()
            if not rest:
                return
            await self._spread(rest)

    def _with_what_follows(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Put what follows before what is new, so that it never piles up."""
        for job in jobs:
            yield from self._creations.ready()
            while len(self._work.doubts) >= _DOUBTS_PER_WORKER * self._work.workers:
                yield self._settling()
            yield job

    async def _rest_again(self) -> list[Job]:
        """Give the images to be sent once more, after a pause: there is nothing else left to do."""
        jobs = self._creations.rest_again()
        if jobs:
            tries = max(batch.tries for _, batch in jobs)
            await self._work.sleep(self._work.settings.retry_wait * 2.0 ** (tries - 1))
        return jobs

    async def _settle_doubts(self) -> None:
        """Find out what became of requests without an answer."""
        while self._work.doubts and not self._work.stop.requested:
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

        await spread(jobs, do, workers=self._work.workers, stop=self._work.stop)

    def _check_errors(self) -> None:
        if len(self._work.outcomes.refusals) > self._error_limit and not self._work.stop.requested:
            self._work.stop.request("too many images were refused (--max-errors)")
