"""Calls that make two of something when they are carried out twice."""

from __future__ import annotations

import math

import pytest
from bench import Bench

from cvsync.errors import ServiceError, TransportError
from cvsync.flows.project import NewProject, create_project
from cvsync.flows.train import train
from cvsync.model import ProjectType
from cvsync.run.once import once


@pytest.mark.parametrize("when", ["lost", "never"])
async def test_project_is_created_once(bench: Bench, when: str) -> None:
    bench.trouble("CreateProject", when)
    new = NewProject(type=ProjectType.DETECTION)

    made = await create_project(bench.client, "new", new, inferred=new.type, sleep=bench.clock.sleep)

    assert [p.id for p in await bench.client.get_projects() if p.name == "new"] == [made.id]
    assert bench.clock.slept == [10.0]


@pytest.mark.parametrize("when", ["lost", "never"])
@pytest.mark.usefixtures("quick_learner")
async def test_training_begins_once(start_bench: object, when: str) -> None:
    bench = await start_bench(ProjectType.MULTICLASS)  # type: ignore[operator]
    tags = [(await bench.client.create_tag(bench.project_id, name)).id for name in "ab"]
    for n, tag in enumerate(tags * 5):
        from cvsync.api.images import UrlEntry

        await bench.client.create_images_from_urls(bench.project_id, [UrlEntry(f"https://x/{n}", (tag,))])
    bench.trouble("TrainProject", when)

    iteration = await train(bench.client, bench.project_id, sleep=bench.clock.sleep)

    assert [i.id for i in await bench.client.get_iterations(bench.project_id)] == [iteration.id]
    assert iteration.status == "Completed"


async def test_call_without_answers_is_given_up_after_looking_each_time() -> None:
    looks, waits = 0, []

    async def call() -> int:
        raise TransportError("x", "reset", sent=True)

    async def look() -> None:
        nonlocal looks
        looks += 1

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with pytest.raises(TransportError):
        await once(call, look, attempts=3, grace=math.pi, sleep=sleep)

    assert (looks, waits) == (2, [math.pi] * 2)


@pytest.mark.parametrize(
    "error", [ServiceError("x", 400, "BadRequest", ""), TransportError("x", "refused", sent=False)]
)
async def test_call_that_did_nothing_is_not_looked_for(error: Exception) -> None:
    async def call() -> int:
        raise error

    async def look() -> None:
        raise AssertionError("nothing to look for")

    with pytest.raises(type(error)):
        await once(call, look)
