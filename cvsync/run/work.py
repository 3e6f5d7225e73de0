"""What everything that makes a plan true works with: the service, the ledger, and how batches are sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cvsync.api.client import Client
from cvsync.api.download import Downloader
from cvsync.errors import ServiceError, TransportError
from cvsync.events import Observer, ignore, tell
from cvsync.plan.actions import Action, Kind
from cvsync.plan.batch import Batch
from cvsync.run.ledger import Ledger
from cvsync.run.ledger_runs import STEPS
from cvsync.run.marker import new_marker
from cvsync.run.origin import Origin
from cvsync.run.outcome import Outcomes
from cvsync.run.room import Room
from cvsync.run.settings import RunSettings
from cvsync.run.verdict import Verdict, verdict
from cvsync.run.workers import Stop

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
Handle = Callable[[Batch], Awaitable[None]]
Job = tuple[Handle, Batch]
"""What a worker does next: a method, and the batch that it is for."""

_LONGEST_WAIT = 30.0


@dataclass(slots=True)
class Ticket:
    """A batch whose intent is committed."""

    batch: Batch
    batch_id: int
    marker: str | None
    """What the images that it creates carry as metadata."""
    attempt: int = 1
    since: float = 0.0
    """When it left last, on the run's clock."""


Alone = Callable[[Ticket, ServiceError], bool]
"""Deals with a batch of one that failed, and concludes it; False: it is to be refused."""


@dataclass(slots=True)
class Doubt:
    """A batch whose outcome is not known, and what finds it out."""

    ticket: Ticket
    settle: Callable[[Ticket], Awaitable[None]]


@dataclass(eq=False, kw_only=True)
class Work:
    """One run's means. Holds ``doubts``, of which ``Run`` lets there be a few times its workers."""

    client: Client
    ledger: Ledger
    project_id: str
    run_id: str
    settings: RunSettings = field(default_factory=RunSettings)
    workers: int = 8
    observer: Observer = ignore
    stop: Stop = field(default_factory=Stop)
    downloader: Downloader | None = None
    """Fetches images: to save them before they are deleted, and to send their bytes."""
    origin: Origin | None = None
    """The project that images are copied from; None: their URLs are the manifest's, and last."""
    folder: Path | None = None
    """The destination's state folder; without it nothing is saved before it is deleted."""
    sleep: Sleep = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    outcomes: Outcomes = field(default_factory=Outcomes)
    doubts: list[Doubt] = field(default_factory=list)
    room: Room = field(init=False)
    _last_answer: float = float("-inf")

    def __post_init__(self) -> None:
        self.room = Room(self.settings.body_bytes)

    def tell(self, name: str, **facts: object) -> None:
        """Tell the observer an event."""
        tell(self.observer, name, **facts)

    def tell_done(self, batch: Batch, *, left: int = 0) -> None:
        """Tell that a batch is over and done with, one way or the other, but for what is to be sent again."""
        self.tell("batch_done", kind=batch.kind.words, items=len(batch.actions) - left)

    def refuse(self, action: Action, code: str, message: str) -> None:
        """Note a refusal and tell it; the caller counts it in the ledger."""
        self.outcomes.refuse(action, code, message)

    def note_refusals(self, kind: Kind, refused: int, *, steps: int | None = None) -> None:
        """Count refusals that needed no request; each is a step, unless ``steps`` says otherwise."""
        if refused:
            counts = {"refused": refused, STEPS: refused if steps is None else steps}
            self.ledger.note(self.run_id, kind.words, counts=counts)

    async def send(
        self,
        batch: Batch,
        call: Callable[[Ticket], Awaitable[T]],
        *,
        again: Handle,
        items: Iterable[str],
        settle: Callable[[Ticket], Awaitable[None]] | None = None,
        alone: Alone | None = None,
        divisible: bool = True,
        marked: bool = False,
    ) -> tuple[Ticket, T] | None:
        """Commit the intent, then make the call.

        A batch that the service refuses whole, or fails on, is halved until what it refuses stands alone.

        Args:
            batch: What to send.
            call: Makes the request.
            again: Sends each half.
            items: Keys or image ids, for the ledger.
            settle: Finds out what became of the request if no answer comes; None: it may simply be sent
                again, which the transport has done already.
            alone: May take over what was refused when it stood alone.
            divisible: Whether its halves may be sent without a look at what the whole did.
            marked: Whether the images that it creates are to carry a marker.

        Returns:
            The ticket, to be concluded, and the answer; None where there is no more to do here.
        """
        ticket = self._intend(batch, items, marked=marked)
        try:
            answer = await call(ticket)
        except (ServiceError, TransportError) as error:
            judged = verdict(error)
            if judged is Verdict.UNDONE:
                self.ledger.conclude(ticket.batch_id, "void")
                raise
            is_doubtful = judged is Verdict.DOUBTFUL or (judged is Verdict.BROKEN and not divisible)
            if settle is not None and is_doubtful:
                self.doubt(ticket, settle)
                return None
            if isinstance(error, TransportError):
                raise
            if judged is not Verdict.REFUSED:
                await self._check_alive(ticket)
            await self.split(ticket, error, again=again, alone=alone)
            return None
        self._last_answer = self.clock()
        return ticket, answer

    def _intend(self, batch: Batch, items: Iterable[str], *, marked: bool) -> Ticket:
        """Commit that a batch is about to leave."""
        marker = new_marker() if marked else None
        batch_id = self.ledger.intend(self.run_id, batch.kind.words, items, marker=marker)
        self.tell("batch_sent", batch=batch_id, kind=batch.kind.words, items=len(batch.actions))
        return Ticket(batch, batch_id, marker, since=self.clock())

    async def split(
        self,
        ticket: Ticket,
        error: ServiceError,
        *,
        again: Handle,
        alone: Alone | None = None,
    ) -> None:
        """Halve a batch that was refused whole; what stands alone is refused, or taken over by ``alone``."""
        batch = ticket.batch
        if len(batch.actions) > 1:
            self.ledger.conclude(ticket.batch_id, "refused")
            for half in batch.halves():
                if self.stop.requested:
                    return
                await again(half)
            return
        if alone is not None and alone(ticket, error):
            return
        action = batch.actions[0]
        self.ledger.conclude(ticket.batch_id, "refused", counts={"refused": 1, STEPS: batch.steps})
        self.refuse(action, error.code, error.message)
        self.tell_done(batch)

    def doubt(self, ticket: Ticket, settle: Callable[[Ticket], Awaitable[None]]) -> None:
        """Put a batch aside until it can be found out what became of it."""
        batch = ticket.batch
        self.tell("batch_in_doubt", batch=ticket.batch_id, kind=batch.kind.words, items=len(batch.actions))
        self.doubts.append(Doubt(ticket, settle))

    def tell_settled(self, ticket: Ticket, *, applied: bool) -> None:
        """Tell that it is known what became of a batch: whether it had been carried out."""
        self.tell("batch_settled", batch=ticket.batch_id, kind=ticket.batch.kind.words, applied=applied)

    def may_be_at_work(self, ticket: Ticket) -> bool:
        """Tell whether the service may still be at work on a request without an answer."""
        return self._left(ticket) > 0

    async def wait_out(self, ticket: Ticket) -> None:
        """Wait until a request without an answer cannot be at work any more."""
        if self.may_be_at_work(ticket):
            await self.sleep(self._left(ticket))

    def _left(self, ticket: Ticket) -> float:
        return ticket.since + self.settings.grace - self.clock()

    async def next_attempt(self, ticket: Ticket, error: ServiceError | TransportError | None) -> None:
        """Commit that a batch in doubt leaves once more; wait first if the last attempt failed.

        Raises:
            ServiceError, TransportError: It was sent often enough.
        """
        if error is not None:
            if ticket.attempt >= self.settings.attempts:
                raise error
            await self.sleep(min(_LONGEST_WAIT, self.settings.retry_wait * 2.0 ** (ticket.attempt - 1)))
        ticket.attempt = self.ledger.intend_again(ticket.batch_id)
        ticket.since = self.clock()

    async def _check_alive(self, ticket: Ticket) -> None:
        """Make sure that the service works at all, before a batch is blamed that it failed on.

        Raises:
            ServiceError, TransportError: It does not.
        """
        if self._last_answer <= ticket.since:
            await self.client.get_tags(self.project_id)
