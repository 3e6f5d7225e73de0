"""Publishing: the name moves, and somebody has it whatever happens on the way."""

from __future__ import annotations

from typing import Any

import pytest
from make import make_png
from releasing import iterations, manifest, published, release, told, train
from shelf import Shelf

from cvsync.errors import (
    MissingIterationError,
    ServiceError,
    SettingsError,
    TrainingError,
    UnsupportedError,
)
from cvsync.flows.judge import Gate, Least, Measure
from cvsync.flows.publish import Publication
from cvsync.flows.release import ReleaseRequest, unpublish_iteration
from cvsync.flows.train import TrainOptions
from cvsync.run.failpoints import arm

pytestmark = pytest.mark.usefixtures("quick_learner")
RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/eyes"
LIVE = Publication("live", RESOURCE)
MOVES = ["v3.0", "v3.3"]


class DeathError(Exception):
    """Stands for a kill."""


def die() -> None:
    raise DeathError


@pytest.fixture
async def stocked(start_shelf: Any) -> Any:
    """Start a shelf of a version with ten pictures pushed."""

    async def start(api_version: str = "v3.3") -> Shelf:
        shelf: Shelf = await start_shelf(api_version=api_version)
        for n in range(10):
            (shelf.folder / f"{n}.png").write_bytes(make_png(n))
        await shelf.push(manifest(shelf))
        return shelf

    return start


@pytest.mark.parametrize("version", MOVES)
async def test_name_moves_to_the_new_model(stocked: Any, version: str) -> None:
    shelf = await stocked(version)
    await release(shelf, train=TrainOptions(), publish=LIVE)
    assert await published(shelf) == {"Iteration 1": "live"}

    released = await release(shelf, train=TrainOptions(force=True), publish=LIVE)

    assert released.published == "live"
    assert await published(shelf) == {"Iteration 2": "live"}
    (found,) = [i for i in await iterations(shelf) if i.publish_name]
    assert found.original_publish_resource_id == RESOURCE


async def test_name_moves_in_one_call_where_the_version_can(stocked: Any) -> None:
    shelf = await stocked()
    await release(shelf, train=TrainOptions(), publish=LIVE)
    await shelf.forget()
    await release(shelf, train=TrainOptions(force=True), publish=LIVE)

    counts = (await shelf.control("GET", "requests"))["by_operation"]
    assert counts["PublishIteration"] == {"200": 1}
    assert "UnpublishIteration" not in counts


async def test_what_is_published_already_is_left_alone(stocked: Any) -> None:
    shelf = await stocked()
    await release(shelf, train=TrainOptions(), publish=LIVE)
    await shelf.forget()
    await release(shelf, train=TrainOptions(), publish=LIVE)

    counts = (await shelf.control("GET", "requests"))["by_operation"]
    assert not {"PublishIteration", "UnpublishIteration", "TrainProject"} & set(counts)
    assert told(shelf, "publish") == ["Published", "AlreadyPublished"]


async def test_another_resource_gets_the_model(stocked: Any) -> None:
    shelf = await stocked()
    await release(shelf, train=TrainOptions(), publish=LIVE)
    await release(shelf, publish=Publication("live", RESOURCE + "2"))

    (found,) = await iterations(shelf)
    assert (found.publish_name, found.original_publish_resource_id) == ("live", RESOURCE + "2")


async def test_second_name_is_refused_with_the_way_out(stocked: Any) -> None:
    shelf = await stocked()
    await release(shelf, train=TrainOptions(), publish=Publication("live 1", RESOURCE))

    with pytest.raises(TrainingError, match=r"published as live 1.*`cvsync unpublish 'live 1'`"):
        await release(shelf, publish=Publication("other", RESOURCE))

    assert await published(shelf) == {"Iteration 1": "live 1"}


@pytest.mark.parametrize("place", ["after-note", "in-publish", "before-note"])
async def test_move_that_a_death_cut_off_is_finished_first(stocked: Any, place: str) -> None:
    shelf = await stocked("v3.0")
    await release(shelf, train=TrainOptions(), publish=LIVE)
    await train(shelf, force=True)
    arm(f"{place}:{2 if place == 'before-note' else 1}", act=die)
    try:
        with pytest.raises(DeathError):
            await release(shelf, publish=LIVE)
    finally:
        arm(None)

    with pytest.raises(MissingIterationError):  # whatever else the next run is about
        await release(shelf, iteration="Iteration 9", publish=LIVE)

    expected = "Iteration 1" if place == "after-note" else "Iteration 2"
    assert await published(shelf) == {expected: "live"}


async def test_refused_model_gives_the_name_back(stocked: Any) -> None:
    shelf = await stocked("v3.0")
    await release(shelf, train=TrainOptions(), publish=LIVE)
    await train(shelf, force=True)
    fault = {"operation": "PublishIteration", "kind": "status", "status": 400, "count": 1}
    await shelf.control("POST", "faults", [fault])

    with pytest.raises(TrainingError, match="refused to publish Iteration 2 as live"):
        await release(shelf, publish=LIVE)

    assert await published(shelf) == {"Iteration 1": "live"}


async def refuse_to_publish(shelf: Shelf, status: int, times: int) -> None:
    fault = {"operation": "PublishIteration", "kind": "status", "status": status, "count": times}
    await shelf.control("POST", "faults", [fault])


def warnings(shelf: Shelf) -> list[str]:
    return [str(event.facts["text"]) for event in shelf.events if event.name == "warning"]


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("times", [1, 2])
async def test_whatever_refuses_a_move_blocks_nothing_after_it(stocked: Any, status: int, times: int) -> None:
    """The second refusal is of giving the name back."""
    shelf = await stocked("v3.0")
    await release(shelf, train=TrainOptions(), publish=LIVE)
    await train(shelf, force=True)
    await refuse_to_publish(shelf, status, times)

    with pytest.raises((TrainingError, ServiceError)):
        await release(shelf, publish=Publication("live", RESOURCE + "-mistyped"))

    (left,) = [i for i in await iterations(shelf) if i.publish_name] or [None]
    assert (left and left.original_publish_resource_id) == (RESOURCE if times == 1 else None)
    assert warnings(shelf) == ["live answers nothing; publish it again"] * (times - 1)

    await release(shelf, publish=LIVE)

    assert await published(shelf) == {"Iteration 2": "live"}


@pytest.mark.parametrize("times", [1, 2])
async def test_name_that_a_death_took_goes_back_with_its_own_resource(stocked: Any, times: int) -> None:
    shelf = await stocked("v3.0")
    await release(shelf, train=TrainOptions(), publish=LIVE)
    await train(shelf, force=True)
    arm("in-publish:1", act=die)
    try:
        with pytest.raises(DeathError):
            await release(shelf, publish=Publication("live", RESOURCE + "-mistyped"))
    finally:
        arm(None)
    await refuse_to_publish(shelf, 403, times)

    await train(shelf)

    left = {i.name: i.original_publish_resource_id for i in await iterations(shelf) if i.publish_name}
    assert left == ({"Iteration 1": RESOURCE} if times == 1 else {})
    assert warnings(shelf) == ["live answers nothing; publish it again"] * (times - 1)


@pytest.mark.parametrize("version", MOVES)
@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncate"])
@pytest.mark.parametrize("operation", ["PublishIteration", "UnpublishIteration"])
async def test_lost_answers_lose_no_name(stocked: Any, version: str, kind: str, operation: str) -> None:
    shelf = await stocked(version)
    await release(shelf, train=TrainOptions(), publish=LIVE)
    await shelf.control("POST", "faults", [{"operation": operation, "kind": kind, "count": 1}])
    await release(shelf, train=TrainOptions(force=True), publish=LIVE)

    assert await published(shelf) == {"Iteration 2": "live"}


async def test_model_that_is_not_good_enough_is_not_published(stocked: Any) -> None:
    """The stand-in learner's precision is always 0.5, its recall 0.25."""
    shelf = await stocked()
    gate = Gate(least=(Least(Measure.PRECISION, 0.5), Least(Measure.RECALL, 0.3, "fork")))
    steps = {"train": TrainOptions(), "publish": LIVE, "gate": gate}

    for _ in range(2):  # the second asks for no training, and refuses as well
        with pytest.raises(TrainingError, match=r"Iteration 1 is not good enough: recall of fork is 0.2500"):
            await release(shelf, **steps)

    assert await published(shelf) == {}
    assert (await shelf.writes())["TrainProject"] == 1


async def test_no_training_is_paid_for_whose_model_cannot_pass(stocked: Any) -> None:
    shelf = await stocked()
    gate = Gate(least=(Least(Measure.RECALL, 0.1, "FORK"), Least(Measure.PRECISION, 0.1, "frok")))

    with pytest.raises(TrainingError, match="nothing would come of it: project shelf has no tag frok"):
        await release(shelf, train=TrainOptions(), publish=LIVE, gate=gate)

    assert "TrainProject" not in await shelf.writes()


async def test_equal_model_is_no_worse_than_the_published_one(stocked: Any) -> None:
    shelf = await stocked()
    gate = Gate(no_worse_than_published=True)
    first = await release(shelf, train=TrainOptions(), publish=LIVE, gate=gate)
    second = await release(shelf, train=TrainOptions(force=True), publish=LIVE, gate=gate)

    assert first.judgement is not None
    assert second.judgement is not None
    assert (first.judgement.baseline, second.judgement.baseline) == (None, "Iteration 1")


async def test_published_model_is_compared_with_another_that_is(stocked: Any) -> None:
    """Where no name is given to publish under."""
    shelf = await stocked()
    await release(shelf, train=TrainOptions(), publish=Publication("older", RESOURCE))
    await release(shelf, train=TrainOptions(force=True), publish=LIVE)

    released = await release(shelf, iteration="Iteration 2", gate=Gate(no_worse_than_published=True))

    assert released.judgement is not None
    assert released.judgement.baseline == "Iteration 1"


async def test_worse_model_is_not_published(stocked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = await stocked()
    await release(shelf, train=TrainOptions(), publish=LIVE)
    better = (await iterations(shelf))[0]
    from cvsync.api.client import Client

    asked = Client.get_iteration_performance

    async def improved(self: Client, project_id: str, iteration_id: str, **how: Any) -> Any:
        from dataclasses import replace

        found = await asked(self, project_id, iteration_id, **how)
        return replace(found, recall=0.9) if iteration_id == better.id else found

    monkeypatch.setattr(Client, "get_iteration_performance", improved)

    with pytest.raises(TrainingError, match=r"recall is 0.2500, and 0.9000 in Iteration 1"):
        await release(
            shelf, train=TrainOptions(force=True), publish=LIVE, gate=Gate(no_worse_than_published=True)
        )

    assert await published(shelf) == {"Iteration 1": "live"}


@pytest.mark.parametrize("wanted", ["live", "Iteration 1"])
async def test_unpublished_model_answers_no_more(stocked: Any, wanted: str) -> None:
    shelf = await stocked()
    await release(shelf, train=TrainOptions(), publish=LIVE)
    async with shelf.service() as service:
        await unpublish_iteration(service, "shelf", wanted)
        with pytest.raises(MissingIterationError, match=r"is not published|no iteration 'live'"):
            await unpublish_iteration(service, "shelf", wanted)

    assert await published(shelf) == {}


async def test_version_without_publishing_refuses_before_anything_is_sent(start_shelf: Any) -> None:
    shelf = await start_shelf(api_version="v2.2")
    request = ReleaseRequest(train=TrainOptions(), publish=LIVE)

    with pytest.raises(UnsupportedError, match=r"PublishIteration needs --api-version v3.0"):
        await shelf.push(manifest(shelf), release=request)
    async with shelf.service() as service:
        with pytest.raises(UnsupportedError, match=r"UnpublishIteration needs --api-version v3.0"):
            await unpublish_iteration(service, "shelf", "live")

    assert await shelf.writes() == {}


@pytest.mark.parametrize("name", ["", " ", "a/b"])
async def test_name_that_cannot_be_is_refused_before_anything_is_sent(shelf: Shelf, name: str) -> None:
    request = ReleaseRequest(publish=Publication(name, RESOURCE))

    with pytest.raises(SettingsError, match="give a name without a slash"):
        await shelf.push(manifest(shelf), release=request)

    assert await shelf.writes() == {}


async def test_iteration_that_is_not_trained_is_not_published(stocked: Any) -> None:
    shelf = await stocked()

    with pytest.raises(MissingIterationError, match="no trained iteration; `cvsync train` makes one"):
        await release(shelf, publish=LIVE)
