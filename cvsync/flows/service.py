"""What every verb works with: a client, where its destination keeps state, and who watches."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cvsync.api.client import Client, open_client
from cvsync.api.download import Downloader
from cvsync.api.rates import RateBook
from cvsync.api.retry import RetryPolicy
from cvsync.errors import CvsyncError
from cvsync.events import Observer, ignore, tell
from cvsync.odd_names import as_text
from cvsync.run.ledger import Ledger
from cvsync.run.lock import hold_lock
from cvsync.run.names import new_run_id
from cvsync.run.private import make_private
from cvsync.run.workers import Stop
from cvsync.settings import Settings


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended that something ended before it was through."""

    exit_code: int
    reason: str


Judge = Callable[[BaseException | None], End | None]
"""Says what an exception, or its absence, means for a run; None: the run came through."""


def _judge(error: BaseException | None) -> End | None:
    """Judge for programs that use cvsync as a library, and so have no exit code."""
    return None if error is None else End(1, describe(error))


def describe(error: BaseException) -> str:
    """Say what went wrong; of foreign exceptions only the kind, as they may tell anything."""
    return as_text(str(error)) if isinstance(error, CvsyncError) else type(error).__name__


@dataclass(frozen=True, kw_only=True)
class Service:
    """One resource, ready to be talked to."""

    client: Client
    downloader: Downloader
    destination: str
    """What names the resource in the state folder: its endpoint, or the local emulator's data folder."""
    state: Path
    """The root of all state."""
    workers: int = 8
    observer: Observer = ignore
    stop: Stop = field(default_factory=Stop)
    run_id: str | None = None
    """The name of the run that is about to begin; None: it names itself."""
    judge: Judge = _judge
    """Says what the ledger notes as the run's end."""

    def folder(self, project_id: str) -> Path:
        """Give the state folder of one project of this resource."""
        name = hashlib.sha256(self.destination.casefold().encode()).hexdigest()[:16]
        return self.state / name / project_id

    def ledger_path(self, project_id: str) -> Path:
        """Say where the ledger of one project is, or would be."""
        return self.folder(project_id) / "ledger.sqlite"

    def name_run(self) -> str:
        """Name the run that begins now."""
        return self.run_id or new_run_id()

    @contextmanager
    def hold_lock(self, project_id: str) -> Iterator[str]:
        """Hold the lock of one project, and name the run that does.

        Raises:
            LockedError: Another run works on it.
        """
        run_id = self.name_run()
        with hold_lock(self.folder(project_id), run_id=run_id):
            yield run_id

    @contextmanager
    def open_ledger(self, project_id: str) -> Iterator[Ledger]:
        """Open the ledger of one project, or make it."""
        ledger = Ledger.open(self.ledger_path(project_id), f"{self.destination} {project_id}")
        try:
            yield ledger
        finally:
            ledger.close()


@asynccontextmanager
async def open_service(
    settings: Settings,
    *,
    state: Path,
    destination: str | None = None,
    policy: RetryPolicy | None = None,
    observer: Observer = ignore,
    stop: Stop | None = None,
) -> AsyncIterator[Service]:
    """Open a resource for a flow.

    Args:
        settings: Endpoint, keys, API version.
        state: The root of all state.
        destination: What names the resource; default: its endpoint.
        policy: How long to try again.
        observer: Is told what happens.
        stop: Ends the run early.
    """
    rates = RateBook(
        state / "rates.sqlite",
        prepare=make_private,
        complain=lambda text: tell(observer, "warning", text=text),
    )
    with closing(rates):
        async with open_client(settings, policy=policy, rates=rates, observer=observer) as (
            client,
            downloader,
        ):
            yield Service(
                client=client,
                downloader=downloader,
                # Hosts match without case; a folder is a path, and what names it here has to be a text.
                destination=as_text(destination or settings.endpoint.lower()),
                state=state,
                workers=settings.concurrency,
                observer=observer,
                stop=stop or Stop(),
            )
