"""A service with a rate cap on a virtual clock: minutes of cvsync's own pacing pass in a moment.

Only the service and the time are simulated; the transports around it are the real ones.
"""

from __future__ import annotations

import asyncio
import math
import random
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from cvsync.api.pace import PaceTransport
from cvsync.api.rates import Memory
from cvsync.api.resource import Resource, Terms
from cvsync.api.retry import RetryPolicy, RetryTransport
from cvsync.api.transport import Request
from cvsync.errors import ServiceError, ThrottledError
from cvsync.events import Observer, ignore

T = TypeVar("T")
CALL = Request("CreateImageTags", "POST", "/customvision/v3.3/training/projects/p/images/tags")
SPREAD = 0.35  # of the lognormal service time
THROTTLED_SECONDS = 0.02  # a 429 is answered in no time


class _NoWait(selectors.SelectSelector):
    """Waits for nothing: what would be waited is added to the time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits for everybody"
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only by waiting."""

    def __init__(self) -> None:
        self._still = _NoWait()
        super().__init__(self._still)

    def time(self) -> float:
        return self._still.now

    def hold_up(self, seconds: float) -> None:
        """Let time pass in which nothing runs, as on a machine with too much to do."""
        self._still.now += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time, from zero on."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


class Cap(Protocol):
    cap: float

    def admit(self, now: float) -> float:
        """0 lets a call in; else the seconds until the next chance."""
        ...


class Bucket:
    """Tokens that come at the cap; it holds a second's."""

    def __init__(self, cap: float, size: float | None = None) -> None:
        self.cap, self._size = cap, size
        self._tokens, self._at = size or cap, 0.0

    def admit(self, now: float) -> float:
        self._tokens = min(self._size or self.cap, self._tokens + (now - self._at) * self.cap)
        self._at = now
        if self._tokens < 1:
            return (1 - self._tokens) / self.cap
        self._tokens -= 1
        return 0.0


class FixedWindow:
    """So many calls in each second of the clock."""

    def __init__(self, cap: float) -> None:
        self.cap = cap
        self._second, self._used = -1, 0

    def admit(self, now: float) -> float:
        if int(now) != self._second:
            self._second, self._used = int(now), 0
        if self._used >= self.cap:
            return self._second + 1 - now
        self._used += 1
        return 0.0


class SlidingWindow:
    """So many calls in any second."""

    def __init__(self, cap: float) -> None:
        self.cap = cap
        self._admitted: deque[float] = deque()

    def admit(self, now: float) -> float:
        while self._admitted and self._admitted[0] <= now - 1:
            self._admitted.popleft()
        if len(self._admitted) >= self.cap:
            return self._admitted[0] + 1 - now
        self._admitted.append(now)
        return 0.0


CAPS: Mapping[str, Callable[[float], Cap]] = {
    "bucket": Bucket,
    "fixed": FixedWindow,
    "sliding": SlidingWindow,
}


@dataclass
class Seen:
    """The calls of one client, by what became of them and when."""

    admitted: list[float] = field(default_factory=list)
    throttled: list[float] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)

    def count(self, since: float, until: float) -> int:
        return sum(since <= at < until for at in self.admitted)

    def share_throttled(self, since: float, until: float) -> float:
        refused = sum(since <= at < until for at in self.throttled)
        return refused / max(1, refused + self.count(since, until))


class Service:
    """Answers under a cap: service time lognormal, 10 to 50 ms of network each way."""

    def __init__(
        self,
        cap: Cap,
        *,
        seed: int,
        retry_after: bool = True,
        latency: float = 0.6,
        is_out: Callable[[float], bool] = lambda _: False,
    ) -> None:
        self.cap = cap
        self._dice = random.Random(seed)
        self._retry_after = retry_after
        self._latency = latency
        self._is_out = is_out
        self.in_flight = self.most_in_flight = 0

    def link(self, seen: Seen) -> _Link:
        """A client's way to it."""
        return _Link(self, seen)

    async def answer(self, seen: Seen) -> str:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._way())
        now = loop.time()
        if self._is_out(now):
            seen.failed.append(now)
            await asyncio.sleep(THROTTLED_SECONDS + self._way())
            raise ServiceError("X", 503, "503", "no healthy upstream")
        wait = self.cap.admit(now)
        if wait:
            seen.throttled.append(now)
            await asyncio.sleep(THROTTLED_SECONDS + self._way())
            asked = float(math.ceil(wait)) if self._retry_after else None
            raise ThrottledError("X", 429, "429", "", retry_after=asked)
        seen.admitted.append(now)
        await asyncio.sleep(self._latency * self._dice.lognormvariate(0, SPREAD) + self._way())
        return "answer"

    def _way(self) -> float:
        return self._dice.uniform(0.01, 0.05)


@dataclass
class _Link:
    service: Service
    seen: Seen

    async def send(self, request: Request) -> Any:
        service = self.service
        service.in_flight += 1
        service.most_in_flight = max(service.most_in_flight, service.in_flight)
        try:
            return await service.answer(self.seen)
        finally:
            service.in_flight -= 1


class Client:
    """cvsync's own stack of transports over a link to the service, and a load on it."""

    def __init__(
        self,
        service: Service,
        *,
        calls: int,
        seed: int = 0,
        memory: Memory | None = None,
        observer: Observer = ignore,
        max_outage: float = 1800.0,
        **terms: Any,
    ) -> None:
        loop, chance = asyncio.get_running_loop(), random.Random(seed).random
        self.seen = Seen()
        self.calls = calls
        self.started = self.answered = 0
        self.errors: list[Exception] = []
        self.resource = Resource(memory, clock=loop.time, later=loop.call_later, chance=chance)
        self._terms = Terms(calls=calls, body_bytes=10**9, max_outage=max_outage, **terms)
        self._observer = observer
        self.resource.join(self._terms, observer)
        link = service.link(self.seen)
        self.transport = RetryTransport(
            PaceTransport(link, self.resource, self.resource),
            lambda _: self.resource.circuit,
            bare=link,
            policy=RetryPolicy(max_outage=max_outage),
            observer=observer,
            clock=loop.time,
            chance=chance,
        )

    async def call(self) -> None:
        self.started += 1
        try:
            await self.transport.send(CALL)
        except ServiceError as error:
            self.errors.append(error)
        else:
            self.answered += 1

    async def load(self, until: float) -> None:
        """Call without pause, in as many workers as there may be calls; end with the answers under way."""
        clock = asyncio.get_running_loop().time

        async def worker() -> None:
            while clock() < until and not self.errors:
                await self.call()

        await asyncio.gather(*(worker() for _ in range(self.calls)))

    def close(self) -> None:
        self.resource.part(self._terms, self._observer)


def slots(cap: float) -> int:
    """Workers enough to fill a cap."""
    return max(16, int(2 * cap))
