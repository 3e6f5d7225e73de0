"""Applying a plan that was made before: `cvsync apply`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cvsync.api.listing import fetch_snapshot
from cvsync.errors import GuardError, MissingProjectError
from cvsync.events import tell
from cvsync.flows.carry import Carrier, Files, Report, hold
from cvsync.flows.plan import summary
from cvsync.flows.project import require_with_type
from cvsync.flows.rejects import write_all_refused
from cvsync.flows.service import Service
from cvsync.manifest import recall
from cvsync.model import Project, ProjectType
from cvsync.plan.saved import SavedPlan, baseline, fingerprint_state, read_plan
from cvsync.run.settings import RunSettings
from cvsync.snapshot import Snapshot


async def apply_plan(
    service: Service,
    path: Path,
    *,
    project: str | None = None,
    files: Files | None = None,
    rejects: Path | None = None,
    settings: RunSettings | None = None,
) -> Report:
    """Apply a saved plan to the project that it was made for, if that is as it was then.

    Refused rows go to ``rejects``, or to a file in the run's folder, as they stand in the manifest; where
    that is gone or was changed, as the plan has them. Where ``project`` is given, by name or id, the plan
    must be of it.

    Raises:
        SettingsError: The file is no plan.
        PlanError: It is one of another cvsync.
        GuardError: The plan is for another project, or the project has changed since; nothing was sent.
        MissingProjectError: The project is gone.
        LockedError: Another run works on this project.
    """
    saved = await asyncio.to_thread(read_plan, path)
    if saved.destination.casefold() != service.destination.casefold():
        raise GuardError(
            f"the plan was made for {saved.destination}, not for {service.destination}; nothing was sent"
        )
    try:
        found, type_ = await require_with_type(service, saved.plan.project_id)
    except MissingProjectError:
        said = f"the plan's project {saved.plan.project_id} is gone; nothing was sent"
        raise MissingProjectError(said) from None
    if project is not None and project != found.name and project.lower() != found.id:
        raise GuardError(f"the plan was made for {found.name!r}, not for {project!r}; nothing was sent")
    with hold(service, found.id, settings) as carrier:
        await carrier.settle(saved.plan.type)
        snapshot = await _unchanged(service, found, type_, saved)
        tell(service.observer, "plan_summary", **summary(saved.plan))
        carrier.note_origin(saved.plan)
        carrier.ledger.see(baseline(saved.plan, snapshot, carrier.ledger.known()))
        try:
            await carrier.carry_out(saved.plan, files=files, listed=snapshot.tags)
        finally:
            await asyncio.to_thread(_reject, carrier, saved, rejects)
    return carrier.report


def _reject(carrier: Carrier, saved: SavedPlan, wanted: Path | None) -> None:
    if carrier.work.outcomes.refusals:
        manifest = recall(saved.manifest) if saved.manifest else None
        write_all_refused(carrier, manifest, wanted=wanted)


async def _unchanged(service: Service, project: Project, type_: ProjectType, saved: SavedPlan) -> Snapshot:
    snapshot = await fetch_snapshot(service.client, project, type_)
    if fingerprint_state(snapshot) != saved.state:
        raise GuardError(
            "the project has changed since the plan was made; nothing was sent. Make the plan again"
        )
    return snapshot
