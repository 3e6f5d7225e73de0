"""Room for request bodies: how many bytes of images may be in memory at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Room:
    """A number of bytes that bodies share; a body that is larger than all of it has it to itself.

    First come, first served, so that a large body is not passed over by small ones for ever.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.building = asyncio.Lock()
        """Held by who makes a body: one by one, so that the first leaves while the second is made."""

    @asynccontextmanager
    async def taken(self, size: int) -> AsyncIterator[None]:
        """Hold room for a body for as long as the block lasts; wait for it first."""
        if self._waiting or not self._fits(size):
            await self._wait(size)
        else:
            self._used += size
        try:
            yield
        finally:
            self._leave(size)

    async def _wait(self, size: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        place = (size, turn)
        self._waiting.append(place)
        try:
            await turn
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
                self._let_in()  # whoever stood behind may fit
            else:
                self._leave(size)  # its turn had come
            raise

    def _fits(self, size: int) -> bool:
        return not self._used or self._used + size <= self._size

    def _leave(self, size: int) -> None:
        self._used -= size
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size, turn = self._waiting.popleft()
            self._used += size
            if not turn.done():
                turn.set_result(None)
