"""What tests of models need: ten pictures of two tags, and releases that wait for no time to pass."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from make import write_csv
from shelf import Shelf

from cvsync.api.client import open_client
from cvsync.flows.release import ReleaseRequest, release_project
from cvsync.flows.released import Released
from cvsync.flows.train import TrainOptions
from cvsync.model import Iteration

TRAIN = ReleaseRequest(train=TrainOptions())


def rows(shelf: Shelf, count: int = 10) -> list[dict[str, Any]]:
    return [{"url": shelf.url(f"{n}.png"), "tag": ("fork", "spoon")[n % 2]} for n in range(count)]


def manifest(shelf: Shelf, content: list[dict[str, Any]] | None = None) -> Path:
    return write_csv(shelf.folder.parent / "m.csv", rows(shelf) if content is None else content)


async def blink(_seconds: float) -> None:
    """Wait less than is asked for: these trainings need no time to speak of."""
    await asyncio.sleep(0.01)


async def release(shelf: Shelf, **steps: Any) -> Released:
    async with shelf.service() as service:
        return await release_project(service, "shelf", ReleaseRequest(**steps), grace=0.05, sleep=blink)


async def train(shelf: Shelf, **options: Any) -> Released:
    return await release(shelf, train=TrainOptions(**options))


async def iterations(shelf: Shelf) -> list[Iteration]:
    async with open_client(shelf.settings) as (client, _):
        return list(await client.get_iterations(await shelf.project_id(client)))


async def published(shelf: Shelf) -> dict[str, str | None]:
    """Iteration -> the name that it is published under, of those that are."""
    return {i.name: i.publish_name for i in await iterations(shelf) if i.publish_name}


def told(shelf: Shelf, name: str) -> list[str]:
    """The statuses of events, without those of waiting."""
    found = [str(e.facts["status"]) for e in shelf.events if e.name == name]
    return [status for status in found if status not in ("Training", "Exporting")]
