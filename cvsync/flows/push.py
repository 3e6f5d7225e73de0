"""Making a project equal to a manifest: `cvsync push`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cvsync.flows.carry import Carrier, Files, Report, hold
from cvsync.flows.desired import Desired
from cvsync.flows.export import ExportTarget, export
from cvsync.flows.plan import PlanRequest, meet, prepare
from cvsync.flows.service import Service
from cvsync.flows.train import train
from cvsync.manifest import rejects_suffix, write_rejects
from cvsync.model import Project
from cvsync.run.private import make_folder
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
        await carrier.settle(desired.type, desired.labels)
        prepared = await prepare(service, request, project, desired, carrier.ledger.known())
        try:
            await carrier.carry_out(prepared.plan, files=request.files)
        finally:
            await asyncio.to_thread(_reject, carrier, prepared.desired, request)
        if not service.stop.requested:
            await _make_model(service, request, project, carrier.report)
    return carrier.report


def _reject(carrier: Carrier, desired: Desired, request: PushRequest) -> None:
    """Write all refused rows where they can be mended, whatever ended the run."""
    carrier.report.counts["rows_refused"] = len(desired.problems)
    rows = [*_refused_rows(carrier, desired)]
    if rows:
        path = request.rejects or carrier.folder / f"rejects{rejects_suffix(desired.manifest)}"
        make_folder(path.parent)
        write_rejects(desired.manifest, path, rows)
        carrier.report.rejects = path


def _refused_rows(carrier: Carrier, desired: Desired) -> Iterator[tuple[str, int, str, str]]:
    for problem in desired.problems:
        yield problem.source, problem.row, problem.code, problem.message
    for refusal in carrier.work.outcomes.refusals:
        for origin in refusal.action.origins:
            yield origin.source, origin.row, refusal.code, refusal.message


async def _make_model(service: Service, request: PushRequest, project: Project, report: Report) -> None:
    if not request.train and not request.exports:
        return
    iteration = await train(service.client, project.id, observer=service.observer)
    for target in request.exports:
        path = await export(service, project, iteration, target, folder=request.export_folder)
        report.exports.append(path)
