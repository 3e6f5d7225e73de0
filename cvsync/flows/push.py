"""Making a project equal to a manifest: `cvsync push`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

from cvsync.events import tell
from cvsync.flows.aim import Aim, PlanRequest
from cvsync.flows.carry import Carrier, Files, Report, hold
from cvsync.flows.desired import Desired
from cvsync.flows.folders import note_folder, warn_of_another_folder
from cvsync.flows.meeting import meet
from cvsync.flows.plan import Prepared, prepare
from cvsync.flows.rejects import write_all_refused
from cvsync.flows.release import Release, ReleaseRequest
from cvsync.flows.service import Service
from cvsync.model import Project
from cvsync.run.settings import Adopt, RunSettings

_ADDED = "images that are met in the project keep all their labels, since rows were refused (--adopt replace)"


@dataclass(frozen=True, kw_only=True)
class PushRequest(PlanRequest):
    """What a push is asked to do."""

    rejects: Path | None = None
    """Where refused rows go; None: a file in the run's folder."""
    files: Files | None = None
    run: RunSettings = field(default_factory=RunSettings)
    release: ReleaseRequest | None = None
    """What is to become of the data; None: nothing."""

    @property
    def deletes_despite_errors(self) -> bool:
        """As ``run`` has it."""
        return self.run.delete_despite_errors


async def push(service: Service, request: PushRequest) -> Report:
    """Make a project hold what a manifest says; safe to repeat after any end.

    Raises:
        ManifestError: The manifest cannot be used, or has a bad row under ``strict``; nothing was sent.
        GuardError: It would do more than it may; nothing was sent.
        LockedError: Another run works on this project.
        ServiceError: The service refused the run as a whole.
        TransportError: No answer came, however often it was tried.
        TrainingError: The data is in, but training, a gate or an export failed.
        UnsupportedError: The API version cannot do what is asked for; nothing was sent.
    """
    if request.release is not None:
        request.release.check(service.client.api_version)
    project, desired = await meet(service, request, dry=False)
    if request.release is not None:
        request.release.gate.check(service.client.api_version, desired.type)
    with hold(service, project.id, request.run) as carrier:
        prepared = await make_equal(
            service, request, project, desired, carrier, files=request.files, rejects=request.rejects
        )
        if request.release is not None and not service.stop.requested:
            await _release(service, prepared, carrier, request.release)
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
) -> Prepared:
    """Make a project hold what is wanted: settle what dead runs left, plan, carry out, write rejects.

    Returns:
        What was carried out.
    """
    await carrier.settle(desired.type, desired.labels)
    prepared = await _prepare(service, aim, project, desired, carrier)
    carrier.note_origin(prepared.plan)
    note_folder(carrier.ledger.notes, desired)
    if prepared.desired.problems and carrier.work.settings.adopt is Adopt.REPLACE:
        tell(service.observer, "warning", text=_ADDED)
        carrier.work.settings = replace(carrier.work.settings, adopt=Adopt.ADD)
    try:
        await carrier.carry_out(prepared.plan, files=files, listed=prepared.snapshot.tags)
    finally:
        await asyncio.to_thread(_reject, carrier, prepared.desired, rejects)
    return prepared


async def _prepare(
    service: Service, aim: Aim, project: Project, desired: Desired, carrier: Carrier
) -> Prepared:
    """Plan, and let go of what the ledger knows."""
    known = carrier.ledger.known()
    warn_of_another_folder(service, carrier.ledger.notes, desired, known)
    return await prepare(service, aim, project, desired, known)


async def _release(service: Service, prepared: Prepared, carrier: Carrier, request: ReleaseRequest) -> None:
    snapshot = prepared.snapshot
    release = Release(
        service, snapshot.project, snapshot.type, carrier.ledger.notes, grace=carrier.work.settings.grace,
        snapshot=snapshot if prepared.plan.is_empty else None, sleep=carrier.work.sleep,
    )  # fmt: skip
    carrier.report.released = await release.carry_out(request)


def _reject(carrier: Carrier, desired: Desired, wanted: Path | None) -> None:
    """Write all refused rows, whatever ended the run."""
    carrier.report.counts["rows_refused"] = desired.refused_rows
    write_all_refused(carrier, desired.manifest, desired.problems, wanted=wanted)
