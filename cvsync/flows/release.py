"""From data to a model in use: train -> judge -> publish -> export, one ordering for every verb."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from cvsync.api.listing import fetch_snapshot, project_type
from cvsync.errors import TrainingError
from cvsync.events import tell
from cvsync.flows.carry import hold
from cvsync.flows.export import ExportTarget, export
from cvsync.flows.iterations import choose_iteration
from cvsync.flows.released import Released
from cvsync.flows.service import Service
from cvsync.flows.status import require_project
from cvsync.flows.train import Training, TrainOptions
from cvsync.model import Project, ProjectType
from cvsync.plan.saved import fingerprint_state
from cvsync.run.settings import GRACE
from cvsync.run.work import Sleep
from cvsync.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """What is to become of a project's data; each step only if it is asked for."""

    train: TrainOptions | None = None
    iteration: str | None = None
    """Without a training: the name or id of the iteration; None: the latest trained one."""
    exports: tuple[ExportTarget, ...] = ()
    export_folder: Path = Path("exports")

    @property
    def has_ends(self) -> bool:
        """Whether anything is to become of the model."""
        return bool(self.exports)

    def check(self, version: str) -> None:
        """Refuse what a version of the API cannot do, before anything is done.

        Raises:
            UnsupportedError: It cannot.
        """
        if self.train is not None:
            self.train.check(version)


async def release_project(
    service: Service,
    wanted: str,
    request: ReleaseRequest,
    *,
    grace: float = GRACE,
    sleep: Sleep = asyncio.sleep,
) -> Released:
    """Make a model of what a project holds, as a run of its own; safe to repeat after any end.

    Raises:
        MissingProjectError: There is no such project.
        LockedError: Another run works on it.
        UnsupportedError: The API version cannot do it; nothing was done.
        TrainingError: Training, a gate or an export failed.
    """
    request.check(service.client.api_version)
    project = await require_project(service, wanted)
    type_ = await project_type(service.client, project)
    with hold(service, project.id) as carrier:
        left = carrier.ledger.in_doubt()
        if left:
            text = f"a push that was killed left {left} requests unsettled; push again to be sure of the data"
            tell(service.observer, "warning", text=text)
        release = Release(service, project, type_, carrier.ledger.notes, grace=grace, sleep=sleep)
        return await release.carry_out(request)


@dataclass(frozen=True, kw_only=True)
class Release:
    """The steps, for whoever holds the lock of the project."""

    service: Service = field(kw_only=False)
    project: Project = field(kw_only=False)
    type_: ProjectType = field(kw_only=False)
    notes: MutableMapping[str, Any] = field(kw_only=False)
    """The ledger's: what earlier runs came to, and what a dead one had begun."""
    snapshot: Snapshot | None = None
    """What the project holds, where that is known."""
    grace: float = GRACE
    sleep: Sleep = asyncio.sleep

    async def carry_out(self, request: ReleaseRequest) -> Released:
        """Do what is asked for, in order; the first step that fails ends it.

        Raises:
            TrainingError: Training, a gate or an export failed.
            MissingIterationError: There is no such iteration, or none yet.
        """
        training = await self._training(request.train) if request.train is not None else None
        try:
            released = await self._steps(request, training)
        except TrainingError:
            if training is not None:
                training.forget()  # what came of it is told: another run trains anew
            raise
        if training is not None:
            training.forget()
        return released

    async def _steps(self, request: ReleaseRequest, training: Training | None) -> Released:
        client = self.service.client
        if training is not None:
            iteration = await training.run()
        else:
            iteration = await choose_iteration(client, self.project.id, request.iteration)
        released = Released(iteration)
        for target in request.exports:
            path = await export(self.service, self.project, iteration, target, folder=request.export_folder)
            released.exports.append(path)
        return released

    async def _training(self, options: TrainOptions) -> Training:
        snapshot = self.snapshot or await fetch_snapshot(self.service.client, self.project, self.type_)
        return Training(
            self.service.client, self.project.id, options=options, notes=self.notes, type_=self.type_,
            state=await asyncio.to_thread(lesson, snapshot, options), observer=self.service.observer,
            grace=self.grace, sleep=self.sleep,
        )  # fmt: skip


def lesson(snapshot: Snapshot, options: TrainOptions) -> str:
    """Give a text that changes whenever a training would learn something else, or in another way."""
    settings = snapshot.project.settings
    facts = [fingerprint_state(snapshot), settings.domain_id, settings.classification_type, options.call]
    return hashlib.sha256(orjson.dumps(facts)).hexdigest()
