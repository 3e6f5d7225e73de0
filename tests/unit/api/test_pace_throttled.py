"""The pacing transport and 429s, on a virtual clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from simulation import run
from stand import Stand, at, throttled

from cvsync.api.pace import LONGEST_REST
from cvsync.errors import ThrottledError


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
