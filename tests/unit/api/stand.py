"""A service on a virtual clock that says when each call came, and pacing before it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from cvsync.api.pace import PaceTransport
from cvsync.api.resource import Resource, Terms
from cvsync.api.transport import Request
from cvsync.errors import ServiceError, ThrottledError
from cvsync.events import Event

WRITE = Request("CreateImagesFromUrls", "POST", "/x")
READ = Request("GetTags", "GET", "/x")
DOWN = ServiceError("X", 503, "503", "")
Answer = Callable[[int], Exception | None]


class Stand:
    """A service that takes a second for each call, and pacing before it."""

    def __init__(self, answer: Answer = lambda _: None, *, seconds: float = 1.0, **terms: Any) -> None:
        self.loop = asyncio.get_running_loop()
        self.sent: list[float] = []
        self.requests: list[Request] = []
        self.in_flight = self.most_in_flight = 0
        self.bytes_in_flight = self.most_bytes = 0
        self.events: list[Event] = []
        self._answer, self._seconds = answer, seconds
        self.resource = Resource(clock=self.loop.time, later=self.loop.call_later, chance=lambda: 0.0)
        self.resource.join(Terms(**{"calls": 100, "body_bytes": 1000} | terms), self.events.append)
        self.transport = PaceTransport(self, self.resource, self.resource)

    async def send(self, request: Request) -> Any:
        number = len(self.sent)
        self.sent.append(self.loop.time())
        self.requests.append(request)
        size = len(request.body or b"")
        self.in_flight += 1
        self.bytes_in_flight += size
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.most_bytes = max(self.most_bytes, self.bytes_in_flight)
        try:
            failure = self._answer(number)
            await asyncio.sleep(0.02 if isinstance(failure, ThrottledError) else self._seconds)
            if failure is not None:
                raise failure
            return number
        finally:
            self.in_flight -= 1
            self.bytes_in_flight -= size

    async def call(self, count: int, request: Request = WRITE) -> list[Any]:
        calls = (self.transport.send(request) for _ in range(count))
        return await asyncio.gather(*calls, return_exceptions=True)

    def told(self, name: str) -> list[Any]:
        return [event.facts for event in self.events if event.name == name]


def throttled(retry_after: float | None = None) -> ThrottledError:
    return ThrottledError("X", 429, "429", "", retry_after=retry_after)


def at(stand: Stand, *numbers: int) -> list[float]:
    return [round(stand.sent[n], 3) for n in numbers]
