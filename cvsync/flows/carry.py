"""Carrying a plan out: lock, ledger, run and report, the same for every verb that writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cvsync.flows.desired import with_urls
from cvsync.flows.released import Released
from cvsync.flows.service import Service
from cvsync.labels import Labels
from cvsync.model import ProjectType, Tag
from cvsync.plan import Plan
from cvsync.plan.plan import Extent
from cvsync.run.apply import Run
from cvsync.run.ledger import Ledger
from cvsync.run.leftovers import settle_leftovers
from cvsync.run.origin import Origin
from cvsync.run.origins import MANIFEST
from cvsync.run.settings import RunSettings
from cvsync.run.trash import saved_by
from cvsync.run.work import Work

_DONE, _REFUSED = 0, 3  # exit codes, as the table of the command line has them
Files = tuple[Path, str]
"""A folder that the service can read under a URL: paths below it are sent as URLs."""


@dataclass(slots=True)
class Report:
    """What came of a run."""

    run_id: str
    counts: Counter[str] = field(default_factory=Counter)
    """As ``Outcomes.counts``, and ``rows_refused``."""
    rejects: Path | None = None
    """The file with the refused rows, if there are any."""
    has_saved: bool = False
    """Whether it saved images before they went, which ``undo`` brings back."""
    released: Released | None = None
    """What became of the data, where a model was to come of it."""

    @property
    def is_complete(self) -> bool:
        """Whether every row landed."""
        return not self.counts["refused"] and not self.counts["rows_refused"]


@dataclass(frozen=True, eq=False)
class Carrier:
    """A run that holds its destination: nobody else writes to it through cvsync."""

    work: Work
    report: Report

    @property
    def ledger(self) -> Ledger:
        """The destination's."""
        return self.work.ledger

    @property
    def folder(self) -> Path:
        """The run's own, in the state folder."""
        assert self.work.folder is not None
        return self.work.folder / "runs" / self.report.run_id

    def note_origin(self, plan: Plan) -> None:
        """Commit where the images come from that a plan is about to create; before it is carried out."""
        copied_from = self.work.origin
        origin = MANIFEST if copied_from is None else copied_from.project_id
        self.ledger.origins.note(origin, self.report.run_id)
        self.ledger.origins.bring(origin, plan)

    async def settle(self, type_: ProjectType, labels: Labels | None = None) -> None:
        """Find out what became of the requests of dead runs; before anything is planned.

        Args:
            type_: Of the project.
            labels: The manifest, for images that may have to be sent again.
        """
        await settle_leftovers(self.work, type_, labels)

    async def carry_out(
        self, plan: Plan, *, files: Files | None = None, listed: Sequence[Tag] | None = None
    ) -> None:
        """Apply a plan; the work's ``outcomes`` tell what became of it, however it ends.

        Args:
            plan: What to do.
            files: A folder that the service can read under a URL.
            listed: The project's tags, if they were just read.
        """
        if files is not None:
            plan = with_urls(plan, *files)
        work = self.work
        work.ledger.see(plan.learned)
        before = self._added()
        try:
            await Run(work, plan, listed=listed).apply()
        finally:
            after, was = self._added(), plan.before
            images, tags = after.images - before.images, after.tags - before.tags
            work.tell("held", images=was.images + images, tags=was.tags + tags)
            self.report.counts = work.outcomes.counts
            if work.folder is not None:
                self.report.has_saved = saved_by(work.run_id, work.folder).is_dir()
            for refusal in work.outcomes.refusals:
                origin = refusal.action.origins[0] if refusal.action.origins else None
                work.tell(
                    "item_refused", code=refusal.code, source=origin and origin.source,
                    row=origin and origin.row, image=refusal.action.name, reason=refusal.message,
                )  # fmt: skip

    def _added(self) -> Extent:
        """Give what this run has made so far, less what is gone; what it replaces is there until it is."""
        totals = self.ledger.totals(self.work.run_id)
        images = totals["images_created"] - totals["images_deleted"] + len(self.ledger.doomed())
        return Extent(images, totals["tags_created"])


@contextmanager
def hold(
    service: Service, project_id: str, settings: RunSettings | None = None, *, origin: Origin | None = None
) -> Iterator[Carrier]:
    """Begin a run: take the lock, open the ledger, and note the end.

    Args:
        service: Of the project.
        project_id: The destination.
        settings: How it goes about its work.
        origin: The project that images are copied from, if they are.

    Raises:
        LockedError: Another run works on this project.
    """
    with service.hold_lock(project_id) as run_id, service.open_ledger(project_id) as ledger:
        ledger.start_run(run_id)
        work = Work(
            client=service.client, ledger=ledger, project_id=project_id, run_id=run_id,
            settings=settings or RunSettings(), workers=service.workers, observer=service.observer,
            stop=service.stop, downloader=service.downloader, folder=service.folder(project_id),
            origin=origin,
        )  # fmt: skip
        carrier, error = Carrier(work, Report(run_id)), None
        try:
            yield carrier
        except BaseException as cause:
            error = cause
            raise
        finally:
            _note_end(service, carrier, error)


def _note_end(service: Service, carrier: Carrier, error: BaseException | None) -> None:
    """Tell what a run did and note how it ended, however it ends; only one that is killed says nothing."""
    work, report = carrier.work, carrier.report
    totals = report.counts or work.ledger.totals(work.run_id)
    work.tell("totals", run_id=work.run_id, **totals)
    end = service.judge(error)
    if end is None:
        code = _DONE if report.is_complete else _REFUSED
        work.ledger.end_run(work.run_id, exit_code=code, totals=totals, reason=work.stop.reason or None)
    else:
        work.ledger.end_run(work.run_id, exit_code=end.exit_code, totals=totals, reason=end.reason)
