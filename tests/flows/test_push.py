"""Whole pushes against the emulator."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from make import make_png, write_csv
from shelf import QUICK, Shelf, boxed_rows, boxes_by_key

from cvsync import Report, apply_plan, open_service, push
from cvsync.errors import LockedError, MissingProjectError, SettingsError
from cvsync.flows.project import NewProject
from cvsync.model import ProjectType
from cvsync.plan import Kind, Prune
from cvsync.run.settings import Adopt


@pytest.fixture
def manifest(shelf: Shelf, tmp_path: Path) -> Path:
    return write_csv(tmp_path / "m.csv", boxed_rows(shelf))


async def test_push_makes_the_project_hold_what_the_manifest_says(shelf: Shelf, manifest: Path) -> None:
    report = await shelf.push(manifest)

    assert report.counts["tags_created"] == 2
    assert report.counts["images_created"] == report.counts["labels_added"] == 6
    single = [
        (row["tag"], *(float(np.float32(row[n])) for n in ("left", "top", "width", "height")))
        for row in boxed_rows(shelf)
    ]
    stored = [(t, *(float(np.float32(v)) for v in box)) for t, *box in boxes_by_key(await shelf.images())]
    assert stored == sorted(single)


async def test_push_asks_for_the_project_and_its_tags_once(shelf: Shelf, manifest: Path) -> None:
    await shelf.push(manifest)
    await shelf.forget()

    await shelf.push(write_csv(manifest, [row | {"tag": f"new {row['tag']}"} for row in boxed_rows(shelf)]))

    counts = (await shelf.control("GET", "requests"))["by_operation"]
    once = {"GetProjects", "GetDomains", "GetTags", "GetTaggedImageCount", "GetUntaggedImageCount"}
    assert {n: sum(counts[n].values()) for n in once} == dict.fromkeys(once, 1)
    assert sum(counts["CreateTag"].values()) == 2
    assert {tag for tag, *_ in boxes_by_key(await shelf.images())} == {"new fork", "new spoon"}


async def test_runs_that_begin_together_make_one_project(start_shelf: Any, tmp_path: Path) -> None:
    shelf = await start_shelf(latency=0.02)
    shelf.folder.joinpath("0.png").write_bytes(make_png(0))
    manifest = write_csv(tmp_path / "m.csv", boxed_rows(shelf, 1))

    ends = await asyncio.gather(*(shelf.push(manifest) for _ in range(4)), return_exceptions=True)

    assert Counter(map(type, ends)) == {LockedError: 3, Report: 1}
    assert (await shelf.writes())["CreateProject"] == 1


async def test_second_push_writes_nothing(shelf: Shelf, manifest: Path) -> None:
    await shelf.push(manifest)
    await shelf.forget()

    report = await shelf.push(manifest)

    assert await shelf.writes() == {}
    assert report.is_complete
    assert report.counts["images_created"] == 0


async def test_an_endpoint_in_another_spelling_is_the_same_destination(
    shelf: Shelf, manifest: Path, tmp_path: Path
) -> None:
    await shelf.push(manifest)
    await shelf.save(tmp_path / "plan", manifest)
    await shelf.forget()
    endpoint = shelf.settings.endpoint.replace("http", "HTTP") + "/"

    async with open_service(replace(shelf.settings, endpoint=endpoint), state=shelf.state) as service:
        report = await push(service, shelf.request(manifest))
        await apply_plan(service, tmp_path / "plan", settings=QUICK)

    assert report.is_complete
    assert await shelf.writes() == {}


async def test_plan_touches_nothing_and_needs_no_project(shelf: Shelf, manifest: Path) -> None:
    plan = await shelf.plan(manifest)

    assert plan.counts[Kind.CREATE_IMAGE] == 6
    assert await shelf.writes() == {}
    assert not shelf.state.exists()


async def test_exactly_the_edits_are_planned_and_made(shelf: Shelf, tmp_path: Path) -> None:
    rows = boxed_rows(shelf, 9)
    manifest = write_csv(tmp_path / "m.csv", rows)
    await shelf.push(manifest)
    await shelf.forget()
    rows[0]["left"] = 0.3  # moved
    rows[1]["tag"] = "knife"  # retagged
    del rows[2]
    rows.append(
        {"url": shelf.url("9.png"), "tag": "fork", "left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2}
    )
    write_csv(manifest, rows)

    plan = await shelf.plan(manifest, prune=Prune.DELETE)
    report = await shelf.push(manifest, prune=Prune.DELETE)

    assert sorted(str(a).split(" [")[0].replace(shelf.emulator.url, "") for a in plan.actions()) == [
        "add fork",
        "add knife",
        "create image /files/9.png with fork",
        "create tag knife",
        "delete image /files/2.png",
        "remove fork",
        "remove spoon",
    ]
    counts = {k: v for k, v in report.counts.items() if v}
    assert counts == {
        "tags_created": 1, "images_created": 1, "labels_added": 3, "labels_removed": 2, "images_deleted": 1,
    }  # fmt: skip
    assert await shelf.writes() == {
        "CreateTag": 1, "CreateImagesFromUrls": 1, "CreateImageRegions": 1, "DeleteImageRegions": 1,
        "DeleteImages": 1,
    }  # fmt: skip
    assert (await shelf.plan(manifest, prune=Prune.DELETE)).is_empty


@pytest.mark.parametrize("version", ["v2.0", "v3.3"])
async def test_paths_go_as_bytes(start_shelf: Any, tmp_path: Path, version: str) -> None:
    shelf = await start_shelf(api_version=version)
    (tmp_path / "in").mkdir()
    for n in range(3):
        (tmp_path / "in" / f"{n}.png").write_bytes(make_png(n))
    manifest = write_csv(tmp_path / "m.csv", [{"path": f"in/{n}.png", "tag": "a"} for n in range(3)])

    await shelf.push(manifest)

    assert (await shelf.writes())["CreateImagesFromFiles"] == 1
    assert len(await shelf.images()) == 3


async def test_tags_stay_what_they_are(shelf: Shelf, tmp_path: Path) -> None:
    tags = ["007", "NA", "null", "true", "Größe ✓", "1e5"]
    lines = [f"{shelf.url(f'{n}.png')},{tag}" for n, tag in enumerate(tags)]
    manifest = tmp_path / "m.csv"
    manifest.write_bytes(("\ufeff" + "\r\n".join(["url,tag", *lines]) + "\r\n").encode())

    await shelf.push(manifest)

    assert await shelf.tags() == sorted(tags)


async def test_lost_ledger_heals_itself(shelf: Shelf, manifest: Path, tmp_path: Path) -> None:
    await shelf.push(manifest)
    before = boxes_by_key(await shelf.images())
    shelf.state = tmp_path / "new-state"

    report = await shelf.push(manifest)
    await shelf.forget()
    await shelf.push(manifest)

    assert report.counts["images_created"] == 0
    assert report.counts["images_adopted"] == 6
    assert boxes_by_key(await shelf.images()) == before
    assert await shelf.writes() == {}


async def test_same_bytes_under_two_keys_are_one_image(shelf: Shelf, tmp_path: Path) -> None:
    (shelf.folder / "twin.png").write_bytes((shelf.folder / "0.png").read_bytes())
    rows = [{"url": shelf.url("0.png"), "tag": "a"}, {"url": shelf.url("twin.png"), "tag": "b"}]
    manifest = write_csv(tmp_path / "m.csv", rows)
    new = NewProject(type=ProjectType.MULTILABEL)

    await shelf.push(manifest, create=new)
    await shelf.forget()
    await shelf.push(manifest, create=new)

    (image,) = await shelf.images()
    assert {tag.tag_name for tag in image.tags} == {"a", "b"}
    assert await shelf.writes() == {}


@pytest.mark.parametrize(
    ("rows", "type_"),
    [
        ([{"tag": "a"}, {"tag": "b"}], ProjectType.MULTICLASS),
        ([{"tag": "a", "left": 0.1, "top": 0.1, "width": 0.1, "height": 0.1}], ProjectType.DETECTION),
    ],
)
async def test_new_project_is_of_the_type_that_the_manifest_needs(
    shelf: Shelf, tmp_path: Path, rows: list[dict[str, Any]], type_: ProjectType
) -> None:
    rows = [{"url": shelf.url(f"{n}.png")} | row for n, row in enumerate(rows)]

    await shelf.push(write_csv(tmp_path / "m.csv", rows))

    created = next(e for e in shelf.events if e.name == "project_created")
    assert created.facts["type"] == type_


async def test_tag_without_box_does_not_fit_a_detection_project(shelf: Shelf, tmp_path: Path) -> None:
    rows = boxed_rows(shelf, 3)
    rows.append(dict.fromkeys(rows[0], "") | {"url": shelf.url("5.png"), "tag": "fork"})

    report = await shelf.push(write_csv(tmp_path / "m.csv", rows))

    refused = [e.facts for e in shelf.events if e.name == "item_refused"]
    assert [(f["row"], f["code"]) for f in refused] == [(4, "E101")]
    assert report.counts["images_created"] == 3


async def test_project_must_exist_unless_it_is_to_be_created(shelf: Shelf, manifest: Path) -> None:
    with pytest.raises(MissingProjectError, match="--create-project"):
        await shelf.push(manifest, create=None)


async def test_unknown_domain_is_named_beside_those_there_are(shelf: Shelf, manifest: Path) -> None:
    with pytest.raises(SettingsError, match=r"no detection domain 'Fod'.*General"):
        await shelf.push(manifest, create=NewProject(domain="Fod"))


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "status"])
async def test_faults_on_the_way_lose_and_double_nothing(shelf: Shelf, manifest: Path, kind: str) -> None:
    fault = {"operation": "CreateImagesFromUrls", "kind": kind, "count": 2}
    if kind == "status":
        fault |= {"status": 429, "retry_after": 0}
    await shelf.control("POST", "faults", [fault])

    report = await shelf.push(manifest)

    assert report.is_complete
    assert len(await shelf.images()) == 6
    assert len(boxes_by_key(await shelf.images())) == 6


async def test_shuffled_and_half_failed_answers_are_read_one_by_one(shelf: Shelf, tmp_path: Path) -> None:
    manifest = write_csv(tmp_path / "m.csv", boxed_rows(shelf, 10))
    await shelf.control(
        "POST",
        "faults",
        [
            {"operation": "CreateImagesFromUrls", "kind": "partial", "image_status": "ErrorStorage",
             "every": 3, "count": 1},
            {"operation": "CreateImagesFromUrls", "kind": "shuffle", "seed": 1},
        ],
    )  # fmt: skip

    report = await shelf.push(manifest)

    assert report.counts["images_created"] == report.counts["labels_added"] == 10
    assert report.is_complete
    assert {n["submissions"] for n in await shelf.sources()} == {1}


async def test_cutlery_by_url_and_from_parquet(start_shelf: Any, cutlery: Path, tmp_path: Path) -> None:
    shelf = await start_shelf(folder=cutlery)
    table = pq.read_table(cutlery / "manifest.parquet")
    with_urls = table.set_column(0, "url", [[shelf.url(p) for p in table["path"].to_pylist()]])
    manifest = tmp_path / "m.parquet"
    pq.write_table(with_urls, manifest)

    report = await shelf.push(manifest)
    await shelf.forget()
    await shelf.push(manifest)

    assert (report.counts["tags_created"], report.counts["images_created"]) == (2, 40)
    names = ("left", "top", "width", "height")
    wanted = sorted(zip(table["tag"].to_pylist(), *(table[n].to_pylist() for n in names), strict=True))
    stored = [(tag, *(float(np.float32(v)) for v in box)) for tag, *box in boxes_by_key(await shelf.images())]
    assert stored == [(t, *(float(np.float32(v)) for v in box)) for t, *box in wanted]
    assert await shelf.writes() == {}


@pytest.mark.parametrize("adopt", Adopt)
async def test_an_image_that_fails_as_its_lost_batch_is_sent_again_is_sent_once_more(
    shelf: Shelf, manifest: Path, adopt: Adopt
) -> None:
    lost = {"operation": "CreateImagesFromUrls", "kind": "reset_after", "count": 1}
    fails = lost | {"kind": "partial", "image_status": "ErrorUnknown", "every": 2, "skip": 1}
    await shelf.control("POST", "faults", json=[lost, fails])

    report = await shelf.push(manifest, run=replace(QUICK, adopt=adopt))

    assert report.is_complete
    assert len(await shelf.images()) == len(boxes_by_key(await shelf.images())) == 6
