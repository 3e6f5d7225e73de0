"""Training a project, to the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from cvsync.api.client import Client
from cvsync.errors import ServiceError, TrainingError
from cvsync.events import Observer, ignore, tell
from cvsync.model import Iteration
from cvsync.run.once import once
from cvsync.run.settings import GRACE
from cvsync.run.work import Sleep


async def train(
    client: Client,
    project_id: str,
    *,
    observer: Observer = ignore,
    grace: float = GRACE,
    sleep: Sleep = asyncio.sleep,
) -> Iteration:
    """Train, wait for the end and give the iteration; the last one if nothing changed since.

    Raises:
        TrainingError: The service refused to train, or the training failed; with its reason.
    """
    before = {iteration.id for iteration in await client.get_iterations(project_id)}

    async def begin() -> Iteration:
        return await client.train_project(project_id)

    async def look() -> Iteration | None:
        new = [i for i in await client.get_iterations(project_id) if i.id not in before]
        return new[0] if new else None

    try:
        iteration = await once(begin, look, grace=grace, sleep=sleep)
    except ServiceError as error:
        if error.code == "BadRequestTrainingNotNeeded":
            tell(observer, "train", status="NotNeeded")
            return await latest(client, project_id)
        if error.status != 400:
            raise
        raise TrainingError(f"the service refused to train: {error.message or error.code}") from error
    for wait in waits():
        tell(observer, "train", status=iteration.status, iteration=iteration.name)
        if iteration.status == "Completed":
            return iteration
        if iteration.status == "Failed":
            reason = iteration.training_error_details or "the service gives no reason"
            raise TrainingError(f"training of {iteration.name} failed: {reason}")
        await sleep(wait)
        iteration = await client.get_iteration(project_id, iteration.id)
    raise AssertionError("waits never ends")


async def latest(client: Client, project_id: str) -> Iteration:
    """Give the latest completed iteration.

    Raises:
        TrainingError: There is none.
    """
    done = [i for i in await client.get_iterations(project_id) if i.status == "Completed"]
    if not done:
        raise TrainingError("the project has no trained iteration; run `cvsync push --train` first")
    return max(done, key=lambda i: (i.trained_at is not None, i.trained_at, i.created))


def waits(first: float = 0.25, longest: float = 10.0) -> Iterator[float]:
    """Give the seconds between two looks at something slow, without end."""
    wait = first
    while True:
        yield wait
        wait = min(longest, wait * 1.5)
