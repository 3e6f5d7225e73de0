"""Requests that the service refuses whole or in part, and images that it cannot take."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from bench import FIVE, Bench, Troubled, five, placed
from make import make_png
from plans import box, create

from cvsync.errors import ServiceError
from cvsync.plan.actions import Action, Kind
from cvsync.run.settings import RunSettings

POISONS = [{0}, {63}, {31}, {5, 6}, {0, 20, 40}, {1, 2, 3, 62}, {0, 16, 32, 48, 63}]


@pytest.mark.parametrize("status", ["400", "413", "500"])
@pytest.mark.parametrize("poisons", POISONS, ids=str)
async def test_poison_costs_only_itself(bench: Bench, status: str, poisons: set[int]) -> None:
    for poison in poisons:
        bench.trouble("CreateImagesFromUrls", status, calls=999, contains=f'pictures.test/{poison}"'.encode())
    counted = Troubled(bench.transport, "none", "none")
    bench.transport = counted
    plan = bench.plan(*(create(f"{n}") for n in range(64)))

    outcomes = await bench.apply(plan, workers=1, item_tries=1)

    assert {r.action.key for r in outcomes.refusals} == {f"{n}" for n in poisons}
    assert {r.code for r in outcomes.refusals} == {status}
    assert bench.ids().keys() == {f"{n}" for n in range(64)} - {f"{n}" for n in poisons}
    assert outcomes.counts == Counter(images_created=64 - len(poisons), refused=len(poisons))
    extra = counted.seen["CreateImagesFromUrls"] - 1
    assert extra <= 2 * len(poisons) * math.log2(64)


@pytest.mark.parametrize("position", range(64))
async def test_poison_is_found_at_every_position(bench: Bench, position: int) -> None:
    bench.trouble("CreateImagesFromUrls", "400", calls=999, contains=f'pictures.test/{position}"'.encode())

    outcomes = await bench.apply(bench.plan(*(create(f"{n}") for n in range(64))), workers=1)

    assert [r.action.key for r in outcomes.refusals] == [f"{position}"]
    assert len(bench.ids()) == 63


async def test_outage_is_no_poison(bench: Bench) -> None:
    """Where nothing is answered, no batch is blamed."""
    bench.trouble("CreateImagesFromUrls", "503", calls=999)
    bench.trouble("GetTags", "503", calls=999, skip=1)

    with pytest.raises(ServiceError):
        await bench.apply(bench.plan(*(create(f"{n}") for n in range(64))), workers=1)

    assert bench.ledger.totals("run 1") == Counter()


@pytest.mark.parametrize("status", ["ErrorStorage", "ErrorUnknown"])
@pytest.mark.parametrize(("failures", "lands"), [(1, True), (2, True), (3, False)])
async def test_image_that_may_work_later_is_sent_three_times(
    bench: Bench, status: str, failures: int, lands: bool
) -> None:
    fault = {"operation": "CreateImagesFromUrls", "kind": "partial", "image_status": status, "every": 1}
    await bench.control("POST", "faults", [fault | {"count": failures}])

    outcomes = await bench.apply(five(bench))

    assert outcomes.counts["images_created"] == 5 * lands
    assert outcomes.counts["refused"] == 5 * (not lands)
    assert {r.code for r in outcomes.refusals} == (set() if lands else {status})
    assert (await bench.calls())["CreateImagesFromUrls"] == min(failures + 1, 3)
    assert bench.clock.slept == [1.0, 2.0][: min(failures, 2)]
    assert sum(told["items"] for told in bench.told("batch_done")) == 5


async def test_tags_are_read_anew_before_an_image_of_unknown_fault_is_sent_again(bench: Bench) -> None:
    """Before v3.4 a tag of another project is an unknown fault: the tag was made anew meanwhile."""
    await bench.apply(bench.plan(tags=["fork"]))
    (tag,) = await bench.client.get_tags(bench.project_id)

    class Remaking(Troubled):
        async def send(self, request: Any) -> Any:
            if request.operation == "CreateImagesFromUrls" and not self.seen["made"]:
                self.seen["made"] += 1
                await bench.client.delete_tag(bench.project_id, tag.id)
                await bench.client.create_tag(bench.project_id, "fork")
            return await self.inner.send(request)

    bench.transport = Remaking(bench.transport, "none", "none")

    outcomes = await bench.apply(five(bench))

    assert outcomes.counts["images_created"] == 5
    assert await bench.by_key() == FIVE


async def test_image_that_the_service_does_not_mention_is_told(bench: Bench) -> None:
    class Forgetful(Troubled):
        async def send(self, request: Any) -> Any:
            answer = await self.inner.send(replace(request, read=orjson.loads))
            if request.operation == "CreateImagesFromUrls":
                answer["images"].pop()
            return answer

    bench.transport = Forgetful(bench.transport, "none", "none")

    outcomes = await bench.apply(five(bench), workers=1)

    assert [r.code for r in outcomes.refusals] == ["NoAnswer"]
    assert outcomes.counts["images_created"] == 4


async def test_run_ends_early_when_too_much_is_refused(bench: Bench) -> None:
    bench.trouble("CreateImagesFromUrls", "400", calls=9999)

    outcomes = await bench.apply(bench.plan(*(create(f"{n}") for n in range(640))), max_errors=10, workers=1)

    assert 10 < outcomes.counts["refused"] <= 64
    assert bench.stop.requested
    assert "--max-errors" in bench.stop.reason


def test_error_limit_grows_with_the_plan() -> None:
    assert [RunSettings().error_limit(n) for n in (10, 100_000)] == [1_000, 5_000]
    assert RunSettings(max_errors=0).error_limit(100_000) == 0


async def test_file_that_goes_before_it_is_sent_costs_only_itself(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        (tmp_path / f"{n}.png").write_bytes(make_png(n))
    names = [*(str(tmp_path / f"{n}.png") for n in range(5)), str(tmp_path / "gone.png")]
    monkeypatch.setattr("cvsync.run.create.why_unusable", lambda _: None)  # it was there a moment ago

    outcomes = await bench.apply(bench.plan(*(Action(Kind.CREATE_IMAGE, n, path=n) for n in names)))

    assert outcomes.counts == Counter(images_created=5, refused=1)
    assert [(r.action.key, r.code) for r in outcomes.refusals] == [(names[-1], "E111")]
    assert bench.ledger.in_doubt() == 0


@pytest.mark.parametrize("is_gone", [True, False])
async def test_a_label_is_taken_as_removed_only_where_it_is_not_there(bench: Bench, is_gone: bool) -> None:
    ids = await placed(bench, create("a", box("fork")), tags=["fork"])
    ((region,),) = [image.regions for image in await bench.images()]
    removal = Action(
        Kind.REMOVE_LABEL, "a", (box("fork"),), image_id=ids["a"], region_ids=(region.region_id,)
    )
    if is_gone:
        await bench.client.delete_image_regions(bench.project_id, [region.region_id or ""])
    else:
        bench.trouble("DeleteImageRegions", "400", calls=99)

    outcomes = await bench.apply(bench.plan(removal))

    assert outcomes.counts == Counter({"labels_removed" if is_gone else "refused": 1})
    assert [refusal.code for refusal in outcomes.refusals] == ([] if is_gone else ["400"])
    assert await bench.stale_fingerprints() == {}
