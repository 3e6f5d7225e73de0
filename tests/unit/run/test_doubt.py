"""Requests without an answer, and requests that the service refuses or fails on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, Troubled
from make import make_png
from plans import box, create

from cvsync.errors import ServiceError, TransportError
from cvsync.labels import Labels
from cvsync.plan.actions import Action, Kind
from cvsync.run.leftovers import settle_leftovers
from cvsync.run.private import make_private
from cvsync.run.settings import RunSettings
from cvsync.run.verdict import Fate, Verdict, fate, verdict
from cvsync.run.work import Work

StartBench = Callable[..., Awaitable[Bench]]
WANTED = {f"{n}": Counter([("fork", 0.1), ("fork", 0.3)]) for n in range(5)}


def five(bench: Bench, **options: Any) -> Any:
    images = [create(f"{n}", box("fork"), box("fork", 0.3)) for n in range(5)]
    return bench.plan(*images, tags=["fork"], **options)


@pytest.mark.parametrize("when", ["lost", "never"])
@pytest.mark.parametrize("markers", [True, False])
@pytest.mark.parametrize("twice", [False, True])
async def test_batch_without_an_answer_is_settled(
    bench: Bench, when: str, markers: bool, twice: bool
) -> None:
    bench.trouble("CreateImagesFromUrls", when, calls=1 + twice)

    outcomes = await bench.apply(five(bench), markers=markers)

    assert await bench.by_key() == WANTED
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
    bench.trouble("CreateImagesFromUrls", "lost")
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

    assert await bench.by_key() == WANTED
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


@pytest.mark.parametrize("when", ["lost", "never"])
async def test_regions_without_an_answer_are_looked_at_before_they_are_sent_again(
    bench: Bench, when: str
) -> None:
    await bench.apply(bench.plan(*(create(f"{n}") for n in range(5)), tags=["fork"]))
    adds = [
        Action(Kind.ADD_LABEL, key, (box("fork"), box("fork", 0.3)), image_id=image_id)
        for key, image_id in bench.ids().items()
    ]
    await bench.control("POST", "reset")
    bench.trouble("CreateImageRegions", when)

    outcomes = await bench.apply(bench.plan(*adds))

    assert await bench.by_key() == WANTED
    assert outcomes.counts == Counter(labels_added=10)
    assert await bench.stale_fingerprints() == {}
    assert (await bench.calls())["CreateImageRegions"] == 1  # never twice: it was seen to be there, or not


@pytest.mark.parametrize("when", ["lost", "never"])
async def test_tag_without_an_answer_is_looked_up_before_it_is_created_again(bench: Bench, when: str) -> None:
    bench.trouble("CreateTag", when)

    outcomes = await bench.apply(bench.plan(tags=["fork"]))

    assert outcomes.counts == Counter(tags_created=1)
    assert (await bench.calls())["CreateTag"] == 1
    assert bench.ledger.in_doubt() == 0


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
    assert await bench.by_key() == WANTED


async def test_image_that_the_service_does_not_mention_is_told(bench: Bench) -> None:
    class Forgetful(Troubled):
        async def send(self, request: Any) -> Any:
            answer = await self.inner.send(request)
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


# What dead runs leave behind.


async def left_open(bench: Bench, when: str, *, markers: bool = True) -> None:
    """A run that died with a batch on its way."""
    bench.trouble("CreateImagesFromUrls", when, calls=99)
    with pytest.raises(TransportError):
        await bench.apply(five(bench), markers=markers, attempts=1)
    bench.transport = bench.transport.inner  # type: ignore[attr-defined]
    assert bench.ledger.in_doubt() == 1
    await bench.control("POST", "reset")


async def resume(bench: Bench, keys: list[str], *, wait: float = 0.0, **settings: Any) -> None:
    labels = Labels.from_columns({"key": keys, "url": [f"https://pictures.test/{key}" for key in keys]})
    bench.clock.time += wait
    bench.ledger.start_run("next")
    work = Work(
        client=bench.client, ledger=bench.ledger, project_id=bench.project_id, run_id="next",
        settings=RunSettings(**{"grace": 0.5} | settings), observer=bench.events.append,
        sleep=bench.clock.sleep, clock=bench.clock.now, folder=bench.folder,
    )  # fmt: skip
    await settle_leftovers(work, bench.type_, labels, wall_clock=bench.clock.now)


@pytest.mark.parametrize("markers", [True, False])
async def test_batch_of_a_dead_run_is_found_again(bench: Bench, markers: bool) -> None:
    await left_open(bench, "lost", markers=markers)

    await resume(bench, [*"01234"], markers=markers)

    assert await bench.by_key() == WANTED
    assert await bench.stale_fingerprints() == {}
    assert bench.ledger.in_doubt() == 0
    totals = bench.ledger.totals("next")
    assert totals["images_created" if markers else "images_adopted"] == 5


async def test_batch_of_a_dead_run_that_never_arrived_is_forgotten_without_a_write(bench: Bench) -> None:
    await left_open(bench, "never")

    await resume(bench, [*"01234"])

    assert bench.ids() == {}
    assert await bench.calls() == {"GetImages": 1}
    assert bench.ledger.in_doubt() == 0


async def test_what_a_dead_run_had_begun_to_download_goes(bench: Bench) -> None:
    trash, fetched = bench.folder / "trash" / "dead", bench.folder / "runs" / "dead" / "fetched"
    for path in (trash / "x.part", trash / "x.png", trash / "000000.parquet", fetched / "0.part"):
        make_private(path)

    await resume(bench, [])

    assert {p.name for p in trash.iterdir()} == {"x.png", "000000.parquet"}
    assert not fetched.exists()


async def test_keys_that_left_the_manifest_meanwhile_are_not_sent(bench: Bench) -> None:
    await left_open(bench, "lost")

    await resume(bench, ["0", "1", "9"])

    ids = bench.ids()
    assert len([*await bench.images()]) == 5
    assert ids.keys() - {*ids.values()} == {"0", "1"}


async def test_images_of_keys_that_left_the_manifest_are_known_by_their_ids(bench: Bench) -> None:
    await left_open(bench, "lost")

    await resume(bench, ["0", "1"])

    ids = bench.ids()
    assert {*ids.values()} == {image.id for image in await bench.images()}
    assert sum(key == image_id for key, image_id in ids.items()) == 3
    assert await bench.stale_fingerprints() == {}
    assert bench.ledger.totals("next") == Counter(images_created=5, labels_added=10)
    assert bench.ledger.in_doubt() == 0
    assert [str(f["text"])[:42] for f in bench.told("warning")] == [
        "3 images that a killed run created are of "
    ]


async def test_image_known_by_its_id_gets_its_key_back(bench: Bench) -> None:
    await left_open(bench, "lost")
    await resume(bench, ["0", "1", "2"])

    await bench.apply(bench.plan(*(create(key, box("fork"), box("fork", 0.3)) for key in "34"), unmanaged=1))

    assert await bench.by_key() == WANTED
    totals = bench.ledger.totals("next") + bench.ledger.totals("run 2")
    assert totals == Counter(images_created=5, labels_added=10)


async def test_images_of_keys_that_left_the_manifest_stay_strangers_without_markers(bench: Bench) -> None:
    await left_open(bench, "lost", markers=False)

    await resume(bench, ["0", "1"], markers=False)

    assert bench.ids().keys() == {"0", "1"}
    (warning,) = bench.told("warning")
    assert "up to 3 images" in str(warning["text"])


@pytest.mark.parametrize(("wait", "slept"), [(0.0, [9.5]), (8.0, [1.5]), (20.0, [])])
async def test_a_dead_run_s_request_may_still_be_at_work(
    bench: Bench, wait: float, slept: list[float]
) -> None:
    await left_open(bench, "lost")
    bench.clock.slept.clear()

    await resume(bench, ["0"], wait=wait, grace=10.0)

    assert bench.clock.slept == slept


async def test_what_dead_label_requests_did_is_unknown_until_it_is_seen(bench: Bench) -> None:
    await bench.apply(five(bench))
    image = bench.ids()["0"]
    bench.ledger.intend("dead", "remove label", [image])
    assert bench.known().unsettled == {image}

    await resume(bench, [])

    unknown = [r["key"] for r in bench.known().table.to_pylist() if r["fingerprint"] is None]
    assert unknown == ["0"]
    assert bench.known().unsettled == frozenset()


async def test_dead_deletions_are_looked_at(bench: Bench) -> None:
    await bench.apply(five(bench))
    ids = bench.ids()
    bench.ledger.intend("dead", "delete image", [ids["0"], ids["1"]])
    await bench.client.delete_images(bench.project_id, [ids["1"]])

    await resume(bench, [])

    assert bench.ids().keys() == {"0", "2", "3", "4"}
    assert bench.ledger.totals("next") == Counter(images_deleted=1)


async def test_dead_replacement_dooms_the_old_image(bench: Bench) -> None:
    await bench.apply(bench.plan(create("0")))
    old = bench.ids()["0"]
    bench.trouble("CreateImagesFromUrls", "lost", calls=99)
    new = Action(Kind.REPLACE_IMAGE, "0", image_id=old, url="https://pictures.test/0?new")
    with pytest.raises(TransportError):
        await bench.apply(bench.plan(new), attempts=1)
    bench.transport = bench.transport.inner  # type: ignore[attr-defined]
    labels = Labels.from_columns({"key": ["0"], "url": ["https://pictures.test/0?new"]})
    bench.ledger.start_run("next")
    work = Work(
        client=bench.client, ledger=bench.ledger, project_id=bench.project_id, run_id="next",
        sleep=bench.clock.sleep, clock=bench.clock.now,
    )  # fmt: skip

    await settle_leftovers(work, bench.type_, labels, wall_clock=bench.clock.now)

    assert bench.known().doomed == {old}
    assert bench.ids()["0"] != old
    assert bench.ledger.totals("next") == Counter(images_replaced=1)


# The tables.


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (TransportError("x", "reset", sent=True), Verdict.DOUBTFUL),
        (TransportError("x", "refused", sent=False), Verdict.UNDONE),
        *((ServiceError("x", s, "y", ""), Verdict.REFUSED) for s in (400, 409, 413)),
        *((ServiceError("x", s, "y", ""), Verdict.BROKEN) for s in (408, 500, 502, 503)),
        (ServiceError("x", 504, "y", ""), Verdict.DOUBTFUL),
        (ServiceError("x", 401, "y", ""), Verdict.UNDONE),
        (ServiceError("x", 404, "NotFoundProject", ""), Verdict.UNDONE),
        (ServiceError("x", 404, "NotFoundImage", ""), Verdict.REFUSED),
        (ServiceError("x", 400, "BadRequestExceededQuota", ""), Verdict.UNDONE),
    ],
)
def test_every_error_has_a_verdict(error: Any, wanted: Verdict) -> None:
    assert verdict(error) is wanted


def test_every_status_of_an_image_has_a_fate() -> None:
    assert {status: fate(status) for status in ("OK", "OKDuplicate", "ErrorSource", "ErrorStorage")} == {
        "OK": Fate.STORED, "OKDuplicate": Fate.STORED, "ErrorSource": Fate.BYTES, "ErrorStorage": Fate.AGAIN,
    }  # fmt: skip
    assert fate("ErrorLimitExceed") is Fate.FULL
    assert fate("ErrorUnknown") is Fate.AGAIN
    assert fate("ErrorOfTomorrow") is Fate.REFUSED


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
