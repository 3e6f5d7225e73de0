"""`cvsync project`: the projects of a resource."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cvsync.api.both import both
from cvsync.api.listing import type_of
from cvsync.errors import GuardError, SettingsError
from cvsync.events import tell
from cvsync.flows.housekeeping.agreement import Agree
from cvsync.flows.iterations import in_service
from cvsync.flows.project import NewProject, find_project, make_project, require_project
from cvsync.flows.service import Service
from cvsync.model import Domain, Project, ProjectType


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectEntry:
    """A project in a list."""

    id: str
    name: str
    type: str
    domain: str
    created: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDetails(ProjectEntry):
    """A project on its own."""

    description: str | None
    images: int
    untagged: int
    """Images without a label."""
    tags: int
    iterations: int
    published: tuple[str, ...]
    """The names under which iterations are published."""


async def list_projects(service: Service) -> list[ProjectEntry]:
    """List the projects of the resource by name."""
    projects, domains = await both(service.client.get_projects(), service.client.get_domains())
    by_id = {domain.id: domain for domain in domains}
    entries = [ProjectEntry(**_facts(project, by_id)) for project in projects]
    return sorted(entries, key=lambda entry: (entry.name.casefold(), entry.id))


async def show_project(service: Service, wanted: str) -> ProjectDetails:
    """Count what a project holds.

    Raises:
        MissingProjectError: There is no such project.
        SettingsError: Several have this name.
    """
    project = await require_project(service, wanted)
    client = service.client
    domains, tagged, untagged, tags, iterations = await asyncio.gather(
        client.get_domains(),
        client.get_tagged_image_count(project.id),
        client.get_untagged_image_count(project.id),
        client.get_tags(project.id),
        client.get_iterations(project.id),
    )
    return ProjectDetails(
        **_facts(project, {domain.id: domain for domain in domains}),
        description=project.description,
        images=tagged + untagged,
        untagged=untagged,
        tags=len(tags),
        iterations=len(iterations),
        published=tuple(i.publish_name or i.name for i in in_service(iterations)),
    )


async def add_project(service: Service, name: str, new: NewProject) -> Project:
    """Create a project; the service would make a second one of the same name, which nobody could tell apart.

    Raises:
        SettingsError: There is one of this name, or the version cannot make such a project.
        LockedError: Another run is making it.
    """
    found = await find_project(service.client, name)
    if found is not None:
        raise SettingsError(f"there is a project {name!r} already: {found.id}")
    return await make_project(service, name, new, inferred=ProjectType.MULTICLASS)


async def remove_project(service: Service, wanted: str, *, agree: Agree) -> bool:
    """Delete a project with all that it holds; False: it was not agreed to.

    Raises:
        MissingProjectError: There is no such project.
        SettingsError: Several have this name.
        GuardError: An iteration of it is in service.
        LockedError: A run works on it.
    """
    found = await require_project(service, wanted)
    with service.hold_lock(found.id):
        return await _remove(service, found.id, agree)


async def _remove(service: Service, project_id: str, agree: Agree) -> bool:
    details = await show_project(service, project_id)
    if details.published:
        raise GuardError(
            f"project {details.name!r} answers predictions as {', '.join(details.published)}: "
            "`cvsync unpublish` first"
        )
    what = (
        f"project {details.name!r} ({details.id}) with {details.images:,} images, {details.tags:,} tags and "
        f"{details.iterations:,} iterations"
    )
    if not agree(what):
        return False
    await service.client.delete_project(details.id)
    tell(service.observer, "removed", what="project", id=details.id, name=details.name)
    return True


def _facts(project: Project, domains: dict[str, Domain]) -> dict[str, Any]:
    domain = domains.get(project.settings.domain_id or "")
    return {
        "id": project.id,
        "name": project.name,
        "type": str(type_of(project, domain)) if domain else "unknown",
        "domain": domain.name if domain else project.settings.domain_id or "unknown",
        "created": project.created,
    }
