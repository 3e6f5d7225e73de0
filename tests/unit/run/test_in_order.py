from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsync.run.in_order import in_order
from cvsync.run.workers import Stop


@given(st.integers(0, 30), st.integers(1, 6), st.randoms(use_true_random=False))
def test_results_come_in_order_and_work_is_bounded(count: int, workers: int, chance: random.Random) -> None:
    taken: list[int] = []
    begun = most = 0

    async def work(item: int) -> int:
        nonlocal begun, most
        begun += 1
        most = max(most, begun - len(taken))
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        return item

    asyncio.run(in_order(range(count), work, taken.append, workers=workers, stop=Stop()))

    assert taken == list(range(count))
    assert most <= workers


async def test_first_error_ends_it_and_leaves_nothing_running() -> None:
    taken: list[int] = []
    cancelled: list[int] = []

    async def work(item: int) -> int:
        if item == 2:
            raise ValueError("no")
        if item > 2:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(item)
        return item

    with pytest.raises(ValueError, match="no"):
        await in_order(range(9), work, taken.append, workers=4, stop=Stop())

    assert taken == [0, 1]
    assert set(cancelled) <= {3, 4, 5}
    assert len(asyncio.all_tasks()) == 1


async def test_results_that_nobody_wants_are_not_waited_for() -> None:
    taken: list[int] = []
    begun: list[int] = []

    async def work(item: int) -> int:
        begun.append(item)
        if item > 1:
            await asyncio.Event().wait()
        return item

    await in_order(range(9), work, taken.append, workers=3, stop=Stop(), wanted=lambda: len(taken) < 2)

    assert taken == [0, 1]
    assert max(begun) < 4
    assert len(asyncio.all_tasks()) == 1


async def test_after_a_stop_nothing_new_begins() -> None:
    stop, taken = Stop(), []

    async def work(item: int) -> int:
        if item == 3:
            stop.request("enough")
        return item

    await in_order(range(100), work, taken.append, workers=2, stop=stop)

    assert taken[:4] == [0, 1, 2, 3]
    assert len(taken) < 7
