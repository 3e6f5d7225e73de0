"""Proving that a project holds what it should."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from make import make_png, write_csv
from shelf import Shelf

from cvsync.api.client import open_client
from cvsync.api.download import Downloader
from cvsync.api.images import FileEntry
from cvsync.api.retry import RetryPolicy
from cvsync.errors import ServiceError
from cvsync.flows import digests
from cvsync.flows.digests import hash_images
from cvsync.flows.project import NewProject
from cvsync.flows.rebuild import rebuild
from cvsync.flows.verify import Verification, VerifyRequest, verify
from cvsync.limits import IDS_PER_URL
from cvsync.model import Region

Row = dict[str, Any]
ROWS: list[Row] = [
    {"path": f"{n}.png", "tag": tag, "left": left, "top": 0.25, "width": 0.5, "height": 0.5}
    for n in range(10)
    for tag, left in (("fork", 0.125), ("Löffel", 0.375))
]


async def check(shelf: Shelf, rows: list[Row] | None = None, **options: Any) -> Verification:
    manifest = shelf.folder / "m.csv"
    if rows is not None:
        write_csv(manifest, rows)
    request = VerifyRequest(project="shelf", **({"manifests": (manifest,)} | options))
    async with shelf.service() as service:
        return await verify(service, request)


@pytest.fixture
async def pushed(shelf: Shelf) -> Shelf:
    await shelf.push(write_csv(shelf.folder / "m.csv", ROWS))
    return shelf


async def test_what_was_pushed_is_equal(pushed: Shelf) -> None:
    found = await check(pushed, sample=None)

    assert found.is_equal
    assert found.images == (10, 10)
    assert found.tags == {"fork": (10, 10), "Löffel": (10, 10)}
    assert found.compared == 10


def _without_an_image(rows: list[Row], n: int) -> str:
    rows[:] = [row for row in rows if row["path"] != f"{n}.png"]
    return "image extra"


def _without_a_label(rows: list[Row], n: int) -> str:
    del rows[2 * n]
    return "label extra"


def _with_a_label(rows: list[Row], n: int) -> str:
    rows.append(rows[2 * n] | {"left": 0.0})
    return "label missing"


def _with_another_tag(rows: list[Row], n: int) -> str:
    rows[2 * n]["tag"] = "Löffel"
    return "label missing"


def _with_a_box_moved(rows: list[Row], n: int) -> str:
    side = ("left", "top", "width", "height")[n % 4]
    rows[2 * n][side] += (-1) ** n * 1e-3
    return "label missing"


PLANTED: list[Callable[[list[Row], int], str]] = [
    _without_an_image, _without_a_label, _with_a_label, _with_another_tag, _with_a_box_moved,
]  # fmt: skip


async def test_any_single_difference_is_found(pushed: Shelf) -> None:
    """100 of 100: an image, a tag, a box, and a byte on either side."""
    chance = random.Random(4)
    missed = []
    for n in range(80):
        rows = [dict(row) for row in ROWS]
        kind = PLANTED[n % len(PLANTED)](rows, chance.randrange(10))
        found = await check(pushed, rows)
        if not found.counts[kind] or len({d.image for d in found.differences}) != 1:
            missed.append((n, kind, found.counts))
    write_csv(pushed.folder / "m.csv", ROWS)
    for n in range(20):
        file = pushed.folder / f"{n % 10}.png"
        if n >= 10:  # the one that the emulator keeps
            (source,) = [s for s in await pushed.sources() if file.name in s["sources"][0]]
            (file,) = pushed.emulator.settings.data.rglob(f"*{source['sha256']}*")
        before = file.read_bytes()
        at = chance.randrange(len(before))
        file.write_bytes(before[:at] + bytes([before[at] ^ 1 << n % 8]) + before[at + 1 :])
        found = await check(pushed, sample=None)
        if found.counts != {"content differs": 1}:
            missed.append((n, "content differs", found.counts))
        file.write_bytes(before)

    assert missed == []
    assert (await check(pushed, sample=None)).is_equal


async def test_edits_in_the_portal_are_found(pushed: Shelf) -> None:
    async with open_client(pushed.settings) as (client, _):
        project = await pushed.project_id(client)
        images = await pushed.images()
        await client.delete_images(project, [images[0].id])
        (region, _) = images[1].regions
        await client.delete_image_regions(project, [region.region_id or ""])
        box = Region(region.tag_id, region.left, region.top + 0.001, region.width, region.height)
        await client.create_image_regions(project, [(images[1].id, box)])
        await client.create_images_from_files(project, [FileEntry("x.png", make_png(99))])

    found = await check(pushed)

    assert found.counts == {"image missing": 1, "label missing": 1, "label extra": 1, "image extra": 1}


async def test_without_a_ledger_images_are_found_by_their_content(pushed: Shelf) -> None:
    for ledger in pushed.state.rglob("ledger.sqlite"):
        ledger.unlink()

    by_name = await check(pushed)
    by_content = await check(pushed, sample=None)

    assert by_name.counts == {"image missing": 10, "image extra": 10}
    assert by_content.is_equal


async def test_each_picture_is_read_however_many_there_are(shelf: Shelf) -> None:
    """More than are read at once, and more than one call asks for."""
    count = IDS_PER_URL + 37
    rows = []
    for n in range(count):
        (shelf.folder / f"{n}.png").write_bytes(make_png(n, (8, 6)))
        rows.append({"path": f"{n}.png", "tag": "fork"})
    await shelf.push(write_csv(shelf.folder / "m.csv", rows))

    proved = await check(shelf, sample=None)
    for ledger in shelf.state.rglob("ledger.sqlite"):
        ledger.unlink()
    async with shelf.service() as service:
        rebuilt = await rebuild(service, "shelf", (shelf.folder / "m.csv",))

    assert (proved.compared, proved.counts) == (count, {})
    assert (rebuilt.keys, rebuilt.absent, rebuilt.unreadable) == (count, 0, 0)


async def test_a_sample_compares_so_many(pushed: Shelf) -> None:
    (pushed.folder / "3.png").write_bytes(make_png(77))

    samples = [await check(pushed, sample=5, seed=seed) for seed in range(6)]

    assert {s.compared for s in samples} == {5}
    assert {s.is_equal for s in samples} == {True, False}


async def test_rows_that_cannot_be_used_are_differences(pushed: Shelf) -> None:
    found = await check(pushed, [*ROWS, ROWS[0] | {"left": 3}])

    assert found.counts == {"row unusable": 1}
    assert "E012" in found.differences[0].detail


async def test_an_image_whose_only_row_is_bad_is_not_extra(shelf: Shelf) -> None:
    await shelf.push(write_csv(shelf.folder / "m.csv", [{"path": "0.png", "tag": "fork"}]))
    (image,) = await shelf.images()
    for ledger in shelf.state.rglob("ledger.sqlite"):
        ledger.unlink()
    pulled = {
        "path": "0.png",
        "tag": "fork",
        "image_id": image.id,
        "left": 3,
        "top": 0,
        "width": 1,
        "height": 1,
    }

    found = await check(shelf, [pulled])

    assert found.counts == {"row unusable": 1}


@pytest.mark.parametrize("api_version", ["v2.2", "v3.3"])
async def test_an_image_that_goes_meanwhile_is_unreadable(pushed: Shelf, api_version: str) -> None:
    pushed.api_version = api_version
    (first, *_) = await pushed.images()
    gone = "00000000-0000-4000-8000-000000000000"
    async with pushed.service() as service:
        project = await pushed.project_id(service.client)

        found = {one.name: one.sha256 async for one in hash_images(service, project, [gone, first.id])}

    assert found[gone] is None
    assert found[first.id] is not None
    assert (await pushed.control("GET", "requests"))["by_operation"].get("GetArtifact") is None


async def test_more_than_is_named_can_be_fine(pushed: Shelf) -> None:
    found = await check(pushed, ROWS[:8], extra_is_fine=True)

    assert found.is_equal
    assert found.images == (4, 10)


async def test_metadata_is_compared(shelf: Shelf) -> None:
    rows = [{"path": "0.png", "tag": "fork", "metadata.shop": "Süd"}]
    await shelf.push(write_csv(shelf.folder / "m.csv", rows))

    same = await check(shelf)
    other = await check(shelf, [rows[0] | {"metadata.shop": "Nord"}])

    assert same.is_equal
    assert other.counts == {"metadata differs": 1}
    assert other.differences[0].detail == "shop: 'Nord', not 'Süd'"


async def test_projects_are_compared_by_content(pushed: Shelf, tmp_path: Path) -> None:
    manifest = pushed.folder / "m.csv"
    await pushed.push(manifest, project="copy", create=NewProject())

    async with pushed.service() as service:
        same = await verify(service, VerifyRequest(project="copy", source="shelf", sample=None))
        await pushed.push(write_csv(manifest, ROWS[1:]), project="copy")
        other = await verify(service, VerifyRequest(project="copy", source="shelf", sample=None))

    assert same.is_equal
    assert other.counts == {"label missing": 1}


async def test_a_picture_that_cannot_be_read_is_a_difference(pushed: Shelf) -> None:
    (pushed.folder / "3.png").unlink()

    found = await check(pushed, sample=None)

    assert "3.png" in " ".join(d.image + d.detail for d in found.differences)
    assert not found.is_equal


def break_storage(monkeypatch: pytest.MonkeyPatch, *, failures: int, of: str = "") -> None:
    """Have the storage answer 503 so many times to each link, and not let anybody wait long.

    ``of`` stands in the links that it breaks.
    """
    genuine, tries = Downloader.digest, Counter[str]()

    async def digest(self: Downloader, url: str, **options: Any) -> str:
        tries[url] += 1
        if of in url and tries[url] <= failures:
            raise ServiceError("download", 503, "ServerBusy", "")
        return await genuine(self, url, **options)

    monkeypatch.setattr(Downloader, "digest", digest)
    monkeypatch.setattr(digests, "RetryPolicy", lambda: RetryPolicy(attempts=3, first_wait=0.0))


async def test_a_storage_that_fails_for_a_moment_is_asked_again(
    pushed: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_storage(monkeypatch, failures=2)

    found = await check(pushed, sample=None)

    assert found.is_equal
    assert [event.name for event in pushed.events].count("retry") == 20


async def test_an_outage_of_the_storage_is_no_difference(
    pushed: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_storage(monkeypatch, failures=1000)

    with pytest.raises(ServiceError, match="503"):
        await check(pushed, sample=None)
    async with pushed.service() as service:
        with pytest.raises(ServiceError, match="503"):
            await rebuild(service, "shelf", (pushed.folder / "m.csv",))


async def test_an_image_that_goes_on_failing_is_a_difference_and_the_others_are_compared(
    pushed: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    (broken, *_) = await pushed.images()
    break_storage(monkeypatch, failures=1000, of=broken.id.replace("-", ""))
    (pushed.folder / "9.png").write_bytes(make_png(77))

    found = await check(pushed, sample=None)
    async with pushed.service() as service:
        rebuilt = await rebuild(service, "shelf", (pushed.folder / "m.csv",))

    assert found.counts == {"content unreadable": 1, "content differs": 1}
    assert found.compared == 10
    (difference,) = [d for d in found.differences if d.image_id == broken.id]
    assert difference.detail == "the file in the project: download answered 503 ServerBusy"
    assert (rebuilt.keys, rebuilt.absent, rebuilt.images_unreadable) == (8, 2, 1)


async def test_an_outage_that_begins_in_the_middle_ends_it(
    pushed: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine, tries = Downloader.digest, 0

    async def digest(self: Downloader, url: str, **options: Any) -> str:
        nonlocal tries
        tries += 1
        if tries > 5:
            raise ServiceError("download", 503, "ServerBusy", "")
        return await genuine(self, url, **options)

    monkeypatch.setattr(Downloader, "digest", digest)
    monkeypatch.setattr(digests, "RetryPolicy", lambda: RetryPolicy(attempts=3, first_wait=0.0))

    with pytest.raises(ServiceError, match="503"):
        await check(pushed, sample=None)


async def test_no_signature_of_a_link_is_told(shelf: Shelf) -> None:
    rows = [{"url": f"{shelf.url('0.png')}?sig=secret", "tag": "fork"}]
    await shelf.push(write_csv(shelf.folder / "m.csv", rows))
    (shelf.folder / "0.png").unlink()

    found = await check(shelf, sample=None)

    assert found.counts == {"content unreadable": 1}
    assert "unreadable" in {event.name for event in shelf.events}
    assert "secret" not in str(shelf.events)


async def test_a_key_with_the_picture_of_another_key_is_that_image(shelf: Shelf) -> None:
    rows = [{"path": "0.png", "tag": "fork"}, {"path": "1.png", "tag": "fork"}]
    await shelf.push(write_csv(shelf.folder / "m.csv", rows))
    (shelf.folder / "twin.png").write_bytes((shelf.folder / "0.png").read_bytes())

    found = await check(shelf, [*rows, {"path": "twin.png", "tag": "fork"}], sample=None)

    assert found.counts == {}
    assert found.compared == 3


async def test_a_tag_of_another_type_is_a_difference(shelf: Shelf) -> None:
    rows: list[Row] = [{"path": f"{n}.png", "tag": "nothing", "tag_type": ""} for n in range(2)]
    await shelf.push(write_csv(shelf.folder / "m.csv", rows))

    found = await check(shelf, [row | {"tag_type": "Negative"} for row in rows])

    (difference,) = found.differences
    assert (str(difference.kind), difference.image) == ("tag differs", "nothing")
    assert difference.detail == "type: 'Negative', not 'Regular'"
