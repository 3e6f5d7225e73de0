"""Two resources, and copies from the one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shelf import QUICK, Shelf

from cvsync.flows.carry import Report
from cvsync.flows.migrate import MigrateRequest, migrate, plan_migration
from cvsync.flows.project import NewProject
from cvsync.flows.verify import Verification, VerifyRequest, verify
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
