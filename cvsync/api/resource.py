"""What all calls of this process to one resource share: rates, windows, room in flight, the retry quota."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from weakref import WeakKeyDictionary

from cvsync.api.circuit import Circuit
from cvsync.api.pace import Lane, Queue, Ticket
from cvsync.api.rates import Memory, NoMemory
from cvsync.events import Observer, tell

Later = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What one user of a resource asks of it; where several ask, the strictest counts."""

    calls: int
    """In flight at most."""
    body_bytes: int
    """Of bodies in flight at most; a larger body goes alone."""
    tps: float | None = None
    """Calls a second of each class, whatever the service takes; None: to be found."""
    most_tps: float | None = None
    max_outage: float = 1800.0


class Resource:
    """One endpoint and credential, as all of this process that calls it sees it.

    Args:
        memory: What earlier runs and other processes know of it.
        clock: The time of the event loop.
        later: Calls back on the event loop after some seconds.
        chance: A number from 0 to 1.
    """

    def __init__(
        self,
        memory: Memory | None = None,
        *,
        clock: Callable[[], float],
        later: Later,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.memory: Memory = memory or NoMemory()
        self.clock, self.later, self.chance = clock, later, chance
        self.circuit = Circuit(self._tell_circuit)
        self.fixed_tps: float | None = None
        self.most_tps: float | None = None
        self._users: list[tuple[Terms, Observer]] = []
        self._calls = self._body_bytes = 0
        self._in_flight = self._bytes_in_flight = 0
        self._orders = count()
        self._queues: dict[Lane, Queue] = {}

    def join(self, terms: Terms, observer: Observer) -> None:
        """Begin to use it."""
        self._users.append((terms, observer))
        self._agree()

    def part(self, terms: Terms, observer: Observer) -> bool:
        """Stop using it; True if nobody is left, and then it is closed."""
        self._users.remove((terms, observer))
        if self._users:
            self._agree()
            return False
        for queue in self._queues.values():
            queue.close()
        self.memory.leave()
        return True

    def _agree(self) -> None:
        all_terms = [terms for terms, _ in self._users]
        self._calls = min(t.calls for t in all_terms)
        self._body_bytes = min(t.body_bytes for t in all_terms)
        self.fixed_tps = min((t.tps for t in all_terms if t.tps), default=None)
        self.most_tps = min((t.most_tps for t in all_terms if t.most_tps), default=None)
        self.circuit.max_outage = min(t.max_outage for t in all_terms)
        for queue in self._queues.values():
            queue.law.bound(most=self.most_tps, fixed=self.fixed_tps)

    def tell(self, name: str, **facts: object) -> None:
        """Tell everybody who uses it."""
        told: list[Observer] = []
        for _, observer in self._users:
            if observer not in told:
                tell(observer, name, **facts)
                told.append(observer)

    def _tell_circuit(self, circuit: Circuit) -> None:
        state = "open" if circuit.is_open else "closed"
        self.tell("circuit", state=state, reason=str(circuit.error) if circuit.error else None)

    def queue(self, lane: Lane) -> Queue:
        """Give the queue of a lane."""
        found = self._queues.get(lane)
        if found is None:
            found = self._queues[lane] = Queue(lane, self)
        return found

    def ticket(self, size: int) -> Ticket:
        """Give the next call its ticket."""
        return Ticket(next(self._orders), size)

    def has_room(self, size: int) -> bool:
        """Tell whether one more call with such a body may be in flight."""
        fits = not self._bytes_in_flight or self._bytes_in_flight + size <= self._body_bytes
        return self._in_flight < self._calls and fits

    def took(self, size: int) -> None:
        """Note a call that leaves."""
        self._in_flight += 1
        self._bytes_in_flight += size

    def gave_back(self, size: int) -> None:
        """Note a call that ended."""
        self._in_flight -= 1
        self._bytes_in_flight -= size

    def pump(self) -> None:
        """Let go whoever may leave now, the longest wait first."""
        waiting = [queue for queue in self._queues.values() if queue.is_waited_in]
        for queue in sorted(waiting, key=lambda queue: queue.order):
            queue.pump()


_resources: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Resource]] = (
    WeakKeyDictionary()
)


@contextmanager
def share_resource(
    endpoint: str, credential: str, terms: Terms, observer: Observer, make: Callable[[], Resource]
) -> Iterator[Resource]:
    """Use a resource together with whoever else on this event loop calls it.

    Args:
        endpoint: Its endpoint.
        credential: The key that is sent.
        terms: What this user asks.
        observer: Is told what happens to the resource meanwhile.
        make: Makes it if nobody uses it yet.
    """
    mine = _resources.setdefault(asyncio.get_running_loop(), {})
    key = (endpoint.casefold(), credential)
    if key not in mine:
        mine[key] = make()
    resource = mine[key]
    resource.join(terms, observer)
    try:
        yield resource
    finally:
        if resource.part(terms, observer):
            del mine[key]
