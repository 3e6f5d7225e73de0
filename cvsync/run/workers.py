"""Bounded workers over a stream of batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

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


async def spread(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], *, workers: int, stop: Stop
) -> None:
    """Do some work for each item, at most ``workers`` at a time.

    Takes an item only when a worker is free, so it holds ``workers`` items at most. After ``stop`` no
    further item is taken. When one fails the others finish what they have, then the first error is raised:
    an answer on its way is never thrown away.
    """
    source = iter(items)
    errors: list[Exception] = []

    async def worker() -> None:
        for item in source:
            if stop.requested or errors:
                return
            try:
                await work(item)
            except Exception as error:
                errors.append(error)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    if errors:
        raise errors[0]
