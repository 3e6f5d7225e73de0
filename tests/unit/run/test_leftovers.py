"""What dead runs leave behind."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from bench import FIVE, Bench, five
from plans import box, create

from cvsync.errors import TransportError
from cvsync.labels import Labels
from cvsync.plan.actions import Action, Kind
from cvsync.run.leftovers import settle_leftovers
from cvsync.run.private import make_private
from cvsync.run.settings import RunSettings
from cvsync.run.work import Work


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

    assert await bench.by_key() == FIVE
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

    assert await bench.by_key() == FIVE
    totals = bench.ledger.totals("next") + bench.ledger.totals("run 2")
    assert totals == Counter(images_created=5, labels_added=10)


async def test_images_of_keys_that_left_the_manifest_stay_strangers_without_markers(bench: Bench) -> None:
    await left_open(bench, "lost", markers=False)

    await resume(bench, ["0", "1"], markers=False)

    assert bench.ids().keys() == {"0", "1"}
    (warning,) = bench.told("warning")
    assert "up to 3 images" in str(warning["text"])


@pytest.mark.parametrize(("wait", "slept"), [(0.0, [10.0]), (8.0, [2.0]), (20.0, [])])
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
