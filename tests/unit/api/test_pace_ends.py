"""Calls behind the pacing transport that fail, are cancelled or given up, on a virtual clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from simulation import run
from stand import DOWN, WRITE, Stand, at

from cvsync.errors import ServiceError, TransportError


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
