"""The pacing transport on a virtual clock, against services that say when each call came."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from simulation import run
from stand import READ, Stand, at, throttled

from cvsync.api.law import Reason
from cvsync.api.pace import Lane
from cvsync.api.rates import NoMemory
from cvsync.api.resource import Resource, Terms, share_resource
from cvsync.api.transport import Request
from cvsync.api.window import LEAST_WINDOW
from cvsync.events import Event


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


def test_burst_of_a_window_then_the_published_rate_and_then_what_answers_bear_out() -> None:
    async def main() -> Stand:
        stand = Stand(seconds=0.05)
        await stand.call(14)
        return stand

    stand = run(main())

    assert at(stand, *range(LEAST_WINDOW)) == [0.0] * LEAST_WINDOW
    assert at(stand, 10, 11) == [0.1, 0.15]


def test_cold_start_costs_at_most_half_of_what_the_work_takes() -> None:
    """Ten batches of 64, answers in 200 ms: eight at a time need two rounds."""

    async def main() -> float:
        stand = Stand(seconds=0.2)
        await stand.call(10)
        return stand.loop.time()

    assert run(main()) <= 1.5 * 0.4


def test_start_under_no_cap_takes_little_longer_than_the_window_does() -> None:
    """Sixteen at a time, answers in 200 ms: a hundred calls need 1.4 s."""

    async def main() -> float:
        stand = Stand(seconds=0.2, calls=16)
        await stand.call(100)
        return stand.loop.time()

    assert run(main()) <= 2.5


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
    assert (120 - LEAST_WINDOW) / stand.sent[-1] <= 12


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


def test_changes_of_rate_are_told_with_their_reason() -> None:
    async def main() -> Stand:
        stand = Stand(lambda n: throttled() if n == 60 else None, seconds=0.05)
        await stand.call(100)
        return stand

    told = run(main()).told("rate")

    assert told[:2] == [
        {"lane": "writes", "old": None, "new": 10.0, "reason": "start"},
        {"lane": "writes", "old": 10.0, "new": 22.0, "reason": "start"},
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
