"""A project on an emulator that really downloads, and pushes to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from look import all_images

from cvsync import PushRequest, Report, Service, Settings, apply_plan, make_plan, open_service, push
from cvsync.api.client import Client, open_client
from cvsync.emulator import Emulator
from cvsync.events import Event
from cvsync.flows.plan import save_plan
from cvsync.flows.project import NewProject
from cvsync.model import Image
from cvsync.plan import Plan
from cvsync.run.settings import RunSettings

_BOXES = [(0.1, 0.2, 0.3, 0.4), (0.25, 0.125, 0.5, 0.5), (0.145833328, 0.3509314, 0.5894608, 0.238562092)]
QUICK = RunSettings(grace=0.1, retry_wait=0.01)
WRITES = ("Create", "Delete", "Update", "Train", "Export")


@dataclass
class Shelf:
    emulator: Emulator
    folder: Path
    """Served under /files/."""
    state: Path
    api_version: str = "v3.3"
    events: list[Event] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return Settings(
            endpoint=self.emulator.url, training_key="local-training-key", api_version=self.api_version
        )

    def url(self, name: str) -> str:
        return f"{self.emulator.url}/files/{name}"

    def request(self, *manifests: Path, **options: Any) -> PushRequest:
        options = {"project": "shelf", "create": NewProject(), "run": QUICK} | options
        return PushRequest(manifests=manifests, **options)

    def service(self) -> AbstractAsyncContextManager[Service]:
        return open_service(self.settings, state=self.state, observer=self.events.append)

    async def push(self, *manifests: Path, **options: Any) -> Report:
        async with self.service() as service:
            return await push(service, self.request(*manifests, **options))

    async def plan(self, *manifests: Path, **options: Any) -> Plan:
        async with self.service() as service:
            return (await make_plan(service, self.request(*manifests, **options))).plan

    async def save(self, path: Path, *manifests: Path, **options: Any) -> None:
        async with self.service() as service:
            save_plan(service, await make_plan(service, self.request(*manifests, **options)), path)

    async def apply(self, path: Path, *, project: str | None = None) -> Report:
        async with self.service() as service:
            return await apply_plan(service, path, project=project, settings=QUICK)

    async def images(self) -> list[Image]:
        async with open_client(self.settings) as (client, _):
            return await all_images(client, await self.project_id(client))

    async def tags(self) -> list[str]:
        async with open_client(self.settings) as (client, _):
            return sorted(tag.name for tag in await client.get_tags(await self.project_id(client)))

    async def project_id(self, client: Client) -> str:
        (project,) = await client.get_projects()
        return project.id

    async def writes(self) -> dict[str, int]:
        """The write calls since the last `forget`, by operation."""
        counts = (await self.control("GET", "requests"))["by_operation"]
        return {n: sum(by.values()) for n, by in counts.items() if n.startswith(WRITES)}

    def ends(self) -> list[tuple[str, int | None, str | None]]:
        """Every run that the ledger holds: its name, exit code, and what ended it early."""
        (path,) = self.state.glob("*/*/ledger.sqlite")
        with closing(sqlite3.connect(path)) as db:
            return db.execute("SELECT run_id, exit_code, reason FROM runs ORDER BY started_at").fetchall()

    async def forget(self) -> None:
        await self.control("POST", "reset")

    async def control(self, method: str, path: str, json: Any = None) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.emulator.url}/_emulator/{path}", json=json) as response,
        ):
            return await response.json(content_type=None)

    async def sources(self) -> list[dict[str, Any]]:
        async with open_client(self.settings) as (client, _):
            project = await self.project_id(client)
        return list(await self.control("GET", f"projects/{project}/images"))


def boxes_by_key(images: Sequence[Image]) -> list[tuple[str | None, float, float, float, float]]:
    return sorted((r.tag_name, r.left, r.top, r.width, r.height) for image in images for r in image.regions)


def boxed_rows(shelf: Shelf, count: int = 6) -> list[dict[str, Any]]:
    """Rows of the pictures of a home, with a box each."""
    return [
        {"url": shelf.url(f"{n}.png"), "tag": ("fork", "spoon")[n % 2]}
        | dict(zip(("left", "top", "width", "height"), _BOXES[n % 3], strict=True))
        for n in range(count)
    ]
