"""Requests without an answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from bench import FIVE, Bench, five, placed
from plans import box, create

from cvsync.api.transport import Request, Transport
from cvsync.errors import TransportError
from cvsync.plan.actions import Action, Kind


@dataclass
class Growing:
    """A Transport whose first look at images finds one of them, or its boxes, not there yet."""

    inner: Transport
    lack: str
    looks: int = 0

    async def send(self, request: Request) -> Any:
        answer = await self.inner.send(request)
        if request.operation != "GetImages":
            return answer
        self.looks += 1
        first, *others = answer
        missing = [] if self.lack == "image" else [first | {"regions": []}]
        return answer if self.looks > 1 else [*missing, *others]


@pytest.mark.parametrize("when", ["lost", "never"])
@pytest.mark.parametrize("markers", [True, False])
@pytest.mark.parametrize("twice", [False, True])
async def test_batch_without_an_answer_is_settled(
    bench: Bench, when: str, markers: bool, twice: bool
) -> None:
    bench.trouble("CreateImagesFromUrls", when, calls=1 + twice)

    outcomes = await bench.apply(five(bench), markers=markers)

    assert await bench.by_key() == FIVE
    assert await bench.stale_fingerprints() == {}
    assert outcomes.refusals == []
    counts = outcomes.counts
    assert counts["images_created"] + counts["images_adopted"] == 5
    if markers:
        assert counts == Counter(tags_created=1, images_created=5, labels_added=10)
    assert bench.ledger.in_doubt() == 0
    assert [f["applied"] for f in bench.told("batch_settled")] == [when == "lost"]


@pytest.mark.parametrize("markers", [True, False])
async def test_settling_costs_two_calls_more_at_most(bench: Bench, markers: bool) -> None:
    await bench.apply(bench.plan(tags=["fork"]))
    await bench.control("POST", "reset")
    bench.trouble("CreateImagesFromUrls", "lost")

    await bench.apply(five(bench), markers=markers)

    extra = {"CreateImagesFromUrls": 1, ("GetImages" if markers else "GetImagesByIds"): 1}
    assert await bench.calls() == Counter(GetTags=1, CreateImagesFromUrls=1) + Counter(extra)


async def test_doubt_does_not_hold_up_the_others_and_waits_for_its_grace(bench: Bench) -> None:
    bench.trouble("CreateImagesFromUrls", "never")
    plan = bench.plan(*(create(f"{n}") for n in range(200)))

    await bench.apply(plan, grace=7.0)

    names = [e.name for e in bench.events if e.name.startswith("batch_") and e.name != "batch_sent"]
    assert names == [
        "batch_in_doubt",
        "batch_done",
        "batch_done",
        "batch_done",
        "batch_settled",
        "batch_done",
    ]
    assert bench.clock.slept == [7.0]


async def test_batch_that_did_all_that_it_was_to_do_is_not_waited_for(bench: Bench) -> None:
    bench.trouble("CreateImagesFromUrls", "lost")

    await bench.apply(five(bench), grace=7.0)

    assert await bench.by_key() == FIVE
    assert bench.clock.slept == []


@pytest.mark.parametrize("lack", ["image", "box"])
async def test_batch_that_may_have_more_to_do_is_waited_for(bench: Bench, lack: str) -> None:
    """Its images are all there but for one, or but for a box: what lacks may come yet."""
    await bench.apply(bench.plan(tags=["fork"]))
    bench.trouble("CreateImagesFromUrls", "lost")
    bench.transport = Growing(bench.transport, lack)

    await bench.apply(five(bench), grace=7.0)

    assert await bench.by_key() == FIVE
    assert bench.clock.slept == [7.0]


async def test_half_applied_batch_is_brought_to_an_end(bench: Bench) -> None:
    """The first attempt stored some of the images only."""
    fault = {
        "operation": "CreateImagesFromUrls",
        "kind": "partial",
        "image_status": "ErrorStorage",
        "every": 2,
    }
    await bench.control("POST", "faults", [fault | {"count": 1}])
    bench.trouble("CreateImagesFromUrls", "lost")

    outcomes = await bench.apply(five(bench))

    assert await bench.by_key() == FIVE
    assert outcomes.counts == Counter(tags_created=1, images_created=5, labels_added=10)
    assert await bench.stale_fingerprints() == {}


async def test_service_that_never_answers_ends_the_run_with_the_batch_left_open(bench: Bench) -> None:
    bench.trouble("CreateImagesFromUrls", "never", calls=99)

    with pytest.raises(TransportError):
        await bench.apply(five(bench), attempts=3)

    (left,) = bench.ledger.open_batches()
    assert (left.attempt, left.items) == (3, ("0", "1", "2", "3", "4"))
    assert (await bench.calls()).get("CreateImagesFromUrls") is None


async def test_many_doubts_are_settled_before_anything_new_is_sent(bench: Bench) -> None:
    troubled = bench.trouble("CreateImagesFromUrls", "lost", calls=99)
    plan = bench.plan(*(create(f"{n}") for n in range(64 * 40)))

    with pytest.raises(TransportError):
        await bench.apply(plan, attempts=2)

    assert troubled.seen["CreateImagesFromUrls"] <= 2 * 2 * 4 + 2 * 2


@pytest.mark.parametrize(("when", "calls"), [("lost", 1), ("never", 1), ("never", 2), ("503", 2)])
async def test_regions_without_an_answer_are_looked_at_before_they_are_sent_again(
    bench: Bench, when: str, calls: int
) -> None:
    await bench.apply(bench.plan(*(create(f"{n}") for n in range(5)), tags=["fork"]))
    adds = [
        Action(Kind.ADD_LABEL, key, (box("fork"), box("fork", 0.3)), image_id=image_id)
        for key, image_id in bench.ids().items()
    ]
    await bench.control("POST", "reset")
    bench.trouble("CreateImageRegions", when, calls=calls)

    outcomes = await bench.apply(bench.plan(*adds))

    assert await bench.by_key() == FIVE
    assert outcomes.counts == Counter(labels_added=10)
    assert await bench.stale_fingerprints() == {}
    assert (await bench.calls())["CreateImageRegions"] == 1  # never twice: it was seen to be there, or not


async def test_a_run_that_is_stopped_while_it_waits_sends_nothing_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await placed(bench, create("a"), tags=["fork"])
    bench.trouble("CreateImageRegions", "never")

    async def stop(_: float) -> None:
        bench.stop.request()

    monkeypatch.setattr(bench.clock, "sleep", stop)

    await bench.apply(bench.plan(Action(Kind.ADD_LABEL, "a", (box("fork"),), image_id=ids["a"])), grace=7.0)

    assert "CreateImageRegions" not in await bench.calls()
    (left,) = bench.ledger.open_batches()
    assert (left.kind, left.items) == (Kind.ADD_LABEL.words, (ids["a"],))


async def test_a_region_that_is_refused_when_it_is_sent_again_costs_no_other(bench: Bench) -> None:
    ids = await placed(bench, *(create(f"{n}") for n in range(5)), tags=["fork"])
    adds = [
        Action(Kind.ADD_LABEL, key, (box("fork", 0.375 if key == "3" else 0.1),), image_id=image_id)
        for key, image_id in ids.items()
    ]
    bench.trouble("CreateImageRegions", "400", calls=99, contains=b"0.375")
    bench.trouble("CreateImageRegions", "never")

    outcomes = await bench.apply(bench.plan(*adds))

    assert outcomes.counts == Counter(labels_added=4, refused=1)
    assert [(refusal.action.key, refusal.code) for refusal in outcomes.refusals] == [("3", "400")]
    assert await bench.by_key() == {key: Counter([("fork", 0.1)] if key != "3" else []) for key in ids}
    assert await bench.stale_fingerprints() == {}
    assert bench.ledger.in_doubt() == 0


@pytest.mark.parametrize("when", ["lost", "never"])
async def test_tag_without_an_answer_is_looked_up_before_it_is_created_again(bench: Bench, when: str) -> None:
    bench.trouble("CreateTag", when)

    outcomes = await bench.apply(bench.plan(tags=["fork"]))

    assert outcomes.counts == Counter(tags_created=1)
    assert (await bench.calls())["CreateTag"] == 1
    assert bench.ledger.in_doubt() == 0
