from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from cvsync.run.room import Room


@given(sizes=st.lists(st.integers(0, 15), max_size=30), cancelled=st.sets(st.integers(0, 29)))
@settings(deadline=None)
def test_bodies_never_take_more_than_there_is(sizes: list[int], cancelled: set[int]) -> None:
    async def play() -> None:
        room, used, entered = Room(10), 0, []

        async def body(number: int, size: int) -> None:
            nonlocal used
            async with room.taken(size):
                used += size
                entered.append(number)
                assert used <= 10 or used == size
                await asyncio.sleep(0)
                used -= size

        tasks = [asyncio.create_task(body(n, size)) for n, size in enumerate(sizes)]
        await asyncio.sleep(0)
        for number in cancelled:
            if number < len(tasks) and number not in entered:
                tasks[number].cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks, return_exceptions=True)
            async with room.taken(10):  # all of it is free again
                pass

        assert entered == sorted(entered)
        assert {n for n in range(len(sizes)) if n not in cancelled} <= set(entered)

    asyncio.run(play())
