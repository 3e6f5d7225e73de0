"""Two resources, and copies from the one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emulator_fixtures import DETECTION
from make import make_png
from shelf import QUICK, Shelf

from cvsync.api.client import Client
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
