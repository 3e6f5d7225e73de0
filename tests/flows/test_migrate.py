"""Making a project equal to another one, on another resource and API version."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count, permutations
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from conftest import StartShelf
from emulator_fixtures import DETECTION
from look import all_images
from make import make_png, write_csv
from pairs import Pair
from shelf import QUICK, Shelf
from terminal import StartServed, Terminal

from cvsync.api.client import Client, open_client
from cvsync.api.images import FileEntry
from cvsync.emulator.links import Links as EmulatorLinks
from cvsync.errors import GuardError, PlanError, SettingsError
from cvsync.flows.migrate import migrate
from cvsync.flows.source import renamed_tags
from cvsync.flows.wanted import Wanted
from cvsync.model import Image, Project, ProjectType, Region, Tag
from cvsync.plan import Action, Prune
from cvsync.run.links import Links
from cvsync.run.origin import Origin
from cvsync.snapshot import Snapshot


@pytest.fixture
async def client(pair: Pair) -> AsyncIterator[Client]:
    """Of the source."""
    async with open_client(pair.source.settings) as (client, _):
        yield client


async def make_detection(client: Client, count: int = 6) -> Project:
    """A project with pictures of two boxes, one box and none, a description, and a tag that none carries."""
    project = await client.create_project("shelf", description="What is on it", domain_id=DETECTION)
    fork = await client.create_tag(project.id, "fork")
    spoon = await client.create_tag(project.id, "Löffel", description="für Suppe")
    await client.create_tag(project.id, "unused", description="not yet")
    boxes = [
        (Region(fork.id, 0.1, 0.2, 0.3, 0.4), Region(spoon.id, 0.5, 0.25, 0.25, 0.125)),
        (Region(spoon.id, 0.0, 0.0, 1.0, 1.0),),
        (),
    ]
    files = [FileEntry(f"{n}.png", make_png(n), (), boxes[n % 3]) for n in range(count)]
    await client.create_images_from_files(project.id, files)
    return project


async def test_a_copy_is_equal_and_a_second_run_writes_nothing(pair: Pair, client: Client) -> None:
    await make_detection(client)

    report = await pair.migrate()
    await pair.copy.forget()
    again = await pair.migrate()

    assert report.counts["images_created"] == 6
    assert report.counts["labels_added"] == 6
    assert again.counts == {"rows_refused": 0}
    assert await pair.copy.writes() == {}
    found = await pair.verify()
    assert found.differences == ()
    assert found.compared == 6


async def test_a_new_copy_is_made_like_the_source(pair: Pair, client: Client) -> None:
    await make_detection(client)

    await pair.migrate()

    async with open_client(pair.copy.settings) as (copy, _):
        (project,) = await copy.get_projects()
        domain = await copy.get_domain(project.settings.domain_id or "")
        tags = {tag.name: tag.description for tag in await copy.get_tags(project.id)}
    assert (project.description, domain.name, domain.type) == ("What is on it", "General", "ObjectDetection")
    assert tags == {"fork": None, "Löffel": "für Suppe", "unused": "not yet"}


async def test_a_dry_run_touches_nothing(pair: Pair, client: Client) -> None:
    await make_detection(client)

    plan = await pair.plan()

    assert [str(a).partition(" http")[0].split()[:2] for a in plan.actions()][:3] == [["create", "tag"]] * 3
    assert plan.after.images == 6
    assert await pair.copy.writes() == {}


async def test_cutlery_moves_to_another_version(
    start_shelf: StartShelf, tmp_path: Path, cutlery: Path
) -> None:
    """By URL from link to link."""
    source = await start_shelf(cutlery, "v2.2")
    await source.push(cutlery / "manifest.csv", files=(cutlery, source.url("").rstrip("/")))
    pair = Pair(source, replace(await start_shelf(tmp_path, "v3.3"), state=tmp_path / "state-copy"))

    report = await pair.migrate()

    found = await pair.verify()
    assert found.differences == ()
    assert found.compared == report.counts["images_created"] == len(await source.images()) > 20
    assert (await pair.copy.writes()).keys() == {"CreateImagesFromUrls", "CreateProject", "CreateTag"}


async def test_exactly_the_edits_are_sent(pair: Pair, client: Client) -> None:
    """Ten of them, of every kind."""
    project = await make_detection(client, 12)
    await pair.migrate()
    await pair.copy.forget()
    fork, spoon = sorted(await client.get_tags(project.id), key=lambda tag: tag.name)[::2]
    two, bare = await boxed(client, project, 2), await boxed(client, project, 0)
    box = Region(fork.id, 0.7, 0.1, 0.2, 0.2)

    await client.delete_images(project.id, [two[0].id])
    await client.create_images_from_files(project.id, [FileEntry("a.png", make_png(50), (), [box])])
    await client.create_images_from_files(project.id, [FileEntry("b.png", make_png(51))])
    await client.create_image_regions(project.id, [(two[1].id, box)])
    await client.delete_image_regions(project.id, [two[2].regions[0].region_id or ""])
    moved = two[3].regions[0]
    await client.delete_image_regions(project.id, [moved.region_id or ""])
    await client.create_image_regions(project.id, [(two[3].id, replace(moved, left=moved.left + 0.001))])
    await client.create_image_regions(project.id, [(bare[0].id, box), (bare[1].id, box)])
    await client.update_tag(project.id, spoon.id, {"name": spoon.name, "description": "for soup"})
    await client.create_tag(project.id, "knife", description="sharp")
    report = await pair.migrate(prune=Prune.DELETE)

    assert +report.counts == {
        "images_created": 2, "images_deleted": 1, "labels_added": 5, "labels_removed": 2,
        "tags_created": 1, "tags_renamed": 1,
    }  # fmt: skip
    assert await pair.copy.writes() == {
        "CreateTag": 1, "UpdateTag": 1, "CreateImagesFromUrls": 1, "CreateImageRegions": 1,
        "DeleteImageRegions": 1, "DeleteImages": 1,
    }  # fmt: skip
    assert (await pair.verify()).differences == ()


async def boxed(client: Client, project: Project, boxes: int) -> list[Image]:
    """The images with so many boxes, oldest first."""
    images = await all_images(client, project.id)
    return [image for image in images if len(image.regions) == boxes]


async def test_what_else_is_in_the_copy_stays(pair: Pair, client: Client) -> None:
    """Also where it is the same picture: that one gets the labels that it lacks."""
    await make_detection(client)
    async with open_client(pair.copy.settings) as (copy, _):
        project = await copy.create_project("copy", domain_id=DETECTION)
        tag = await copy.create_tag(project.id, "LÖFFEL")
        same = FileEntry("same.png", make_png(0), (), [Region(tag.id, 0.5, 0.25, 0.25, 0.125)])
        other = FileEntry("other.png", make_png(99), (), [Region(tag.id, 0, 0, 1, 1)])
        await copy.create_images_from_files(project.id, [same, other])

    report = await pair.migrate(create=None)
    again = await pair.migrate(create=None)

    assert (report.counts["images_created"], report.counts["images_adopted"]) == (5, 1)
    assert +again.counts == {}
    assert (await pair.verify()).counts == {"image extra": 1}
    assert (await pair.verify(extra_is_fine=True)).is_equal


@pytest.mark.parametrize(
    ("options", "images", "tags"),
    [
        ({"tagged": True}, 4, {"fork", "Löffel"}),
        ({"tagged": False}, 2, set[str]()),
        ({"tags": ("FORK",)}, 2, {"fork", "Löffel"}),
        ({"tags": ("fork", "Löffel")}, 4, {"fork", "Löffel"}),
        ({"until": datetime(2018, 1, 1, tzinfo=UTC)}, 0, set[str]()),
    ],
)
async def test_some_images_only(
    pair: Pair, client: Client, options: dict[str, Any], images: int, tags: set[str]
) -> None:
    await make_detection(client)

    report = await pair.migrate(wanted=Wanted(**options))

    assert report.counts["images_created"] == images
    assert set(await pair.copy.tags()) == tags


async def test_tags_get_other_names_on_the_way(pair: Pair, client: Client) -> None:
    """Two that get the same name are one from then on."""
    project = await make_detection(client, 3)
    await client.create_tag(project.id, "cup")

    await pair.migrate(tag_map={"löffel": "spoon", "unused": "CUP"})

    assert await pair.copy.tags() == ["CUP", "fork", "spoon"]
    assert sorted(len(image.regions) for image in await pair.copy.images()) == [0, 1, 2]
    again = await pair.plan(tag_map={"löffel": "spoon", "unused": "CUP"})
    assert again.is_empty


@pytest.mark.parametrize("order", [*permutations(range(4))])
async def test_the_order_of_tags_decides_nothing_where_two_become_one(order: tuple[int, ...]) -> None:
    names = ("fork", "cup", "unused", "Tasse")
    tags = [Tag(f"id-{n}", name, description=f"{name}!" if n > 1 else None) for n, name in enumerate(names)]
    contents = Snapshot.empty(Project("p", "shelf"), ProjectType.DETECTION, [tags[n] for n in order])

    renamed = renamed_tags(contents, {"tasse": "CUP", "unused": "CUP"})

    assert {(tag.id, tag.name, tag.description) for tag in renamed.tags} == {
        ("id-0", "fork", None),
        ("id-1", "CUP", "Tasse!"),
    }


async def test_boxes_that_a_tag_has_twice_stay_two_where_others_become_one(
    pair: Pair, client: Client
) -> None:
    project = await client.create_project("shelf", domain_id=DETECTION)
    fork, cup, mug = [await client.create_tag(project.id, name) for name in ("fork", "cup", "mug")]
    box = (0.1, 0.2, 0.3, 0.4)
    boxes = tuple(Region(tag.id, *box) for tag in (fork, fork, cup, mug))
    await client.create_images_from_files(project.id, [FileEntry("0.png", make_png(0), (), boxes)])

    await pair.migrate(tag_map={"mug": "cup"})

    (image,) = await pair.copy.images()
    assert Counter(region.tag_name for region in image.regions) == {"fork": 2, "cup": 1}


async def test_images_whose_links_the_copy_cannot_read_go_through_this_machine(
    pair: Pair, client: Client
) -> None:
    await make_detection(client)
    unread = {"kind": "partial", "image_status": "ErrorSource", "every": 1}
    await pair.copy.control("POST", "faults", [unread | {"operation": "CreateImagesFromUrls"}])

    report = await pair.migrate()

    assert report.counts["images_created"] == 6
    assert (await pair.verify()).is_equal
    assert not [*pair.copy.state.rglob("fetched")]


async def test_links_that_are_about_to_be_over_are_read_anew(
    pair: Pair, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one call for the images of a batch, and what is sent is a link."""
    await make_detection(client)
    days = count(0, 100_000)
    monkeypatch.setattr("cvsync.flows.migrate.Links", partial(Links, clock=lambda: float(next(days))))
    await pair.source.forget()

    report = await pair.migrate()

    assert report.counts["images_created"] == 6
    assert await reads_by_id(pair.source) == (await pair.copy.writes())["CreateImagesFromUrls"]
    assert (await pair.copy.writes()).keys() == {"CreateProject", "CreateTag", "CreateImagesFromUrls"}
    assert (await pair.verify()).is_equal


async def test_links_that_turn_out_to_be_over_are_read_anew(
    pair: Pair, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The images are downloaded here then: nobody knew that their links live so short."""
    await make_detection(client)
    moments, uses = count(10), Counter[str]()

    def is_over(_: EmulatorLinks, expiry: str) -> bool:
        uses[expiry] += 1
        return uses[expiry] > 3

    monkeypatch.setattr(EmulatorLinks, "expiry", lambda _: f"2100-01-01T00:00:{next(moments)}Z")
    monkeypatch.setattr(EmulatorLinks, "is_over", is_over)
    await pair.source.forget()

    report = await pair.migrate()
    monkeypatch.undo()

    assert report.counts["images_created"] == 6
    assert await reads_by_id(pair.source) > 0
    assert (await pair.verify()).is_equal


async def reads_by_id(shelf: Shelf) -> int:
    counts = (await shelf.control("GET", "requests"))["by_operation"]
    return sum(counts.get("GetImagesByIds", {}).values())


async def test_an_image_that_goes_meanwhile_is_refused(
    pair: Pair, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = await make_detection(client)
    genuine = Origin.current

    async def late(self: Origin, actions: Sequence[Action]) -> tuple[Action, ...]:
        await client.delete_images(project.id, [actions[0].key or ""])
        return await genuine(self, actions)

    monkeypatch.setattr(Origin, "current", late)

    report = await pair.migrate()

    assert report.counts["refused"] >= 1
    assert report.counts["images_created"] + report.counts["refused"] == 6
    assert report.rejects is not None
    assert "ErrorSource" in report.rejects.read_text()
    assert (await pair.plan()).is_empty


async def test_paths_of_a_virtual_network_are_read_by_the_source(
    start_shelf: StartShelf, tmp_path: Path
) -> None:
    source = await start_shelf(tmp_path / "pictures", relative_links=True)
    pair = Pair(source, replace(await start_shelf(tmp_path / "others"), state=tmp_path / "state-copy"))
    async with open_client(source.settings) as (client, _):
        await make_detection(client)

    report = await pair.migrate()

    assert report.counts["images_created"] == 6
    assert "CreateImagesFromUrls" not in await pair.copy.writes()
    assert (await pair.verify()).is_equal


async def test_all_as_bytes(pair: Pair, client: Client) -> None:
    await make_detection(client)

    await pair.migrate(run=replace(QUICK, as_bytes=("*",)))

    assert "CreateImagesFromUrls" not in await pair.copy.writes()
    assert (await pair.verify()).is_equal


async def test_metadata_goes_along_and_marks_do_not(pair: Pair) -> None:
    pair.source.api_version = "v3.3"
    (pair.source.folder / "0.png").write_bytes(make_png(0))
    rows = [{"path": "0.png", "tag": "fork", "metadata.shop": "Süd"}]
    await pair.source.push(write_csv(pair.source.folder / "m.csv", rows))
    (before,) = await pair.source.images()

    await pair.migrate()

    (after,) = await pair.copy.images()
    assert after.metadata["shop"] == "Süd"
    assert before.metadata["cvsync_batch"] != after.metadata["cvsync_batch"]
    assert (await pair.verify()).is_equal


async def test_edited_metadata_is_sent_and_what_is_beside_it_stays(pair: Pair) -> None:
    pair.source.api_version = "v3.3"
    rows = [{"path": f"{n}.png", "tag": "fork", "metadata.shop": "Süd"} for n in range(3)]
    for n in range(3):
        (pair.source.folder / f"{n}.png").write_bytes(make_png(n))
    await pair.source.push(write_csv(pair.source.folder / "m.csv", rows))
    await pair.migrate()
    before = {image.id: image.metadata for image in await pair.copy.images()}
    async with open_client(pair.copy.settings) as (copy, _):
        project = await pair.copy.project_id(copy)
        for image_id, pairs in before.items():
            await copy.update_image_metadata(project, [image_id], {**pairs, "ours": "yes"})
    rows[1]["metadata.shop"] = "Nord"
    await pair.source.push(write_csv(pair.source.folder / "m.csv", rows))
    await pair.copy.forget()

    plan = await pair.plan()
    report = await pair.migrate()
    again = await pair.migrate()

    (action,) = plan.actions()
    assert str(action) == f"set metadata shop=Nord of {action.key}"
    assert (plan.unchanged, +report.counts, +again.counts) == (2, {"metadata_set": 1}, {})
    assert await pair.copy.writes() == {"UpdateImageMetadata": 1}
    after = {image.id: image.metadata for image in await pair.copy.images()}
    assert after == {
        image_id: {**pairs, "ours": "yes", "shop": "Nord" if image_id == action.image_id else "Süd"}
        for image_id, pairs in before.items()
    }
    assert (await pair.verify()).is_equal


async def test_an_older_version_takes_no_metadata_but_does_without_marks(pair: Pair) -> None:
    pair.source.api_version, pair.copy.api_version = "v3.3", "v2.2"
    (pair.source.folder / "0.png").write_bytes(make_png(0))
    row = {"path": "0.png", "tag": "fork"}
    await pair.source.push(write_csv(pair.source.folder / "m.csv", [row]))

    await pair.migrate()

    assert (await pair.verify()).is_equal


async def test_what_cannot_be_a_copy_is_refused(pair: Pair, client: Client) -> None:
    await make_detection(client)
    async with open_client(pair.copy.settings) as (copy, _):
        await copy.create_project("copy")

    with pytest.raises(PlanError, match="the one has boxes"):
        await pair.migrate()
    with pytest.raises(SettingsError, match="no tag 'spoon'"):
        await pair.migrate(wanted=Wanted(tags=("spoon",)))
    with pytest.raises(SettingsError, match="has no tag spoon"):
        await pair.migrate(tag_map={"spoon": "fork"})
    with pytest.raises(SettingsError, match="onto itself"):
        async with pair.source.service() as service:
            await migrate(service, service, pair.request(project="shelf"))
    assert await pair.copy.writes() == {"CreateProject": 1}


async def test_nothing_is_deleted_where_it_is_not_clear_what_is_gone(pair: Pair, client: Client) -> None:
    await make_detection(client)
    await pair.migrate()

    with pytest.raises(GuardError, match="not all images of the source"):
        await pair.migrate(prune=Prune.DELETE, wanted=Wanted(tagged=True))
    (pair.copy.folder / "x.png").write_bytes(make_png(70))
    manifest = write_csv(pair.copy.folder / "m.csv", [{"path": "x.png", "tag": None}])
    await pair.copy.push(manifest, project="copy", create=None)
    with pytest.raises(GuardError, match="was pushed to from a manifest too"):
        await pair.plan(prune=Prune.DELETE)
    with pytest.raises(GuardError, match="was pushed to from a manifest too"):
        await pair.migrate(prune=Prune.DELETE)


@pytest.mark.parametrize("planned", [False, True])
async def test_nothing_is_deleted_that_a_pulled_manifest_brought(
    pair: Pair, client: Client, planned: bool
) -> None:
    """Its keys look like those of a copy."""
    await make_detection(client)
    await pair.migrate()
    name = str(uuid4())
    (pair.copy.folder / "x.png").write_bytes(make_png(70))
    manifest = write_csv(pair.copy.folder / "m.csv", [{"path": "x.png", "key": name, "tag": None}])
    options: dict[str, Any] = {"project": "copy", "create": None}
    if planned:
        await pair.copy.save(pair.copy.folder / "plan", manifest, **options)
        await pair.copy.apply(pair.copy.folder / "plan")
    else:
        await pair.copy.push(manifest, **options)

    with pytest.raises(GuardError, match="was pushed to from a manifest too"):
        await pair.migrate(prune=Prune.DELETE)
    assert len(await pair.copy.images()) == 7


async def test_nothing_is_deleted_that_was_copied_from_elsewhere(pair: Pair, client: Client) -> None:
    await make_detection(client)
    other = await client.create_project("other", domain_id=DETECTION)
    await client.create_images_from_files(other.id, [FileEntry("x.png", make_png(70))])
    await pair.migrate()
    await pair.migrate(source="other")

    with pytest.raises(GuardError, match="was copied from another project too"):
        await pair.migrate(prune=Prune.DELETE)


def test_from_the_command_line_to_another_resource(
    terminal: Terminal, start_served: StartServed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And verify says so, down to the bytes."""
    terminal.push(terminal.manifest(terminal.rows(3)))
    monkeypatch.setenv("CVSYNC_FROM_TRAINING_KEY", "local-training-key")
    source = ("--from-endpoint", terminal.emulator.url, "--from-api-version", "v2.2")
    terminal.emulator = start_served(fetch=True)

    shown = terminal.run("migrate", *source, "shelf", "copy", "--create-project", "--dry-run")
    absent = terminal.run("verify", *source, "--source", "shelf", "-p", "copy")
    ran = terminal.run("migrate", *source, "shelf", "copy", "--create-project")
    same = terminal.run("verify", *source, "--source", "shelf", "-p", "copy", "--all-bytes")

    assert (shown.code, absent.code) == (0, 7)
    assert "3 images to create" in shown.out
    assert (ran.code, ran.out.strip()) == (0, "2 tags created, 3 images created, 3 labels added")
    assert (same.code, same.out.splitlines()[-1]) == (0, "equal")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from-endpoint", "old.example.com"), "is no http(s) URL"),
        (("--from-endpoint", "http://127.0.0.1:9"), "set CVSYNC_FROM_TRAINING_KEY"),
        (("--from-api-version", "v2.2"), "give its --from-endpoint too"),
    ],
)
def test_what_is_missing_to_reach_the_source_is_said(
    terminal: Terminal, arguments: tuple[str, ...], said: str
) -> None:
    ran = terminal.run("migrate", *arguments, "shelf", "copy")

    assert ran.code == 2
    assert said in ran.err
