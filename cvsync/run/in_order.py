"""Work that runs side by side and is taken in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from cvsync.run.workers import Stop

T = TypeVar("T")
R = TypeVar("R")


async def in_order(
    items: Iterable[T],
    work: Callable[[T], Coroutine[Any, Any, R]],
    take: Callable[[R], object],
    *,
    workers: int,
    stop: Stop,
    wanted: Callable[[], bool] = lambda: True,
) -> None:
    """Do some work for each item, and hand the results on in the order of the items.

    At most ``workers`` items are under way or done and not yet taken, so a slow one holds the others up and
    nothing piles up. After ``stop`` no further item is begun. The first error, in this order, ends it, and so
    does the first result after which no more are ``wanted``: what is under way is cancelled.
    """
    begun: deque[asyncio.Task[R]] = deque()
    try:
        for item in items:
            if len(begun) == workers:
                take(await begun[0])
                begun.popleft()
            if stop.requested or not wanted():
                break
            begun.append(asyncio.create_task(work(item)))
        while begun and wanted():
            take(await begun[0])
            begun.popleft()
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
