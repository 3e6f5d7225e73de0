"""Making a project equal to another one, on another resource and API version."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import StartShelf
from emulator_fixtures import DETECTION
from look import all_images
from make import make_png
from pairs import Pair, make_detection
from terminal import StartServed, Terminal

from cvsync.api.client import Client, open_client
from cvsync.api.images import FileEntry
from cvsync.errors import PlanError, SettingsError
from cvsync.flows.migrate import migrate
from cvsync.flows.wanted import Wanted
from cvsync.model import Image, Project, Region
from cvsync.plan import Prune


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
        (("--from-endpoint", "http://127.0.0.1:9/customvision/v3.3"), "--from-endpoint is more than"),
        (("--from-api-version", "v2.2"), "give its --from-endpoint too"),
    ],
)
def test_what_is_missing_to_reach_the_source_is_said(
    terminal: Terminal, arguments: tuple[str, ...], said: str
) -> None:
    ran = terminal.run("migrate", *arguments, "shelf", "copy")

    assert ran.code == 2
    assert said in ran.err
