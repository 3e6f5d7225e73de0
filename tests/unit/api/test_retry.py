from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cvsync.api.circuit import CAPACITY, Circuit
from cvsync.api.retry import LONGEST_RETRY_AFTER, NEVER_REPEATED, RetryPolicy, RetryTransport
from cvsync.api.transport import Request
from cvsync.errors import ServiceError, ThrottledError, TransportError
from cvsync.events import Event

PATH = "/customvision/v3.3/training/projects/p/tags"
THROTTLED = ThrottledError("X", 429, "429", "", retry_after=7.0)
LOST = TransportError("X", "reset", sent=True)
REFUSED = TransportError("X", "refused", sent=False)


def error(status: int, retry_after: float | None = None, code: str = "code") -> ServiceError:
    return ServiceError("X", status, code, "message", retry_after=retry_after)


class Desk:
    """Retry around a service that fails as told and then answers, with a clock that only sleeping moves."""

    def __init__(self, *errors: Exception, health: Exception | None = None, **policy: Any) -> None:
        self.errors = list(errors)
        self.health = health
        self.waits: list[float] = []
        self.calls: list[str] = []
        self.checks: list[str] = []
        self.events: list[Event] = []
        self.policy = RetryPolicy(**policy)
        self.circuit = Circuit(lambda _: None, max_outage=self.policy.max_outage)

    async def send(self, request: Request) -> Any:
        self.calls.append(request.operation)
        if self.errors:
            failure = self.errors.pop(0)
            if isinstance(failure, (ServiceError, TransportError)):
                self.circuit.failed(failure, sum(self.waits))
            raise failure
        self.circuit.succeeded(sum(self.waits))
        return "answer"

    async def check(self, request: Request) -> Any:
        self.checks.append(request.path)
        if self.health is not None:
            raise self.health
        return []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def call(self, operation: str = "GetTags", path: str = PATH) -> Any:
        transport = RetryTransport(
            self,
            lambda _: self.circuit,
            bare=_Bare(self.check),
            policy=self.policy,
            observer=self.events.append,
            sleep=self.sleep,
            clock=lambda: sum(self.waits),
            chance=lambda: 1.0,
        )
        return await transport.send(Request(operation, "POST", path))


class _Bare:
    def __init__(self, send: Callable[[Request], Any]) -> None:
        self.send = send


async def test_waits_grow_and_heed_retry_after() -> None:
    desk = Desk(error(500), error(503, 7.0), error(408), LOST)

    assert await desk.call() == "answer"
    assert desk.waits == [0.5, 7.5, 2.0, 4.0]
    assert [e.facts["attempt"] for e in desk.events] == [1, 2, 3, 4]


async def test_retry_after_has_a_bound() -> None:
    desk = Desk(error(503, 86_400.0))

    await desk.call()

    assert desk.waits == [LONGEST_RETRY_AFTER + 0.5]


@pytest.mark.parametrize("operation", sorted(NEVER_REPEATED))
async def test_what_must_not_happen_twice_is_repeated_only_if_it_did_not_happen(operation: str) -> None:
    assert await Desk(REFUSED).call(operation) == "answer"
    for ambiguous in (LOST, error(500), error(504)):
        desk = Desk(ambiguous)
        with pytest.raises(type(ambiguous)):
            await desk.call(operation)
        assert len(desk.calls) == 1


@pytest.mark.parametrize("permanent", [error(400), error(404), error(500, code="ErrorProjectInvalidDomain")])
async def test_permanent_error_is_not_tried_again(permanent: ServiceError) -> None:
    desk = Desk(permanent)

    with pytest.raises(ServiceError):
        await desk.call()

    assert len(desk.calls) == 1


async def test_429_that_pacing_lets_through_is_the_end() -> None:
    desk = Desk(THROTTLED)

    with pytest.raises(ThrottledError):
        await desk.call()

    assert len(desk.calls) == 1


async def test_call_that_fails_while_the_service_works_has_five_attempts() -> None:
    desk = Desk(*[error(500)] * 9)

    with pytest.raises(ServiceError):
        await desk.call()

    assert len(desk.calls) == 5
    assert desk.checks == ["/customvision/v3.3/training/domains"]
    assert not desk.circuit.is_open


async def test_check_is_of_the_same_version() -> None:
    desk = Desk(*[error(500)] * 9)

    with pytest.raises(ServiceError):
        await desk.call(path="/customvision/v2.1/Training/projects")

    assert desk.checks == ["/customvision/v2.1/Training/domains"]


@pytest.mark.parametrize("health", [error(503), LOST, REFUSED])
async def test_call_outlasts_an_outage_of_the_whole_service(health: Exception) -> None:
    desk = Desk(*[error(503)] * 9, health=health)

    assert await desk.call() == "answer"

    assert len(desk.calls) == 10
    assert len(desk.waits) == 4, "behind an open circuit it waits for its turn, not by the clock"


async def test_service_that_refuses_the_check_is_there() -> None:
    desk = Desk(*[error(503)] * 9, health=error(401))

    with pytest.raises(ServiceError):
        await desk.call()

    assert len(desk.calls) == 5


async def test_prediction_has_nothing_to_check_with() -> None:
    desk = Desk(*[error(503)] * 9, health=LOST)

    with pytest.raises(ServiceError):
        await desk.call(path="/customvision/v3.1/prediction/p/classify/iterations/i/url")

    assert len(desk.calls) == 5
    assert desk.checks == []


async def test_retries_draw_on_the_quota_and_open_the_circuit() -> None:
    desk = Desk(*[LOST] * 3)
    desk.circuit.quota = 15

    await desk.call()

    assert len(desk.waits) == 1  # the second retry was not to be paid for
    assert desk.circuit.quota == CAPACITY  # the answer closed the circuit


async def test_no_outage_is_borne_if_none_may_be() -> None:
    desk = Desk(REFUSED, max_outage=0.0)

    with pytest.raises(TransportError):
        await desk.call()

    assert desk.waits == []


async def test_outage_has_an_end() -> None:
    desk = Desk(*[REFUSED] * 100, health=LOST, max_outage=3.0)

    with pytest.raises(TransportError):
        await desk.call()

    assert sum(desk.waits) >= 3
