"""From data to a model in use: train -> judge -> publish -> export, one ordering for every verb."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from cvsync.api.listing import fetch_snapshot
from cvsync.api.versions import require_operation
from cvsync.errors import TrainingError
from cvsync.events import tell
from cvsync.flows.carry import hold
from cvsync.flows.export import ONLY_COMPACT, Exporter, ExportTarget
from cvsync.flows.iterations import choose_iteration, in_service
from cvsync.flows.judge import Gate, Judgement, judge
from cvsync.flows.project import require_project, require_with_type
from cvsync.flows.publish import Publication, Publisher
from cvsync.flows.released import Released
from cvsync.flows.service import Service
from cvsync.flows.train import Training, TrainOptions
from cvsync.model import Iteration, Project, ProjectType
from cvsync.plan.saved import fingerprint_state
from cvsync.predictions import IterationPerformance
from cvsync.run.settings import GRACE
from cvsync.run.work import Sleep
from cvsync.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """What is to become of a project's data; each step only if it is asked for."""

    train: TrainOptions | None = None
    iteration: str | None = None
    """Without a training: the name or id of the iteration; None: the latest trained one."""
    gate: Gate = field(default_factory=Gate)
    """What the model must be like for the steps after."""
    publish: Publication | None = None
    exports: tuple[ExportTarget, ...] = ()
    export_folder: Path = Path("exports")

    @property
    def has_ends(self) -> bool:
        """Whether anything is to become of the model."""
        return self.publish is not None or bool(self.exports)

    def check(self, version: str) -> None:
        """Refuse what a version of the API cannot do, before anything is done.

        Raises:
            UnsupportedError: It cannot.
            SettingsError: Something is not as it must be.
        """
        if self.train is not None:
            self.train.check(version)
        if self.publish is not None:
            self.publish.check(version)


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
    project, type_ = await require_with_type(service, wanted)
    request.gate.check(service.client.api_version, type_)
    with hold(service, project.id) as carrier:
        left = carrier.ledger.in_doubt()
        if left:
            text = f"a push that was killed left {left} requests unsettled; push again to be sure of the data"
            tell(service.observer, "warning", text=text)
        release = Release(service, project, type_, carrier.ledger.notes, grace=grace, sleep=sleep)
        return await release.carry_out(request)


async def unpublish_iteration(service: Service, wanted: str, name: str) -> Iteration:
    """Take what is published under a name, or an iteration by its own name or id, from its endpoint.

    Raises:
        MissingProjectError, MissingIterationError: There is no such thing.
        LockedError: Another run works on the project.
        UnsupportedError: Before v3.0 nothing is published.
    """
    require_operation(service.client.api_version, "UnpublishIteration")
    project = await require_project(service, wanted)
    with hold(service, project.id) as carrier:
        publisher = Publisher(
            service.client, project.id, notes=carrier.ledger.notes, observer=service.observer
        )
        await publisher.resume()
        return await publisher.unpublish(name)


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
            TrainingError: Training, a gate, publishing or an export failed.
            MissingIterationError: There is no such iteration, or none yet.
        """
        publisher = self._publisher()
        await publisher.resume()
        training = await self._training(request, request.train) if request.train is not None else None
        try:
            released = await self._steps(request, training, publisher)
        except TrainingError:
            if training is not None:
                training.forget()  # what came of it is told: another run trains anew
            raise
        if training is not None:
            training.forget()
        return released

    async def _steps(
        self, request: ReleaseRequest, training: Training | None, publisher: Publisher
    ) -> Released:
        if training is not None:
            iteration = await training.run()
        else:
            iteration = await choose_iteration(self.service.client, self.project.id, request.iteration)
        released = Released(iteration)
        if training is not None or not request.gate.is_open:
            released.judgement = await self._judge(iteration, request)
        if request.publish is not None:
            await publisher.publish(iteration, request.publish)
            released.published = request.publish.name
        released.exports = await self._exporter(iteration, request.export_folder).export(request.exports)
        return released

    async def _judge(self, iteration: Iteration, request: ReleaseRequest) -> Judgement:
        """Ask what a model is like, tell it, and refuse one that is not good enough."""
        gate = request.gate
        performance = await self._performance(iteration, gate)
        before = await self._in_service(iteration, request) if gate.no_worse_than_published else None
        baseline = (before.name, await self._performance(before, gate)) if before is not None else None
        judged = judge(iteration.name, performance, gate, baseline)
        tell(self.service.observer, "judge", **judged.facts)
        if judged.failures:
            raise TrainingError(f"{iteration.name} is not good enough: {'; '.join(judged.failures)}")
        return judged

    async def _in_service(self, iteration: Iteration, request: ReleaseRequest) -> Iteration | None:
        """Give the model that would be replaced, else the last other one that is published; None: none is."""
        iterations = await self.service.client.get_iterations(self.project.id)
        named = in_service(iterations, request.publish.name) if request.publish else []
        if named:  # maybe the model itself, which then replaces none
            return named[0] if named[0].id != iteration.id else None
        return next((other for other in in_service(iterations) if other.id != iteration.id), None)

    async def _performance(self, iteration: Iteration, gate: Gate) -> IterationPerformance:
        return await self.service.client.get_iteration_performance(
            self.project.id, iteration.id, threshold=gate.threshold, overlap_threshold=gate.overlap
        )

    def _publisher(self) -> Publisher:
        return Publisher(
            self.service.client, self.project.id, notes=self.notes, observer=self.service.observer,
            grace=self.grace, sleep=self.sleep,
        )  # fmt: skip

    def _exporter(self, iteration: Iteration, folder: Path) -> Exporter:
        return Exporter(
            self.service, self.project, iteration, folder=folder, notes=self.notes, grace=self.grace,
            sleep=self.sleep,
        )  # fmt: skip

    async def _training(self, request: ReleaseRequest, options: TrainOptions) -> Training:
        snapshot = self.snapshot or await fetch_snapshot(self.service.client, self.project, self.type_)
        return Training(
            self.service.client, self.project.id, options=options, notes=self.notes, type_=self.type_,
            state=await asyncio.to_thread(lesson, snapshot, options), observer=self.service.observer,
            in_vain=await self._why_in_vain(request, snapshot), grace=self.grace, sleep=self.sleep,
        )  # fmt: skip

    async def _why_in_vain(self, request: ReleaseRequest, snapshot: Snapshot) -> str | None:
        """Say why no new model can pass the gate, or be exported where that is all; it may be paid for."""
        unknown = request.gate.unknown_to(tag.name for tag in snapshot.tags)
        if unknown:
            which = " and no tag ".join(unknown)
            return f"project {self.project.name} has no tag {which} to judge a model by"
        domain_id = self.project.settings.domain_id
        if not request.exports or request.publish is not None or domain_id is None:
            return None
        domain = await self.service.client.get_domain(domain_id)
        if domain.exportable:
            return None
        what = f"project {self.project.name} starts from domain {domain.name}"
        return f"{what}, whose models cannot be exported: {ONLY_COMPACT}"


def lesson(snapshot: Snapshot, options: TrainOptions) -> str:
    """Give a text that changes whenever a training would learn something else, or in another way."""
    settings = snapshot.project.settings
    facts = [fingerprint_state(snapshot), settings.domain_id, settings.classification_type, options.call]
    return hashlib.sha256(orjson.dumps(facts)).hexdigest()
