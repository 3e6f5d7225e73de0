"""Training: once, only where something changed, whoever died meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from make import make_png
from releasing import TRAIN, iterations, manifest, rows, told, train
from shelf import Shelf

from cvsync.api.client import Client, open_client
from cvsync.errors import OverdueError, ServiceError, TrainingError, TransportError, UnsupportedError
from cvsync.flows.release import ReleaseRequest, release_project
from cvsync.flows.train import TrainingType, TrainOptions
from cvsync.model import Iteration

pytestmark = pytest.mark.usefixtures("quick_learner")


async def trained(shelf: Shelf) -> int:
    """The train calls since the last `forget`."""
    return (await shelf.writes()).get("TrainProject", 0)


async def test_push_trains_and_then_only_if_something_changed(shelf: Shelf) -> None:
    report = await shelf.push(manifest(shelf), release=TRAIN)
    again = await shelf.push(manifest(shelf), release=TRAIN)
    assert report.released is not None
    assert again.released is not None
    assert report.released.iteration.id == again.released.iteration.id
    assert await trained(shelf) == 1

    (shelf.folder / "new.png").write_bytes(make_png(77))
    more = [*rows(shelf), {"url": shelf.url("new.png"), "tag": "fork"}]
    changed = await shelf.push(manifest(shelf, more), release=TRAIN)

    assert changed.released is not None
    assert changed.released.iteration.name == "Iteration 2"
    assert told(shelf, "train") == ["Completed", "NotNeeded", "Completed"]


async def test_training_trains_only_if_something_changed_or_is_forced(shelf: Shelf) -> None:
    await shelf.push(manifest(shelf))
    await train(shelf)
    await train(shelf)
    assert await trained(shelf) == 1

    forced = await train(shelf, force=True)

    assert forced.iteration.name == "Iteration 2"
    assert (await train(shelf)).iteration.id == forced.iteration.id
    assert await trained(shelf) == 2


async def test_change_by_others_is_seen(shelf: Shelf) -> None:
    await shelf.push(manifest(shelf), release=TRAIN)
    async with open_client(shelf.settings) as (client, _):
        project = await shelf.project_id(client)
        await client.delete_images(project, [(await shelf.images())[0].id])
    with pytest.raises(TrainingError, match="5 images of each tag, but"):
        await train(shelf)

    assert await trained(shelf) == 1  # nothing was asked for


async def test_project_trained_elsewhere_is_left_to_the_service_once(shelf: Shelf) -> None:
    await shelf.push(manifest(shelf))
    async with open_client(shelf.settings) as (client, _):
        project = await shelf.project_id(client)
        theirs = await client.train_project(project)
    await train(shelf)
    await train(shelf)

    assert [i.id for i in await iterations(shelf)] == [theirs.id]
    assert await trained(shelf) == 2  # theirs, and one that was answered with: not needed


@pytest.mark.parametrize("kind", ["reset_after", "reset_before"])
async def test_training_that_a_death_left_is_found_again(shelf: Shelf, kind: str) -> None:
    await shelf.push(manifest(shelf))
    fault = {"operation": "TrainProject", "kind": kind, "count": 1}
    await shelf.control("POST", "faults", [fault])
    died = RuntimeError("killed")
    async with shelf.service() as service:
        with pytest.raises(RuntimeError), dying_asleep(died) as sleep:
            await release_project(service, "shelf", TRAIN, grace=0.05, sleep=sleep)

    released = await train(shelf, force=True)

    assert [i.id for i in await iterations(shelf)] == [released.iteration.id]
    assert ("Resumed" in told(shelf, "train")) is (kind == "reset_after")


class dying_asleep:  # noqa: N801 - reads as a phrase
    """A sleep that is never woken from."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __enter__(self) -> Any:
        async def sleep(_seconds: float) -> None:
            raise self.error

        return sleep

    def __exit__(self, *_: object) -> None:
        return None


async def test_data_that_changed_after_a_death_is_trained(shelf: Shelf) -> None:
    await shelf.push(manifest(shelf))
    async with shelf.service() as service:
        with pytest.raises(RuntimeError), dying_asleep(RuntimeError("killed")) as sleep:
            await release_project(service, "shelf", TRAIN, grace=0.05, sleep=sleep)
    (shelf.folder / "new.png").write_bytes(make_png(77))
    more = [*rows(shelf), {"url": shelf.url("new.png"), "tag": "fork"}]

    await shelf.push(manifest(shelf, more), release=TRAIN)

    assert [i.name for i in await iterations(shelf)] == ["Iteration 1", "Iteration 2"]
    assert told(shelf, "train") == ["Resumed", "Completed", "Completed"]
    (warned,) = [str(event.facts["text"]) for event in shelf.events if event.name == "warning"]
    assert warned.startswith("Iteration 1, which an earlier run asked for, is neither published nor exported")


async def test_training_whose_answer_was_lost_is_known_when_it_is_in_the_way(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins only after the look for it, just before the second attempt."""
    await shelf.push(manifest(shelf))
    ask, attempts = Client.train_project, []

    async def late(self: Client, project_id: str, **how: Any) -> Iteration:
        attempts.append(how)
        if len(attempts) == 1:
            raise TransportError("TrainProject", "no answer", sent=True)
        begun = await ask(self, project_id, **how)
        if len(attempts) == 2:
            raise ServiceError("TrainProject", 400, "BadRequestTrainingAlreadyInProgress", "busy")
        return begun

    monkeypatch.setattr(Client, "train_project", late)

    released = await train(shelf, force=True)

    assert [i.id for i in await iterations(shelf)] == [released.iteration.id]
    assert len(attempts) == 2


async def test_training_of_others_is_waited_for(shelf: Shelf) -> None:
    await shelf.push(manifest(shelf))
    async with open_client(shelf.settings) as (client, _):
        theirs = await client.train_project(await shelf.project_id(client))

    released = await train(shelf)

    assert released.iteration.id == theirs.id


async def test_failed_training_tells_the_service_s_reason(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cvsync.emulator.learn as learner

    await shelf.push(manifest(shelf))
    with monkeypatch.context() as broken:
        broken.setattr(learner, "fit", lambda *_, **__: 1 / 0)
        with pytest.raises(TrainingError, match="training of Iteration 1 failed"):
            await train(shelf)

    released = await train(shelf)

    assert released.iteration.name == "Iteration 2"  # there was no second one by itself


async def test_full_project_is_refused_with_the_way_out(shelf: Shelf) -> None:
    await shelf.push(manifest(shelf))
    for _ in range(20):
        await train(shelf, force=True)

    with pytest.raises(TrainingError, match="20 iterations, as many as it may; --keep-iterations N"):
        await train(shelf, force=True)
    with pytest.raises(TrainingError, match="among the newest 20"):
        await train(shelf, force=True, keep_iterations=20)

    assert len(await iterations(shelf)) == 20


async def test_keeping_iterations_is_never_stuck_and_spares_the_published_one(shelf: Shelf) -> None:
    await shelf.push(manifest(shelf))
    first = (await train(shelf)).iteration
    async with open_client(shelf.settings) as (client, _):
        await client.publish_iteration(await shelf.project_id(client), first.id, "live", "resource")

    for n in range(2, 22):
        released = await train(shelf, force=True, keep_iterations=3)
        assert released.iteration.name == f"Iteration {n}"

    assert [i.name for i in await iterations(shelf)] == [
        "Iteration 1", "Iteration 18", "Iteration 19", "Iteration 20", "Iteration 21",
    ]  # fmt: skip


async def test_advanced_training_has_its_hours(shelf: Shelf) -> None:
    await shelf.push(manifest(shelf))

    released = await train(shelf, type=TrainingType.ADVANCED, hours=2)

    found = released.iteration
    assert (found.training_type, found.reserved_budget_in_hours) == ("Advanced", 2)


@pytest.mark.parametrize("options", [{"force": True}, {"type": TrainingType.ADVANCED, "hours": 1}])
async def test_what_a_version_cannot_is_refused_before_anything_is_sent(
    start_shelf: Any, options: dict[str, Any]
) -> None:
    shelf = await start_shelf(api_version="v2.2")
    request = ReleaseRequest(train=TrainOptions(**options))

    with pytest.raises(UnsupportedError, match=r"needs? --api-version v3.0"):
        await shelf.push(manifest(shelf), release=request)

    assert await shelf.writes() == {}


@pytest.mark.parametrize("version", ["v2.0", "v2.2", "v3.0", "v3.4-preview"])
async def test_every_version_trains_once(start_shelf: Any, version: str) -> None:
    shelf = await start_shelf(api_version=version)
    for n in range(10):
        (shelf.folder / f"{n}.png").write_bytes(make_png(n))

    await shelf.push(manifest(shelf), release=TRAIN)
    await shelf.push(manifest(shelf), release=TRAIN)

    assert await trained(shelf) == 1


async def test_a_training_that_is_stuck_ends_the_wait_and_is_found_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.push(manifest(shelf))
    with monkeypatch.context() as impatient:
        impatient.setattr("cvsync.flows.train.LONGEST_TRAINING", 0.0)
        with pytest.raises(
            OverdueError, match="training of Iteration 1 goes on for 0 hours, longer than any"
        ):
            await train(shelf)

    released = await train(shelf)

    assert released.iteration.name == "Iteration 1"
    assert await trained(shelf) == 1


async def test_a_training_that_the_service_does_not_list_is_waited_for_a_while(shelf: Shelf) -> None:
    await shelf.push(manifest(shelf))
    busy = {"code": "BadRequestTrainingAlreadyInProgress", "message": "busy"}
    fault = {"operation": "TrainProject", "kind": "status", "status": 400, "body": busy}
    await shelf.control("POST", "faults", [fault])

    with pytest.raises(OverdueError, match="lists no training"):
        await train(shelf)
