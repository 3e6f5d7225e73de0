"""The pacing transport on a virtual clock, against services that say when each call came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from simulation import run

from cvsync.api.law import Reason
from cvsync.api.pace import LONGEST_REST, Lane, PaceTransport
from cvsync.api.rates import NoMemory
from cvsync.api.resource import Resource, Terms, share_resource
from cvsync.api.transport import Request
from cvsync.api.window import LEAST_WINDOW
from cvsync.errors import ServiceError, ThrottledError, TransportError
from cvsync.events import Event

WRITE = Request("CreateImagesFromUrls", "POST", "/x")
READ = Request("GetTags", "GET", "/x")
DOWN = ServiceError("X", 503, "503", "")
Answer = Callable[[int], Exception | None]


class Stand:
    """A service that takes a second for each call, and pacing before it."""

    def __init__(self, answer: Answer = lambda _: None, *, seconds: float = 1.0, **terms: Any) -> None:
        self.loop = asyncio.get_running_loop()
        self.sent: list[float] = []
        self.requests: list[Request] = []
        self.in_flight = self.most_in_flight = 0
        self.bytes_in_flight = self.most_bytes = 0
        self.events: list[Event] = []
        self._answer, self._seconds = answer, seconds
        self.resource = Resource(clock=self.loop.time, later=self.loop.call_later, chance=lambda: 0.0)
        self.resource.join(Terms(**{"calls": 100, "body_bytes": 1000} | terms), self.events.append)
        self.transport = PaceTransport(self, self.resource, self.resource)

    async def send(self, request: Request) -> Any:
        number = len(self.sent)
        self.sent.append(self.loop.time())
        self.requests.append(request)
        size = len(request.body or b"")
        self.in_flight += 1
        self.bytes_in_flight += size
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.most_bytes = max(self.most_bytes, self.bytes_in_flight)
        try:
            failure = self._answer(number)
            await asyncio.sleep(0.02 if isinstance(failure, ThrottledError) else self._seconds)
            if failure is not None:
                raise failure
            return number
        finally:
            self.in_flight -= 1
            self.bytes_in_flight -= size

    async def call(self, count: int, request: Request = WRITE) -> list[Any]:
        calls = (self.transport.send(request) for _ in range(count))
        return await asyncio.gather(*calls, return_exceptions=True)

    def told(self, name: str) -> list[Any]:
        return [event.facts for event in self.events if event.name == name]


def throttled(retry_after: float | None = None) -> ThrottledError:
    return ThrottledError("X", 429, "429", "", retry_after=retry_after)


def at(stand: Stand, *numbers: int) -> list[float]:
    return [round(stand.sent[n], 3) for n in numbers]


@pytest.mark.parametrize(
    ("operation", "method", "is_prediction", "lane"),
    [
        ("GetImages", "GET", False, Lane.READS),
        ("CreateTag", "POST", False, Lane.WRITES),
        ("DeleteImages", "DELETE", False, Lane.WRITES),
        ("TrainProject", "POST", False, Lane.TRAIN),
        ("QuickTestImage", "POST", False, Lane.PREDICTION),
        ("ClassifyImage", "POST", True, Lane.PREDICTION),
    ],
)
def test_lane_is_the_class_with_its_own_cap(
    operation: str, method: str, lane: Lane, *, is_prediction: bool
) -> None:
    assert Lane.of(Request(operation, method, "/x", is_prediction=is_prediction)) is lane


def test_burst_of_a_window_and_then_the_published_rate() -> None:
    async def main() -> Stand:
        stand = Stand(seconds=0.05)
        await stand.call(14)
        return stand

    stand = run(main())

    assert at(stand, *range(LEAST_WINDOW)) == [0.0] * LEAST_WINDOW
    assert at(stand, 10, 11, 12, 13) == [0.1, 0.2, 0.3, 0.4]


def test_cold_start_costs_at_most_half_of_what_the_work_takes() -> None:
    """Ten batches of 64, answers in 200 ms: eight at a time need two rounds."""

    async def main() -> float:
        stand = Stand(seconds=0.2)
        await stand.call(10)
        return stand.loop.time()

    assert run(main()) <= 1.5 * 0.4


def test_fixed_rate_is_kept_from_the_first_call_on() -> None:
    async def main() -> Stand:
        stand = Stand(tps=4.0)
        await stand.call(5)
        return stand

    assert at(run(main()), 0, 1, 2, 3, 4) == [0.0, 0.23, 0.48, 0.73, 0.98]


def test_rate_without_end_holds_nothing_back() -> None:
    async def main() -> Stand:
        stand = Stand(tps=float("inf"))
        await stand.call(60)
        return stand

    stand = run(main())

    assert set(stand.sent) == {0.0}
    assert stand.told("rate") == []


def test_bound_holds_the_rate_while_it_is_sought() -> None:
    async def main() -> Stand:
        stand = Stand(seconds=0.05, most_tps=12.0)
        await stand.call(120)
        return stand

    stand = run(main())

    assert max(facts["new"] for facts in stand.told("rate")) == 12
    assert 120 / stand.sent[-1] < 13


def test_calls_and_bytes_in_flight_have_bounds() -> None:
    async def main() -> tuple[Stand, Stand]:
        few, small = Stand(calls=3), Stand(calls=100)
        await few.call(9)
        await small.call(9, Request("CreateImagesFromFiles", "POST", "/x", body=b"x" * 400))
        return few, small

    few, small = run(main())

    assert few.most_in_flight == 3
    assert small.most_bytes == 800


def test_body_over_the_budget_goes_alone() -> None:
    async def main() -> Stand:
        stand = Stand()
        await stand.call(3, Request("CreateImagesFromFiles", "POST", "/x", body=b"x" * 4000))
        return stand

    stand = run(main())

    assert len(stand.sent) == 3
    assert stand.most_in_flight == 1


def test_throttled_call_goes_first_when_it_has_rested() -> None:
    async def main() -> tuple[Stand, list[Any]]:
        stand = Stand(lambda n: throttled(0.5) if n == 0 else None, seconds=0.05, tps=10.0)
        return stand, await stand.call(12)

    stand, answers = run(main())

    assert stand.sent[0] == 0
    first_again = answers[0]
    assert stand.sent[first_again] == pytest.approx(0.52, abs=0.1)
    assert sorted(answers[1:]) == [n for n in range(1, 13) if n != first_again]
    assert first_again < 12, "before those that came later"


def test_nobody_leaves_while_nothing_says_that_only_one_has_to_wait() -> None:
    async def main() -> Stand:
        stand = Stand(lambda n: throttled(3.0) if n < 1 else None, tps=10.0)
        await stand.call(5)
        return stand

    stand = run(main())

    assert at(stand, 0) == [0.0]
    assert stand.sent[1] == pytest.approx(3.02)


def test_success_lets_the_others_go_on() -> None:
    async def main() -> Stand:
        stand = Stand(lambda n: throttled(30.0) if n == 1 else None, seconds=0.5, tps=10.0)
        await stand.call(6)
        return stand

    stand = run(main())

    assert at(stand, 2) == [0.5]  # when the first call was answered
    assert stand.sent[-1] == pytest.approx(30.1, abs=0.1)


def test_rest_has_a_bound_and_a_warning() -> None:
    async def main() -> Stand:
        stand = Stand(lambda n: throttled(86_400.0) if n == 0 else None)
        await stand.call(1)
        return stand

    stand = run(main())

    assert stand.sent[1] == pytest.approx(LONGEST_REST + 0.02)
    assert "86400 s" in stand.told("warning")[0]["text"]


def test_429s_without_end_are_an_outage() -> None:
    async def main() -> tuple[Stand, list[Any]]:
        stand = Stand(lambda _: throttled(20.0), max_outage=100.0)
        return stand, await stand.call(3)

    stand, answers = run(main())

    assert [type(answer) for answer in answers] == [ThrottledError] * 3
    assert 100 <= stand.loop.time() < 200


def test_first_429_after_a_long_rest_is_no_outage() -> None:
    async def main() -> list[Any]:
        stand = Stand(lambda n: throttled() if n == 1 else None, max_outage=100.0)
        answers = await stand.call(1)
        await asyncio.sleep(1000)
        return answers + await stand.call(1)

    assert run(main()) == [0, 2]


def test_429_costs_no_quota() -> None:
    async def main() -> Stand:
        stand = Stand(lambda n: throttled() if n < 30 else None)
        await stand.call(1)
        return stand

    stand = run(main())

    assert stand.resource.circuit.quota == 100
    assert stand.told("circuit") == []
    assert len(stand.told("throttle")) == 30


def test_changes_of_rate_are_told_with_their_reason() -> None:
    async def main() -> Stand:
        stand = Stand(lambda n: throttled() if n == 60 else None, seconds=0.05)
        await stand.call(100)
        return stand

    told = run(main()).told("rate")

    assert told[:2] == [
        {"lane": "writes", "old": None, "new": 10.0, "reason": "start"},
        {"lane": "writes", "old": 10.0, "new": 20.0, "reason": "start"},
    ]
    assert Reason.HOLD in [facts["reason"] for facts in told]
    assert all(new["old"] == old["new"] for old, new in pairwise(told))


def test_lanes_do_not_wait_for_each_other() -> None:
    async def main() -> Stand:
        stand = Stand(lambda n: throttled(20.0) if n == 0 else None, tps=1.0)
        await asyncio.gather(stand.call(2), stand.call(3, READ))
        return stand

    stand = run(main())

    reads = [at for at, request in zip(stand.sent, stand.requests, strict=True) if request is READ]
    assert len(reads) == 3
    assert reads[-1] < 3


def test_failure_is_raised_and_makes_room() -> None:
    async def main() -> tuple[Stand, list[Any]]:
        stand = Stand(lambda n: (DOWN, TransportError("X", "reset", sent=True), ValueError())[n], calls=1)
        return stand, await stand.call(3)

    stand, answers = run(main())

    assert [type(answer) for answer in answers] == [ServiceError, TransportError, ValueError]
    assert stand.resource.has_room(0)


def test_cancelled_calls_leave_no_trace() -> None:
    async def main() -> list[Any]:
        stand = Stand(calls=2, tps=1.0)
        tasks = [asyncio.create_task(stand.transport.send(WRITE)) for _ in range(6)]
        await asyncio.sleep(0.5)
        for task in tasks[:4]:  # one under way, the others waiting
            task.cancel()
        return [
            *await asyncio.gather(*tasks, return_exceptions=True),
            len(stand.sent),
            stand.resource.has_room(0),
        ]

    *answers, sent, has_room = run(main())

    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [True] * 4 + [False] * 2
    assert (sent, has_room) == (3, True)


def test_call_cancelled_just_when_its_turn_came_gives_its_room_back() -> None:
    async def main() -> bool:
        stand = Stand(calls=1)
        task = asyncio.create_task(stand.transport.send(WRITE))
        asyncio.get_running_loop().call_soon(task.cancel)
        await asyncio.gather(task, return_exceptions=True)
        return stand.resource.has_room(0)

    assert run(main())


def test_call_cancelled_just_when_it_was_given_up_took_no_room() -> None:
    async def main() -> bool:
        stand = Stand(max_outage=10.0, calls=1)
        stand.resource.circuit.failed(DOWN, 0.0)
        stand.resource.circuit.open(0.0)
        stand.resource.circuit.begin_probe()
        task = asyncio.create_task(stand.transport.send(WRITE))
        await asyncio.sleep(1)
        stand.loop.call_at(10.0, task.cancel)
        await asyncio.gather(task, return_exceptions=True)
        assert stand.loop.time() == pytest.approx(10.0)
        stand.resource.took(0)
        return not stand.resource.has_room(0)

    assert run(main())


def test_open_circuit_lets_one_probe_go_at_a_time() -> None:
    async def main() -> Stand:
        stand = Stand(lambda n: DOWN if n < 4 else None, seconds=0.01)
        stand.resource.circuit.failed(DOWN, 0.0)
        stand.resource.circuit.open(0.0)
        await stand.call(8)
        return stand

    stand = run(main())

    assert at(stand, 0, 1, 2, 3) == pytest.approx([1, 3, 7, 15], abs=0.1)
    assert [facts["state"] for facts in stand.told("circuit")] == ["open", "closed"]
    assert stand.sent[-1] - stand.sent[4] < 0.1  # the others follow the first answer


def test_calls_behind_an_open_circuit_are_given_up_with_the_last_error() -> None:
    async def main() -> tuple[Stand, list[Any]]:
        stand = Stand(lambda _: DOWN, seconds=0.01, max_outage=10.0)
        stand.resource.circuit.failed(DOWN, 0.0)
        stand.resource.circuit.open(0.0)
        return stand, await stand.call(8)

    stand, answers = run(main())

    assert answers == [DOWN] * 8
    assert stand.loop.time() == pytest.approx(10.0)
    assert len(stand.sent) == 3


def test_clients_of_one_resource_share_its_rate_and_the_strictest_terms() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        events: list[Event] = []
        made = []

        def make() -> Resource:
            made.append(Resource(NoMemory(), clock=loop.time, later=loop.call_later))
            return made[-1]

        def use(key: str, **terms: Any) -> Any:
            return share_resource("https://A.test", key, Terms(body_bytes=9, **terms), events.append, make)

        with use("k", calls=8, tps=5.0) as first:
            with use("k", calls=2) as second, use("other", calls=2) as third:
                assert first is second is not third
                first.took(0)
                assert first.has_room(0)
                first.took(0)
                assert not first.has_room(0)
                assert first.fixed_tps == 5
                first.tell("warning", text="x")
                assert len(events) == 1  # one observer hears a thing once
            assert first.has_room(0)
        with use("k", calls=1) as fourth:
            assert fourth is not first
        assert len(made) == 3

    run(main())
