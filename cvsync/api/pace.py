"""A Transport around a Transport: sends each call when the service will take it.

Calls of one class wait in a lane. A lane lets them go one at a time, at the rate of its law and while the
window, the setting for calls in flight and the bytes of bodies have room. No call is promised a time: who
leaves next is settled when it may leave, by the rate that holds then. So a call that got a 429 simply goes
back to the head of its lane, holds no room while it waits, and has spent no attempt.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cvsync.api.law import RateLaw, Reason, Sent
from cvsync.api.rates import BEAT_SECONDS
from cvsync.api.transport import Request, Transport
from cvsync.api.window import LEAST_WINDOW, WindowLaw
from cvsync.errors import ServiceError, ThrottledError, TransportError

if TYPE_CHECKING:
    from cvsync.api.resource import Resource

LONGEST_REST = 60.0  # of what Retry-After may ask
_REST_JITTER = 0.1  # of a rest, so that calls which were refused together do not come back together
_LATENESS = 0.02  # of a timer: made up for by the next call, so that the rate is kept
_LEARN_SECONDS = 30.0


class Lane(StrEnum):
    """A class of calls that has a cap of its own.

    docs: one cap for training, one for predictions, one for the rest. Whether reads and writes share theirs
    need not be known: two lanes come to terms under one cap as two runs do.
    """

    READS = "reads"
    WRITES = "writes"
    TRAIN = "train"
    PREDICTION = "prediction"

    @classmethod
    def of(cls, request: Request) -> Lane:
        """Give the lane of a request."""
        if request.is_prediction or request.operation.startswith("QuickTest"):
            return cls.PREDICTION
        if request.operation == "TrainProject":
            return cls.TRAIN
        return cls.READS if request.method == "GET" else cls.WRITES


@dataclass(slots=True, eq=False)
class Ticket:
    """A call that waits or is under way."""

    order: int
    """When it came; the first come leaves first, also when it comes back after a 429."""
    size: int
    turn: asyncio.Future[None] = field(init=False)
    sent: Sent = field(init=False)
    is_paced: bool = False
    """Whether it waited for the rate."""
    is_probe: bool = False
    rests_until: float = -math.inf

    def __lt__(self, other: Ticket) -> bool:
        return self.order < other.order


class Queue:
    """The calls of one lane: who waits, who is under way, and when the next may leave."""

    def __init__(self, lane: Lane, resource: Resource) -> None:
        self._resource = resource
        self._lane = lane
        learnt = resource.memory.recall(lane)
        self.law = RateLaw(self._tell_rate, learnt=learnt, most=resource.most_tps, fixed=resource.fixed_tps)
        self.window = WindowLaw()
        self._ready: list[Ticket] = []
        self._resting: list[tuple[float, Ticket]] = []
        self._in_flight = 0
        self._last_at = -math.inf  # when the last call was due
        self._blocked_until = -math.inf
        self._throttled_since = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._beat_at = self._learn_at = -math.inf

    def _tell_rate(self, old: float | None, new: float, reason: Reason) -> None:
        if new < math.inf:
            self._resource.tell("rate", lane=self._lane.value, old=old, new=new, reason=reason.value)

    async def enter(self, ticket: Ticket) -> None:
        """Wait until a call may leave; whoever enters must leave, however the call ends."""
        ticket.turn = asyncio.get_running_loop().create_future()
        ticket.is_paced = ticket.is_probe = False
        heapq.heappush(self._resting, (ticket.rests_until, ticket))
        self._resource.pump()
        try:
            await ticket.turn
        except asyncio.CancelledError:
            if ticket.turn.done() and not ticket.turn.cancelled() and ticket.turn.exception() is None:
                self.leave(ticket)  # its turn had come
            raise

    @property
    def is_waited_in(self) -> bool:
        """Whether anybody waits."""
        return bool(self._ready or self._resting)

    @property
    def order(self) -> float:
        """The order of who has waited longest."""
        ready = self._ready[0].order if self._ready else math.inf
        return min(ready, self._resting[0][1].order) if self._resting else ready

    def pump(self) -> None:
        """Let go whoever may leave now, and see to it that somebody looks again in time."""
        now = self._resource.clock()
        while self._resting and self._resting[0][0] <= now:
            heapq.heappush(self._ready, heapq.heappop(self._resting)[1])
        look_at = self._resting[0][0] if self._resting else math.inf
        while self._ready:
            ticket = self._ready[0]
            if not ticket.turn.done():
                at = self._may_leave_at(ticket, now)
                if at > now:
                    look_at = min(look_at, at)
                    break
                self._let_go(ticket, now)
            heapq.heappop(self._ready)
        self._look_again(look_at, now)

    def _may_leave_at(self, ticket: Ticket, now: float) -> float:
        """Tell when a call may leave, or be given up; infinity: when some answer comes."""
        circuit = self._resource.circuit
        if circuit.is_open:
            return circuit.next_at
        if self._in_flight >= self.window.size(self.law.rate) or not self._resource.has_room(ticket.size):
            return math.inf
        at = max(self._next_at, self._blocked_until)
        ticket.is_paced = ticket.is_paced or at > now
        return at

    @property
    def _next_at(self) -> float:
        """When the next call is due, by the rate that holds now."""
        return self._last_at + 1 / self.law.rate

    def _let_go(self, ticket: Ticket, now: float) -> None:
        circuit = self._resource.circuit
        if circuit.is_open:
            if not circuit.may_probe(now):
                ticket.turn.set_exception(circuit.error or TimeoutError())
                return
            ticket.is_probe = True
            circuit.begin_probe()
        if now >= self._beat_at and not self.law.is_bound:
            self._meet_others(ticket, now)
        ticket.sent = self.law.sent(now, is_paced=ticket.is_paced)
        # While nothing is known a lane may save up a window's calls; after that, calls are evenly spaced.
        saved = (LEAST_WINDOW - 1) / self.law.rate if self.law.is_starting else _LATENESS
        self._last_at = max(self._next_at, now - saved)
        self._in_flight += 1
        self._resource.took(ticket.size)
        ticket.turn.set_result(None)

    def _meet_others(self, ticket: Ticket, now: float) -> None:
        """Come to terms with other processes; who need not wait for the rate takes nothing from them."""
        if ticket.is_paced:
            self._resource.memory.renew(self._lane, self.law.rate)
        elif self._beat_at > -math.inf:
            return
        self.law.share(self._resource.memory.others(self._lane))
        self._beat_at = now + BEAT_SECONDS

    def _look_again(self, at: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if at < math.inf:
            self._timer = self._resource.later(at - now, self._resource.pump)

    def leave(self, ticket: Ticket) -> None:
        """Note that a call is no longer under way."""
        self._in_flight -= 1
        if ticket.is_probe:
            self._resource.circuit.end_probe(self._resource.clock())
        self._resource.gave_back(ticket.size)
        self._resource.pump()

    def admitted(self, ticket: Ticket, error: ServiceError | TransportError | None = None) -> None:
        """Note an answer that is no 429."""
        now, rate = self._resource.clock(), self.law.rate
        if error is None or not error.is_transient:
            self.law.admitted(ticket.sent, now)
            self.window.answered(now - ticket.sent.at, now, in_flight=self._in_flight, rate=rate)
            self._resource.circuit.succeeded(ticket.sent.at)
            self._throttled_since, self._blocked_until = math.inf, -math.inf
        else:
            self.window.failed(now, in_flight=self._in_flight, rate=rate)
            self._resource.circuit.failed(error, now)
        self.learn(now)
        self.leave(ticket)

    def throttled(self, ticket: Ticket, error: ThrottledError) -> None:
        """Note a 429; the call may enter again.

        Raises:
            ThrottledError: There was nothing else for as long as an outage may last.
        """
        now = self._resource.clock()
        self._throttled_since = min(self._throttled_since, now)
        if now - self._throttled_since > self._resource.circuit.max_outage:
            self.leave(ticket)
            raise error
        self.law.throttled(ticket.sent, now)
        rest = self._rest(error)
        ticket.rests_until = now + rest
        # Until any call is let in again nothing says that this one alone has to wait.
        self._blocked_until = max(self._blocked_until, ticket.rests_until)
        self._resource.tell("throttle", operation=error.operation, wait=rest, reason=str(error))
        self.leave(ticket)

    def _rest(self, error: ThrottledError) -> float:
        asked = error.retry_after or 0.0
        if asked > LONGEST_REST:
            text = f"{error.operation}: the service asks to wait {asked:.0f} s; waiting {LONGEST_REST:.0f} s"
            self._resource.tell("warning", text=text)
        return min(asked, LONGEST_REST) * (1 + _REST_JITTER * self._resource.chance())

    def learn(self, now: float, *, at_once: bool = False) -> None:
        """Keep the rate for next time, now and then."""
        learnt = self.law.learnt
        if learnt is not None and (at_once or now >= self._learn_at):
            self._resource.memory.learn(self._lane, learnt)
            self._learn_at = now + _LEARN_SECONDS

    def close(self) -> None:
        """Look no more; keep what was learnt."""
        self._look_again(math.inf, 0.0)
        self.learn(0.0, at_once=True)


class PaceTransport:
    """Sends at the rate that the resource takes, and as often as it takes to get past 429s."""

    def __init__(self, inner: Transport, training: Resource, prediction: Resource) -> None:
        self._inner = inner
        self._training, self._prediction = training, prediction

    async def send(self, request: Request) -> Any:
        """Send in turn.

        Raises:
            ThrottledError: Nothing but 429s for ``max_outage`` seconds.
        """
        resource = self._prediction if request.is_prediction else self._training
        queue = resource.queue(Lane.of(request))
        ticket = resource.ticket(len(request.body or b""))
        while True:
            await queue.enter(ticket)
            try:
                answer = await self._inner.send(request)
            except ThrottledError as error:
                queue.throttled(ticket, error)
            except (ServiceError, TransportError) as error:
                queue.admitted(ticket, error)
                raise
            except BaseException:
                queue.leave(ticket)
                raise
            else:
                queue.admitted(ticket)
                return answer
