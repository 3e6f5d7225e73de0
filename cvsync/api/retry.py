"""A Transport around a Transport: tries again what may succeed later."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from cvsync.api.transport import Request, Transport
from cvsync.errors import ServiceError, ThrottledError, TransportError
from cvsync.events import Observer, ignore, tell

NEVER_REPEATED = frozenset(
    # To carry these out twice makes two of something.
    {"CreateProject", "CreateTag", "TrainProject", "ImportProject", "ExportIteration", "CreateImageRegions",
     "CreateImagesFromUrls", "CreateImagesFromFiles", "CreateImagesFromPredictions"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long to go on trying; seconds."""

    max_outage: float = 300.0
    """From the first failure of a request to the last attempt."""
    first_wait: float = 0.5
    longest_wait: float = 30.0

    def wait(self, attempt: int, error: ServiceError | TransportError, chance: float) -> float:
        """Give the wait after a failed attempt: exponential with full jitter, never before Retry-After."""
        backoff = min(self.longest_wait, self.first_wait * 2.0 ** min(attempt - 1, 16)) * chance
        asked = error.retry_after if isinstance(error, ServiceError) else None
        return backoff if asked is None else asked + self.first_wait * chance


class RetryTransport:
    """Repeats throttled and transient failures.

    Where a failure leaves open whether the service carried the request out, it is repeated only if doing
    it twice does no harm; the others are for the caller to settle.
    """

    def __init__(
        self,
        inner: Transport,
        policy: RetryPolicy | None = None,
        *,
        observer: Observer = ignore,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._inner = inner
        self._policy = policy or RetryPolicy()
        self._observer = observer
        self._sleep, self._clock, self._chance = sleep, clock, chance

    async def send(self, request: Request) -> Any:
        """Send until it succeeds, fails for good, or ``max_outage`` is over."""
        started, attempt = None, 0
        while True:
            attempt += 1
            try:
                return await self._inner.send(request)
            except (ServiceError, TransportError) as error:
                if not may_repeat(request, error):
                    raise
                now = self._clock()
                started = now if started is None else started
                wait = self._policy.wait(attempt, error, self._chance())
                if now + wait - started > self._policy.max_outage:
                    raise
                name = "throttle" if isinstance(error, ThrottledError) else "retry"
                tell(
                    self._observer, name, operation=request.operation, attempt=attempt, wait=wait,
                    reason=str(error),
                )  # fmt: skip
                await self._sleep(wait)


def may_repeat(request: Request, error: ServiceError | TransportError) -> bool:
    """Tell whether the same request may be sent again after this failure."""
    if not error.is_transient:
        return False
    if isinstance(error, ThrottledError) or (isinstance(error, TransportError) and not error.sent):
        return True  # nothing was done
    return request.operation not in NEVER_REPEATED
