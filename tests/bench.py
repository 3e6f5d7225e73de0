"""An emulator, a project and a ledger, to apply plans to; time passes only when somebody sleeps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from look import all_images
from plans import box, create, make_plan

from cvsync.api.client import Client
from cvsync.api.download import Downloader
from cvsync.api.transport import Request, Transport
from cvsync.emulator import Emulator
from cvsync.errors import ServiceError, TransportError
from cvsync.events import Event
from cvsync.known import KnownImages
from cvsync.model import Image, ProjectType
from cvsync.plan.actions import Action
from cvsync.plan.plan import Plan
from cvsync.run.apply import Run
from cvsync.run.ledger import Ledger
from cvsync.run.outcome import Outcomes
from cvsync.run.relabel import sums_of_images
from cvsync.run.settings import RunSettings
from cvsync.run.work import Work
from cvsync.run.workers import Stop


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@dataclass
class Troubled:
    """A Transport that fails on some calls: before or after the service did its work."""

    inner: Transport
    operation: str
    when: str
    """``lost``: the answer never comes; ``unsent``: the request never leaves; or a status."""
    calls: int = 1
    """How many calls of the operation fail."""
    skip: int = 0
    contains: bytes = b""
    """Only requests with this in the body."""
    seen: Counter[str] = field(default_factory=Counter)

    async def send(self, request: Request) -> Any:
        self.seen[request.operation] += 1
        is_meant = request.operation == self.operation and self.contains in (request.body or b"")
        if not is_meant or self.seen["meant"] - self.skip >= self.calls:
            return await self.inner.send(request)
        self.seen["meant"] += 1
        if self.seen["meant"] <= self.skip:
            return await self.inner.send(request)
        if self.when == "lost":
            await self.inner.send(request)
            raise TransportError(request.operation, "connection reset", sent=True)
        if self.when == "never":
            raise TransportError(request.operation, "connection reset", sent=True)
        if self.when == "unsent":
            raise TransportError(request.operation, "connection refused", sent=False)
        raise ServiceError(request.operation, int(self.when), self.when, "on order")


@dataclass
class Bench:
    emulator: Emulator
    transport: Transport
    downloader: Downloader
    api_version: str
    type_: ProjectType
    folder: Path
    clock: Clock
    ledger: Ledger
    project_id: str = ""
    runs: int = 0
    events: list[Event] = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)

    @property
    def client(self) -> Client:
        return Client(self.transport, api_version=self.api_version)

    def trouble(self, operation: str, when: str, **options: Any) -> Troubled:
        """Let some calls of an operation fail from now on."""
        self.transport = Troubled(self.transport, operation, when, **options)
        return self.transport

    def plan(self, *actions: Action, **options: Any) -> Plan:
        return make_plan(self.project_id, *actions, type_=self.type_, **options)

    async def apply(self, plan: Plan, *, workers: int = 2, **settings: Any) -> Outcomes:
        """Apply a plan in a run of its own."""
        self.runs += 1
        self.stop = Stop()
        self.ledger.start_run(f"run {self.runs}")
        return await Run(self.work(workers=workers, **settings), plan).apply()

    def work(self, *, workers: int = 2, **settings: Any) -> Work:
        """What the current run works with."""
        return Work(
            client=self.client, ledger=self.ledger, project_id=self.project_id, run_id=f"run {self.runs}",
            workers=workers, observer=self.events.append, stop=self.stop,
            settings=RunSettings(**{"grace": 0.5} | settings), downloader=self.downloader, folder=self.folder,
            sleep=self.clock.sleep, clock=self.clock.now,
        )  # fmt: skip

    async def images(self) -> list[Image]:
        return await all_images(self.client, self.project_id)

    async def by_key(self) -> dict[str, Counter[Any]]:
        """The labels of each key's image, as the project has them: tag, or tag and left side."""
        images = {image.id: image for image in await self.images()}
        return {
            key: Counter(
                [(r.tag_name, round(r.left, 4)) for r in images[image_id].regions]
                if self.type_ is ProjectType.DETECTION
                else [t.tag_name for t in images[image_id].tags]
            )
            for key, image_id in self.ids().items()
        }

    def known(self) -> KnownImages:
        return self.ledger.known()

    def ids(self) -> dict[str, str]:
        return {row["key"]: row["image_id"] for row in self.known().table.to_pylist()}

    async def stale_fingerprints(self) -> dict[str, tuple[int, int]]:
        """Keys whose fingerprint is told by the ledger and is not what the project has."""
        sums = sums_of_images(await self.images(), self.type_)
        return {
            row["key"]: (row["fingerprint"], sums[row["image_id"]])
            for row in self.known().table.to_pylist()
            if row["fingerprint"] is not None and row["fingerprint"] != sums[row["image_id"]]
        }

    async def control(self, method: str, path: str, json: Any = None) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.emulator.url}/_emulator/{path}", json=json) as response,
        ):
            return await response.json(content_type=None)

    async def submissions(self) -> dict[str, int]:
        """How often each image's bytes were sent, by the first URL."""
        sources = await self.control("GET", f"projects/{self.project_id}/images")
        return {source["sources"][0]: source["submissions"] for source in sources if source["sources"]}

    async def calls(self) -> dict[str, int]:
        """The calls since the last reset, by operation."""
        counts = (await self.control("GET", "requests"))["by_operation"]
        return {name: sum(by.values()) for name, by in counts.items()}

    def told(self, name: str) -> list[Any]:
        return [event.facts for event in self.events if event.name == name]


async def placed(bench: Bench, *actions: Action, tags: list[str]) -> dict[str, str]:
    """Apply a first plan; give the image ids."""
    await bench.apply(bench.plan(*actions, tags=tags))
    await bench.control("POST", "reset")
    return bench.ids()


def five(bench: Bench, **options: Any) -> Plan:
    """A plan of five images with two boxes each."""
    images = [create(f"{n}", box("fork"), box("fork", 0.3)) for n in range(5)]
    return bench.plan(*images, tags=["fork"], **options)


FIVE = {f"{n}": Counter([("fork", 0.1), ("fork", 0.3)]) for n in range(5)}
"""What the project then holds, as ``Bench.by_key`` tells it."""
