"""What was deleted or replaced comes back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from make import write_csv
from plans import box, make_plan
from shelf import QUICK, Shelf, boxes_by_key

from cvsync import Report, open_service
from cvsync.errors import SettingsError
from cvsync.flows.undo import undo
from cvsync.plan import Action, Kind, Prune
from cvsync.plan.guard import DeleteGuard
from cvsync.run.apply import Run
from cvsync.run.ledger import Ledger
from cvsync.run.work import Work


def rows(shelf: Shelf, *numbers: int) -> list[dict[str, Any]]:
    box = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
    return [
        {"url": shelf.url(f"{n}.png"), "tag": tag} | box | {"left": left}
        for n in numbers
        for tag, left in (("fork", 0.1), ("spoon", 0.145833328))
    ]


async def undone(shelf: Shelf, run_id: str) -> Report:
    async with open_service(shelf.settings, state=shelf.state, observer=shelf.events.append) as service:
        return await undo(service, "shelf", run_id, settings=QUICK)


@pytest.fixture
async def deleted(shelf: Shelf, tmp_path: Path) -> Report:
    """A push that deleted three images of six, after one that made them."""
    manifest = write_csv(tmp_path / "m.csv", rows(shelf, *range(6)))
    await shelf.push(manifest)
    shelf.before = boxes_by_key(await shelf.images())  # type: ignore[attr-defined]
    return await shelf.push(
        write_csv(manifest, rows(shelf, 0, 1, 2)), prune=Prune.DELETE, guard=DeleteGuard(9)
    )


async def test_deleted_images_come_back_with_their_labels(shelf: Shelf, deleted: Report) -> None:
    assert deleted.counts["images_deleted"] == 3

    report = await undone(shelf, deleted.run_id)

    assert report.counts == Counter(images_created=3, labels_added=6)
    assert boxes_by_key(await shelf.images()) == shelf.before  # type: ignore[attr-defined]


async def test_a_state_folder_that_is_given_relative_to_the_present_one_is_found(
    shelf: Shelf, deleted: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shelf.state.parent)
    shelf.state = Path(shelf.state.name)

    report = await undone(shelf, deleted.run_id)

    assert report.counts == Counter(images_created=3, labels_added=6)


async def test_undoing_twice_changes_nothing_more(shelf: Shelf, deleted: Report) -> None:
    await undone(shelf, deleted.run_id)
    await shelf.forget()

    report = await undone(shelf, deleted.run_id)

    assert report.counts == Counter()
    assert await shelf.writes() == {}


async def test_ledger_follows_so_that_the_old_manifest_has_nothing_to_do(
    shelf: Shelf, deleted: Report, tmp_path: Path
) -> None:
    await undone(shelf, deleted.run_id)
    await shelf.forget()

    report = await shelf.push(write_csv(tmp_path / "m.csv", rows(shelf, *range(6))), prune=Prune.DELETE)

    assert report.is_complete
    assert await shelf.writes() == {}


async def test_labels_that_an_image_got_since_are_kept(shelf: Shelf, deleted: Report, tmp_path: Path) -> None:
    other = rows(shelf, 3)[:1]
    other[0]["tag"] = "knife"
    await shelf.push(write_csv(tmp_path / "m.csv", rows(shelf, 0, 1, 2) + other))

    await undone(shelf, deleted.run_id)

    tags = [sorted(r.tag_name or "" for r in image.regions) for image in await shelf.images()]
    assert sorted(map(tuple, tags)) == sorted([("fork", "spoon")] * 5 + [("fork", "knife", "spoon")])


async def test_tags_that_are_gone_are_made_again(shelf: Shelf, deleted: Report) -> None:
    from cvsync.api.client import open_client

    async with open_client(shelf.settings) as (client, _):
        project = await shelf.project_id(client)
        for tag in await client.get_tags(project):
            await client.delete_tag(project, tag.id)

    report = await undone(shelf, deleted.run_id)

    assert report.counts == Counter(tags_created=2, images_created=3, labels_added=6)


async def test_replaced_image_comes_back_in_the_place_of_its_successor(shelf: Shelf, tmp_path: Path) -> None:
    await shelf.push(write_csv(tmp_path / "m.csv", rows(shelf, 0)))
    before = await shelf.sources()
    key = shelf.url("0.png")
    async with open_service(shelf.settings, state=shelf.state) as service:
        project = await shelf.project_id(service.client)
        folder = service.folder(project)
        ledger = Ledger.open(folder / "ledger.sqlite", f"{service.destination} {project}")
        ledger.start_run("replacing")
        new = Action(
            Kind.REPLACE_IMAGE, key, (box("fork"),), image_id=ledger.ids_of([key])[key],
            url=shelf.url("1.png"), version="v2",
        )  # fmt: skip
        work = Work(
            client=service.client, ledger=ledger, project_id=project, run_id="replacing", folder=folder,
            downloader=service.downloader, settings=QUICK,
        )  # fmt: skip
        await Run(work, make_plan(project, new)).apply()
        ledger.close()
    replaced = await shelf.sources()

    report = await undone(shelf, "replacing")
    back = await shelf.sources()
    await shelf.forget()
    again = await undone(shelf, "replacing")
    forth = await undone(shelf, report.run_id)

    assert report.counts == Counter(images_replaced=1, labels_added=2)
    assert [s["sha256"] for s in back] == [s["sha256"] for s in before] != [s["sha256"] for s in replaced]
    assert again.counts == Counter()
    assert forth.counts == Counter(images_replaced=1, labels_added=1)
    assert [s["sha256"] for s in await shelf.sources()] == [s["sha256"] for s in replaced]


async def test_nothing_saved_is_said_with_the_runs_that_did_save(shelf: Shelf, deleted: Report) -> None:
    for wrong in ("20260101T000000Z-abcdef", "../trash", ""):
        with pytest.raises(SettingsError, match=f"saved nothing .*: {deleted.run_id}"):
            await undone(shelf, wrong)


async def test_a_damaged_file_is_named(shelf: Shelf, deleted: Report) -> None:
    (file,) = shelf.state.rglob(f"{deleted.run_id}/*.parquet")
    file.write_bytes(file.read_bytes()[:100])

    with pytest.raises(SettingsError, match=f"{file} is damaged"):
        await undone(shelf, deleted.run_id)
