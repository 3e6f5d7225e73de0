"""Having the services copy a project between themselves: `cvsync migrate --server-side`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from cvsync.api.listing import fetch_snapshot, project_type
from cvsync.api.versions import IMPORT_NAME_SINCE, is_at_least
from cvsync.errors import OverdueError, PlanError, SettingsError
from cvsync.events import tell
from cvsync.flows.carry import Report, hold
from cvsync.flows.digests import hash_images
from cvsync.flows.migrate import MigrateRequest, migrate
from cvsync.flows.project import find_among, require_project
from cvsync.flows.rebuild import match_content
from cvsync.flows.service import Service
from cvsync.flows.train import waits
from cvsync.known import KnownImages
from cvsync.model import Project
from cvsync.run.once import once
from cvsync.run.work import Sleep

_IMPORTING, _FAILED = "Importing", "Failed"
LONGEST_IMPORT = 24 * 3600.0  # seconds; recorded: for so long the link is signed that an import reads from
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 15.0
_NOTE = "import"  # in the copy's ledger, from the import's answer until the copy is whole


async def copy_by_services(
    source: Service, service: Service, request: MigrateRequest, *, sleep: Sleep = asyncio.sleep
) -> Report:
    """Have the source's service export a project and the target's import it, and see what came of it.

    Trained iterations come along. Which image of the copy is which of the source is found out by their bytes;
    what the copy lacks then is sent as ``migrate`` does. Safe to repeat after any end: from the import's
    answer until the copy is whole, its ledger notes what it is a copy of.

    Args:
        source: Of the project that is copied; v3.2 or later.
        service: Of the copy; v3.2 or later.
        request: What is copied; always all of it, into a new project.
        sleep: Waits between two looks at the import.

    Raises:
        SettingsError: There is a project of that name already, which no such run began.
        PlanError: The import failed.
        OverdueError: It takes too long.
        UnsupportedError: An API version has no such copies.
    """
    origin = await require_project(source, request.source)
    project = await _find_or_import(source, service, origin, request, sleep)
    project = await _wait(service, project, sleep)
    if service.stop.requested:
        return Report(service.name_run())
    if project.name != request.project:  # before v3.3 the service chooses the name
        await service.client.update_project(project.id, {"name": request.project})
    await _learn(source, service, origin, project)
    report = await migrate(source, service, replace(request, project=project.id, create=None))
    if not service.stop.requested:
        with service.open_ledger(project.id) as ledger:
            ledger.notes.pop(_NOTE, None)
    return report


async def _find_or_import(
    source: Service, service: Service, origin: Project, request: MigrateRequest, sleep: Sleep
) -> Project:
    """Begin the import, or go on with the one that a dead run began; the ledger notes which it is."""
    note = {"source": origin.id, "name": request.project}
    project = await _begun(service, note)
    if project is None:
        project = await _import(source, service, origin, request, sleep)
        with service.open_ledger(project.id) as ledger:
            ledger.notes[_NOTE] = note
    return project


async def _begun(service: Service, note: Mapping[str, str]) -> Project | None:
    """Find what a dead run had imported, whatever its name and status are now."""
    for project in await service.client.get_projects():
        if service.ledger_path(project.id).exists():
            with service.open_ledger(project.id) as ledger:
                if ledger.notes.get(_NOTE) == note:
                    return project
    return None


async def _import(
    source: Service, service: Service, origin: Project, request: MigrateRequest, sleep: Sleep
) -> Project:
    """Begin the import; one that is under way under the wanted name is it."""
    projects = await service.client.get_projects()
    there = find_among(projects, request.project)
    if there is not None:
        if there.status == _IMPORTING:
            return there
        raise SettingsError(
            f"there is a project {request.project!r} already, and --server-side always makes a new one; "
            "without it, the project is brought up to date"
        )
    await _refuse_unexportable(source, origin, request)
    before = {project.id for project in projects}
    exported = await source.client.export_project(origin.id)
    named = is_at_least(service.client.api_version, IMPORT_NAME_SINCE)

    async def begin() -> Project:
        return await service.client.import_project(exported.token, name=request.project if named else None)

    async def look() -> Project | None:
        new = [p for p in await service.client.get_projects() if p.id not in before]
        expected = request.project if named else origin.name
        return next((p for p in new if (p.name == expected if named else p.name.startswith(expected))), None)

    project = await once(begin, look, grace=request.run.grace, sleep=sleep)
    tell(
        service.observer, "import", project=project.id, status=project.status or _IMPORTING,
        images=exported.image_count, estimate=exported.estimated_import_time_in_ms / 1000,
    )  # fmt: skip
    return project


async def _refuse_unexportable(source: Service, origin: Project, request: MigrateRequest) -> None:
    """Refuse a copy whose models are to be exported and cannot be: it starts from the source's domain."""
    domain_id = origin.settings.domain_id
    if request.create is None or not request.create.exportable or domain_id is None:
        return
    domain = await source.client.get_domain(domain_id)
    if not domain.exportable:
        raise SettingsError(
            f"project {origin.name} starts from domain {domain.name}, whose models cannot be exported; "
            "without --server-side, --domain says what the copy starts from"
        )


async def _wait(service: Service, project: Project, sleep: Sleep) -> Project:
    for wait in waits(most=LONGEST_IMPORT, first=_FIRST_WAIT, longest=_LONGEST_WAIT):
        if project.status != _IMPORTING or service.stop.requested:
            break
        await sleep(wait)
        project = await service.client.get_project(project.id)
    else:
        raise OverdueError(
            f"the import of {project.name} ({project.id}) goes on for {LONGEST_IMPORT / 3600:.0f} hours, "
            "longer than its source can be read; the next run waits for it again"
        )
    tell(service.observer, "import", project=project.id, status=project.status or "")
    if project.status == _FAILED:
        raise PlanError(
            f"the service could not import the project: {project.name} ({project.id}) says {_FAILED}. Delete "
            "that one, and copy without --server-side"
        )
    return project


async def _learn(source: Service, service: Service, origin: Project, project: Project) -> None:
    """Find out which image of the copy is which of the source, and have the ledger know it."""
    theirs = await fetch_snapshot(source.client, origin, await project_type(source.client, origin))
    ours = await fetch_snapshot(service.client, project, theirs.type)
    ids = theirs.images.column("image_id").to_pylist()
    matched = await match_content(service, ours, hash_images(source, origin.id, ids))
    with hold(replace(service, run_id=None), project.id) as carrier:
        carrier.ledger.origins.note(origin.id, carrier.report.run_id)
        carrier.ledger.see(KnownImages.of(matched.found).table)
