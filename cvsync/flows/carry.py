"""Carrying a plan out: lock, ledger, run and report, the same for every verb that writes."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cvsync.events import tell
from cvsync.flows.desired import with_urls
from cvsync.flows.service import Service
from cvsync.plan import Plan
from cvsync.run.apply import Run
from cvsync.run.ledger import Ledger
from cvsync.run.lock import hold_lock
from cvsync.run.outcome import Outcomes

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
    exports: list[Path] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every row landed."""
        return not self.counts["refused"] and not self.counts["rows_refused"]


@dataclass(frozen=True, eq=False)
class Carrier:
    """A run that holds its destination: nobody else writes to it through cvsync."""

    service: Service
    ledger: Ledger
    report: Report
    folder: Path
    """The run's own, in the state folder."""
    outcomes: Outcomes = field(default_factory=Outcomes)

    async def carry_out(self, plan: Plan, *, files: Files | None = None) -> None:
        """Apply a plan; ``outcomes`` tells what became of it, however it ends."""
        if files is not None:
            plan = with_urls(plan, *files)
        self.ledger.see(plan.learned)
        run = Run(
            self.service.client, self.ledger, plan, self.report.run_id,
            workers=self.service.workers, observer=self.service.observer, stop=self.service.stop,
            outcomes=self.outcomes,
        )  # fmt: skip
        try:
            await run.apply()
        finally:
            self.report.counts = self.outcomes.counts
            for refusal in self.outcomes.refusals:
                origin = refusal.action.origins[0] if refusal.action.origins else None
                tell(
                    self.service.observer, "item_refused", code=refusal.code, source=origin and origin.source,
                    row=origin and origin.row, image=refusal.action.name, reason=refusal.message,
                )  # fmt: skip


@contextmanager
def hold(service: Service, project_id: str) -> Iterator[Carrier]:
    """Begin a run: take the lock, open the ledger, and note the end.

    Raises:
        LockedError: Another run works on this project.
    """
    run_id = new_run_id()
    folder = service.folder(project_id)
    with hold_lock(folder, run_id=run_id), service.open_ledger(project_id) as ledger:
        ledger.start_run(run_id)
        carrier = Carrier(service, ledger, Report(run_id), folder / "runs" / run_id)
        yield carrier
        code = 0 if carrier.report.is_complete else 3
        ledger.end_run(run_id, exit_code=code, totals=carrier.report.counts)


def new_run_id() -> str:
    """Name a run so that names sort by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
