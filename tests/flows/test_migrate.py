"""Making a project equal to another one, on another resource and API version."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import StartShelf
from make import make_png
from shelf import QUICK, Shelf
from terminal import StartServed, Terminal

from cvsync.api.client import Client, open_client
from cvsync.api.images import FileEntry
from cvsync.flows.carry import Report
from cvsync.flows.migrate import MigrateRequest, migrate, plan_migration
from cvsync.flows.project import NewProject
from cvsync.flows.verify import Verification, VerifyRequest, verify
from cvsync.model import Project, Region
from cvsync.plan import Plan


@dataclass
class Pair:
    """Two resources; the project ``shelf`` of the one goes to ``copy`` of the other."""

    source: Shelf
    copy: Shelf

    def request(self, **options: Any) -> MigrateRequest:
        options = {"source": "shelf", "project": "copy", "create": NewProject(), "run": QUICK} | options
        return MigrateRequest(**options)

    async def migrate(self, **options: Any) -> Report:
        async with self.source.service() as source, self.copy.service() as service:
            return await migrate(source, service, self.request(**options))

    async def plan(self, **options: Any) -> Plan:
        async with self.source.service() as source, self.copy.service() as service:
            return (await plan_migration(source, service, self.request(**options))).plan

    async def verify(self, **options: Any) -> Verification:
        options = {"source": "shelf", "project": "copy", "sample": None} | options
        async with self.source.service() as source, self.copy.service() as service:
            return await verify(service, VerifyRequest(**options), source=source)


@pytest.fixture
async def pair(start_shelf: StartShelf, tmp_path: Path) -> Pair:
    """An empty resource of v2.2 and one of v3.3."""
    source = await start_shelf(tmp_path / "pictures", "v2.2")
    copy = await start_shelf(tmp_path / "others", "v3.3")
    return Pair(source, replace(copy, state=tmp_path / "state-copy"))


@pytest.fixture
async def client(pair: Pair) -> AsyncIterator[Client]:
    """Of the source."""
    async with open_client(pair.source.settings) as (client, _):
        yield client


async def make_detection(client: Client, count: int = 6) -> Project:
    """A project with pictures of two boxes, one box and none, a description, and a tag that none carries."""
    (domain,) = [d for d in await client.get_domains() if (d.name, d.type) == ("General", "ObjectDetection")]
    project = await client.create_project("shelf", description="What is on it", domain_id=domain.id)
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
