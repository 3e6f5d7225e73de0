"""Plans that can be trusted: edits by others, saved plans, guards, identity."""

from __future__ import annotations

import csv
import errno
from pathlib import Path
from typing import IO, Any

import pytest
from make import make_png, write_csv
from shelf import Shelf, boxes_by_key

from cvsync.api.client import open_client
from cvsync.errors import GuardError, ManifestError, ServiceError
from cvsync.flows.project import NewProject
from cvsync.flows.rebuild import rebuild
from cvsync.flows.status import fetch_status
from cvsync.model import ProjectType, Region
from cvsync.plan import Prune
from cvsync.plan.drift import OnDrift
from cvsync.plan.guard import DeleteGuard

BOX = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}


def rows(shelf: Shelf, count: int = 4) -> list[dict[str, Any]]:
    return [{"url": shelf.url(f"{n}.png"), "tag": ("fork", "spoon")[n % 2]} | BOX for n in range(count)]


@pytest.fixture
def manifest(shelf: Shelf, tmp_path: Path) -> Path:
    return write_csv(tmp_path / "m.csv", rows(shelf))


async def add_box(shelf: Shelf, position: int = 0) -> None:
    """Draw one more box, as somebody in the portal does."""
    async with open_client(shelf.settings) as (client, _):
        project = await shelf.project_id(client)
        image = (await shelf.images())[position]
        region = Region(image.regions[0].tag_id, 0.5, 0.5, 0.1, 0.1)
        await client.create_image_regions(project, [(image.id, region)])


async def test_an_edit_in_the_portal_is_drift(shelf: Shelf, manifest: Path) -> None:
    await shelf.push(manifest)
    await shelf.push(manifest)
    await add_box(shelf)
    await shelf.forget()

    assert (await shelf.plan(manifest)).drifted == 1
    with pytest.raises(GuardError, match="1 image was edited in the project since the last run"):
        await shelf.push(manifest, on_drift=OnDrift.STOP)
    await shelf.push(manifest, on_drift=OnDrift.PROJECT)
    kept, writes = len(boxes_by_key(await shelf.images())), await shelf.writes()
    await shelf.push(manifest, on_drift=OnDrift.MANIFEST)

    assert (kept, writes) == (5, {})
    assert len(boxes_by_key(await shelf.images())) == 4
    assert (await shelf.plan(manifest, on_drift=OnDrift.STOP)).is_empty


async def test_a_saved_plan_is_applied_once(shelf: Shelf, manifest: Path, tmp_path: Path) -> None:
    await shelf.push(manifest)
    changed = rows(shelf, 6)
    changed[0]["left"] = 0.4
    write_csv(manifest, changed)
    saved = tmp_path / "shelf.plan"
    await shelf.save(saved, manifest)

    with pytest.raises(GuardError, match="not for 'another'"):
        await shelf.apply(saved, project="another")
    report = await shelf.apply(saved, project="shelf")

    counts = {name: count for name, count in report.counts.items() if count}
    assert counts == {"images_created": 2, "labels_added": 3, "labels_removed": 1}
    assert saved.stat().st_mode & 0o777 == 0o600
    with pytest.raises(GuardError, match="changed since"):
        await shelf.apply(saved)
    await shelf.forget()
    assert (await shelf.push(manifest)).is_complete
    assert await shelf.writes() == {}


async def test_a_plan_that_cannot_be_written_leaves_the_older_one(
    shelf: Shelf, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.push(manifest)
    saved = tmp_path / "shelf.plan"
    await shelf.save(saved, manifest)
    before = saved.read_bytes()

    def full(_: object, file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("cvsync.flows.plan.write_plan", full)
    with pytest.raises(OSError, match="No space"):
        await shelf.save(saved, manifest)

    assert saved.read_bytes() == before
    assert [*tmp_path.glob("*.part")] == []


async def test_a_stale_plan_writes_nothing(shelf: Shelf, manifest: Path, tmp_path: Path) -> None:
    await shelf.push(manifest)
    write_csv(manifest, rows(shelf, 6))
    saved = tmp_path / "shelf.plan"
    await shelf.save(saved, manifest)
    await add_box(shelf)
    await shelf.forget()

    with pytest.raises(GuardError, match="changed since the plan was made; nothing was sent"):
        await shelf.apply(saved)

    assert await shelf.writes() == {}


async def test_a_plan_for_another_resource_is_refused(
    shelf: Shelf, start_shelf: Any, manifest: Path, tmp_path: Path
) -> None:
    await shelf.push(manifest)
    saved = tmp_path / "shelf.plan"
    await shelf.save(saved, manifest)
    other = await start_shelf()

    with pytest.raises(GuardError, match="was made for http"):
        await other.apply(saved)


async def test_renewed_signatures_change_nothing(shelf: Shelf, tmp_path: Path) -> None:
    def signed(signature: str) -> Path:
        listed = [row | {"url": f"{row['url']}?sv=2024&se=2027&sig={signature}"} for row in rows(shelf)]
        return write_csv(tmp_path / "m.csv", listed)

    await shelf.push(signed("abc"))
    await shelf.forget()

    plan = await shelf.plan(signed("xyz"))
    await shelf.push(signed("xyz"))

    assert plan.is_empty
    assert await shelf.writes() == {}


async def test_what_a_replacement_left_over_is_deleted_by_the_next_run_and_once(
    shelf: Shelf, tmp_path: Path
) -> None:
    listed = [row | {"version": "1"} for row in rows(shelf)]
    manifest = write_csv(tmp_path / "m.csv", listed)
    await shelf.push(manifest)
    (shelf.folder / "0.png").write_bytes(make_png(100))
    listed[0]["version"] = "2"
    write_csv(manifest, listed)
    await shelf.control("POST", "faults", [{"operation": "DeleteImages", "kind": "status", "status": 403}])
    with pytest.raises(ServiceError):
        await shelf.push(manifest)
    await shelf.control("DELETE", "faults")
    left = len(await shelf.images())
    await shelf.forget()

    report = await shelf.push(manifest)

    assert left == 5
    assert len(await shelf.images()) == 4
    assert report.counts["images_deleted"] == 1
    assert await shelf.writes() == {"DeleteImages": 1}


async def test_one_of_two_twins_leaves_and_the_image_stays(shelf: Shelf, tmp_path: Path) -> None:
    (shelf.folder / "twin.png").write_bytes((shelf.folder / "0.png").read_bytes())
    listed = [*rows(shelf), {"url": shelf.url("twin.png"), "tag": "fork"} | BOX]
    manifest = write_csv(tmp_path / "m.csv", listed)
    await shelf.push(manifest)
    write_csv(manifest, listed[1:])

    report = await shelf.push(manifest, prune=Prune.DELETE, guard=DeleteGuard(5))

    assert report.counts["images_deleted"] == 0
    assert len(await shelf.images()) == 4


async def test_a_listing_that_fails_deletes_nothing(shelf: Shelf, manifest: Path) -> None:
    await shelf.push(manifest)
    write_csv(manifest, rows(shelf, 3))
    await shelf.control("POST", "faults", [{"operation": "GetTaggedImages", "kind": "status", "status": 403}])

    with pytest.raises(ServiceError):
        await shelf.push(manifest, prune=Prune.DELETE)

    await shelf.control("DELETE", "faults")
    assert len(await shelf.images()) == 4


async def test_an_unreadable_shard_sends_nothing(shelf: Shelf, manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")

    with pytest.raises(ManifestError, match=r"broken\.parquet"):
        await shelf.push(manifest, tmp_path / "broken.parquet", prune=Prune.DELETE)

    assert await shelf.writes() == {}


async def test_status_counts_what_is_known_and_what_is_not(shelf: Shelf, manifest: Path) -> None:
    await shelf.push(manifest)
    await shelf.push(manifest)
    await add_box(shelf)
    async with open_client(shelf.settings) as (client, _):
        project = await shelf.project_id(client)
        await client.delete_images(project, [(await shelf.images())[1].id])
        await client.create_images_from_data(project, make_png(200))

    async with shelf.service() as service:
        status = await fetch_status(service, "shelf")

    assert (status.images, status.tags, status.keys) == (4, 2, 4)
    assert (status.unmanaged, status.lost, status.edited) == (1, 1, 1)


async def test_a_ledger_is_rebuilt_from_content(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "local.png").write_bytes(make_png(9))
    listed = [{"url": row["url"], "path": "", "tag": row["tag"]} for row in rows(shelf)]
    listed.append({"url": "", "path": "local.png", "tag": "fork"})
    manifest = write_csv(tmp_path / "m.csv", listed)
    new = NewProject(type=ProjectType.MULTICLASS)
    await shelf.push(manifest, create=new)
    shelf.state = tmp_path / "new-state"
    await shelf.forget()
    with manifest.open("a", newline="") as file:
        csv.writer(file).writerow([shelf.url("8.png"), "", "fork"])

    async with shelf.service() as service:
        found = await rebuild(service, "shelf", (manifest,))
    plan = await shelf.plan(manifest)

    assert (found.keys, found.absent, found.unreadable) == (5, 1, 0)
    assert [str(a).rsplit("/", 1)[-1] for a in plan.actions()] == ["8.png with fork"]
    assert await shelf.writes() == {}


async def test_a_change_of_the_manifest_is_no_drift(shelf: Shelf, manifest: Path) -> None:
    await shelf.push(manifest)
    changed = rows(shelf)
    changed[0]["left"] = 0.4
    write_csv(manifest, changed)

    await shelf.push(manifest, on_drift=OnDrift.STOP)
    changed[0]["tag"] = "spoon"
    write_csv(manifest, changed)
    report = await shelf.push(manifest, on_drift=OnDrift.STOP)

    assert report.counts["labels_added"] == report.counts["labels_removed"] == 1


async def test_tag_is_renamed_and_its_images_stay(shelf: Shelf, manifest: Path) -> None:
    await shelf.push(manifest)
    changed = [row | {"tag": row["tag"].replace("fork", "Gabel")} for row in rows(shelf)]
    write_csv(manifest, changed)
    await shelf.forget()

    await shelf.push(manifest, renames={"fork": "Gabel"})

    assert await shelf.writes() == {"UpdateTag": 1}
    assert await shelf.tags() == ["Gabel", "spoon"]


async def test_negative_tag_is_created_as_such(shelf: Shelf, tmp_path: Path) -> None:
    listed = [{"url": shelf.url(f"{n}.png"), "tag": tag, "tag_type": type_}
              for n, (tag, type_) in enumerate([("fork", ""), ("nothing", "Negative")])]  # fmt: skip

    await shelf.push(write_csv(tmp_path / "m.csv", listed))

    async with open_client(shelf.settings) as (client, _):
        tags = await client.get_tags(await shelf.project_id(client))
    assert {tag.name: tag.type for tag in tags} == {"fork": "Regular", "nothing": "Negative"}


async def test_another_version_replaces_the_image(shelf: Shelf, tmp_path: Path) -> None:
    def versions(first: str) -> Path:
        listed = [row | {"version": "1"} for row in rows(shelf)]
        listed[0]["version"] = first
        return write_csv(tmp_path / "m.csv", listed)

    await shelf.push(versions("1"))
    before = {image.id for image in await shelf.images()}
    (shelf.folder / "0.png").write_bytes(make_png(100))
    await shelf.forget()

    report = await shelf.push(versions("2"))
    again = await shelf.push(versions("2"))

    after = {image.id for image in await shelf.images()}
    assert len(after) == 4
    assert len(before - after) == 1
    assert report.is_complete
    assert again.counts["images_created"] == 0
    assert await shelf.writes() == {"CreateImagesFromUrls": 1, "DeleteImages": 1}
