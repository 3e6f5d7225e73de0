"""Two calls at once, of which one may fail."""

from __future__ import annotations

import asyncio

import pytest

from cvsync.api.both import both


async def test_a_failure_ends_the_other_call() -> None:
    ended = []

    async def fail() -> None:
        raise ValueError

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(ValueError):
        await both(wait(), fail())

    assert ended


async def test_both_answers_come_in_order() -> None:
    assert await both(asyncio.sleep(0, 1), asyncio.sleep(0, "b")) == (1, "b")
