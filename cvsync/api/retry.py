"""A Transport around a Transport: tries again what may succeed later.

It stands outside of pacing, so that each attempt waits its turn, and so that 429s never reach it: pacing
takes them back itself, at no attempt's cost.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

from cvsync.api.circuit import Circuit
from cvsync.api.failures import Failure, classify
from cvsync.api.transport import Request, Transport
from cvsync.errors import ServiceError, ThrottledError, TransportError
from cvsync.events import Observer, ignore, tell

NEVER_REPEATED = frozenset(
    # To carry these out twice makes two of something.
    {"CreateProject", "CreateTag", "TrainProject", "ImportProject", "ExportIteration", "CreateImageRegions",
     "CreateImagesFromUrls", "CreateImagesFromFiles", "CreateImagesFromPredictions"}
)  # fmt: skip
LONGEST_RETRY_AFTER = 60.0

T = TypeVar("T")
_TRAINING_BASE = re.compile(r"/customvision/v[^/]+/training/", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long to go on trying; seconds."""

    max_outage: float = 1800.0
    """From the first failure, as long as nothing succeeds, until what waits is given up."""
    attempts: int = 5
    """Of one call, unless the service as a whole is out."""
    first_wait: float = 0.5
    longest_wait: float = 30.0

    def wait(self, attempt: int, error: ServiceError | TransportError, chance: float) -> float:
        """Give the wait after a failed attempt: exponential with full jitter, never before Retry-After."""
        backoff = min(self.longest_wait, self.first_wait * 2.0 ** min(attempt - 1, 16)) * chance
        asked = error.retry_after if isinstance(error, ServiceError) else None
        return backoff if asked is None else min(asked, LONGEST_RETRY_AFTER) + self.first_wait * chance


async def retried(
    call: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    observer: Observer = ignore,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    chance: Callable[[], float] = random.random,
) -> T:
    """Do something that may be done twice, as a download, until it succeeds or the policy ends it.

    Raises:
        ServiceError: The last attempt's, or one that no further attempt would mend.
        TransportError: The last attempt's.
    """
    for attempt in count(1):
        try:
            return await call()
        except (ServiceError, TransportError) as error:
            if not error.is_transient or attempt >= policy.attempts:
                raise
            wait = policy.wait(attempt, error, chance())
            tell(
                observer, "retry", operation=error.operation, attempt=attempt, wait=wait, reason=str(error)
            )  # fmt: skip
            await sleep(wait)
    raise AssertionError("count never ends")


class RetryTransport:
    """Repeats transient failures, as long as the resource's retry quota lasts.

    Where a failure leaves open whether the service carried the request out, it is repeated only if doing
    it twice does no harm; the others are for the caller to settle.

    Args:
        inner: Makes an attempt; it tells the circuit of each answer and holds calls back while that is open.
        circuit: The quota of the resource that requests go to.
        bare: Makes an attempt whether the circuit is open or not: to see if the service is there at all.
        policy: How long to go on.
        observer: Is told of each retry.
    """

    def __init__(
        self,
        inner: Transport,
        circuit: Callable[[Request], Circuit],
        *,
        bare: Transport,
        policy: RetryPolicy | None = None,
        observer: Observer = ignore,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._inner, self._circuit, self._bare = inner, circuit, bare
        self._policy = policy or RetryPolicy()
        self._observer = observer
        self._sleep, self._clock, self._chance = sleep, clock, chance

    async def send(self, request: Request) -> Any:
        """Send until it succeeds, fails for good, or ``max_outage`` is over."""
        circuit, attempt, first_failed = self._circuit(request), 0, None
        while True:
            try:
                return await self._inner.send(request)
            except (ServiceError, TransportError) as error:
                if isinstance(error, ThrottledError) or not may_repeat(request, error):
                    raise  # a 429 that pacing lets through has outlived the longest outage
                now = self._clock()
                attempt += 1
                first_failed = now if first_failed is None else first_failed
                if circuit.is_over(now) or circuit.max_outage <= 0:
                    raise
                if attempt >= self._policy.attempts:
                    if circuit.succeeded_at >= first_failed or await self._is_there(request):
                        raise  # the service works, so it is this call
                    circuit.open(self._clock())
                else:
                    circuit.withdraw(error, now)
                if not circuit.is_open:
                    await self._back_off(attempt, error)

    async def _back_off(self, attempt: int, error: ServiceError | TransportError) -> None:
        wait = self._policy.wait(attempt, error, self._chance())
        tell(
            self._observer, "retry", operation=error.operation, attempt=attempt, wait=wait, reason=str(error)
        )
        await self._sleep(wait)

    async def _is_there(self, request: Request) -> bool:
        """Ask for something small: whether the service answers at all, be it with a refusal."""
        base = _TRAINING_BASE.match(request.path)
        if base is None:
            return True  # a prediction resource has nothing small to ask for
        try:
            await self._bare.send(Request("GetDomains", "GET", f"{base[0]}domains"))
        except TransportError:
            return False
        except ServiceError as error:
            if classify(error) in (Failure.TRANSIENT, Failure.AMBIGUOUS):
                return False
        self._circuit(request).succeeded(self._clock())
        return True


def may_repeat(request: Request, error: ServiceError | TransportError) -> bool:
    """Tell whether the same request may be sent again after this failure."""
    failure = classify(error)
    if failure is Failure.THROTTLE or (isinstance(error, TransportError) and not error.sent):
        return True  # nothing was done
    return failure in (Failure.TRANSIENT, Failure.AMBIGUOUS) and request.operation not in NEVER_REPEATED
