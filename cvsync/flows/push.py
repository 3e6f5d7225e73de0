"""Making a project equal to a manifest: `cvsync push`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from cvsync.flows.carry import Carrier, Files, Report, hold
from cvsync.flows.desired import Desired
from cvsync.flows.export import ExportTarget, export
from cvsync.flows.plan import Aim, PlanRequest, meet, prepare
from cvsync.flows.rejects import write_all_refused
from cvsync.flows.service import Service
from cvsync.flows.train import train
from cvsync.model import Project
from cvsync.run.settings import RunSettings


@dataclass(frozen=True, kw_only=True)
class PushRequest(PlanRequest):
    """What a push is asked to do."""

    rejects: Path | None = None
    """Where refused rows go; None: a file in the run's folder."""
    files: Files | None = None
    run: RunSettings = field(default_factory=RunSettings)
    train: bool = False
    exports: tuple[ExportTarget, ...] = ()
    export_folder: Path = Path("exports")


async def push(service: Service, request: PushRequest) -> Report:
    """Make a project hold what a manifest says; safe to repeat after any end.

    Raises:
        ManifestError: The manifest cannot be used, or has a bad row under ``strict``; nothing was sent.
        GuardError: It would do more than it may; nothing was sent.
        LockedError: Another run works on this project.
        ServiceError: The service refused the run as a whole.
        TransportError: No answer came, however often it was tried.
        TrainingError: The data is in, but training or export failed.
    """
    project, desired = await meet(service, request, dry=False)
    with hold(service, project.id, request.run) as carrier:
        await make_equal(
            service, request, project, desired, carrier, files=request.files, rejects=request.rejects
        )
        if not service.stop.requested:
            await _make_model(service, request, project, carrier.report)
    return carrier.report


async def make_equal(
    service: Service,
    aim: Aim,
    project: Project,
    desired: Desired,
    carrier: Carrier,
    *,
    files: Files | None = None,
    rejects: Path | None = None,
) -> None:
    """Make a project hold what is wanted: settle what dead runs left, plan, carry out, write rejects."""
    await carrier.settle(desired.type, desired.labels)
    prepared = await prepare(service, aim, project, desired, carrier.ledger.known())
    try:
        await carrier.carry_out(prepared.plan, files=files)
    finally:
        await asyncio.to_thread(_reject, carrier, prepared.desired, rejects)


def _reject(carrier: Carrier, desired: Desired, wanted: Path | None) -> None:
    """Write all refused rows, whatever ended the run."""
    carrier.report.counts["rows_refused"] = len(desired.problems)
    write_all_refused(carrier, desired.manifest, desired.problems, wanted=wanted)


async def _make_model(service: Service, request: PushRequest, project: Project, report: Report) -> None:
    if not request.train and not request.exports:
        return
    iteration = await train(service.client, project.id, observer=service.observer)
    for target in request.exports:
        path = await export(service, project, iteration, target, folder=request.export_folder)
        report.exports.append(path)
