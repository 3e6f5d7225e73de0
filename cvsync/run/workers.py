"""Bounded workers over a stream of batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")


class Stop:
    """A request to end early: what is in flight finishes, nothing new starts."""

    def __init__(self) -> None:
        self.requested = False
        self.reason = ""
        """Why, for people."""
        self.is_draining = False
        """Whether there are requests in flight that deserve an answer; else there is nothing to wait for."""

    def request(self, reason: str = "") -> None:
        """Ask for it; safe to call again, the first reason counts."""
        if not self.requested:
            self.requested, self.reason = True, reason


class Arrivals(Generic[T]):
    """Items for ``spread`` that come one by one, while the first are at work already."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[T | _Closed] = asyncio.Queue()
        self.is_closed = False
        """Whether nothing more comes."""

    def add(self, item: T) -> None:
        """Add an item; there is no bound."""
        self._queue.put_nowait(item)

    def close(self) -> None:
        """Say that there are no more; safe to call again."""
        self.is_closed = True
        self._queue.put_nowait(_Closed.CLOSED)

    def __aiter__(self) -> Arrivals[T]:
        return self

    async def __anext__(self) -> T:
        item = await self._queue.get()
        if item is _Closed.CLOSED:
            self._queue.put_nowait(_Closed.CLOSED)  # for whoever else waits
            raise StopAsyncIteration
        return item


class _Closed(Enum):
    CLOSED = 0  # nothing comes any more


async def spread(
    items: Iterable[T] | Arrivals[T],
    work: Callable[[T], Awaitable[None]],
    *,
    workers: int,
    stop: Stop,
) -> None:
    """Do some work for each item, at most ``workers`` at a time.

    Takes an item only when a worker is free, so it holds ``workers`` items at most. After ``stop`` no
    further item is taken. When one fails, or the next one cannot be had, the others finish what they have,
    then the first error is raised: an answer on its way is never thrown away.
    """
    source = items if isinstance(items, Arrivals) else _Given(items)
    errors: list[Exception] = []

    async def worker() -> None:
        try:
            async for item in source:
                if stop.requested or errors:
                    return
                await work(item)
        except Exception as error:
            errors.append(error)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    if errors:
        raise errors[0]


class _Given(Generic[T]):
    """Items that are all there, for workers that share them."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = iter(items)

    def __aiter__(self) -> _Given[T]:
        return self

    async def __anext__(self) -> T:
        for item in self._items:
            return item
        raise StopAsyncIteration
