"""Finding the project that is meant, and creating it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from cvsync.api.both import both
from cvsync.api.client import Client
from cvsync.api.listing import project_type, type_of
from cvsync.api.versions import CLASSIFICATION_TYPE_SINCE, TARGET_PLATFORMS_SINCE, is_at_least
from cvsync.errors import LockedError, MissingProjectError, SettingsError
from cvsync.events import tell
from cvsync.flows.service import Service
from cvsync.labels import fold
from cvsync.model import Domain, Project, ProjectType
from cvsync.run.lock import hold_lock
from cvsync.run.once import once
from cvsync.run.settings import GRACE
from cvsync.run.work import Sleep

DEFAULT_DOMAIN = "General"
DEFAULT_EXPORTABLE_DOMAIN = "General (compact)"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProject:
    """How a project is made that does not exist yet."""

    type: ProjectType | None = None
    """None: what the manifest's labels need."""
    domain: str | None = None
    """Name or id; None: General, compact if it is to be exported."""
    exportable: bool = False
    description: str | None = None
    platforms: tuple[str, ...] = ()
    """Where its models are to run, where the API version lets one say so."""


def find_among(projects: Sequence[Project], wanted: str) -> Project | None:
    """Find a project by id or by name in a list of them.

    Raises:
        SettingsError: Several projects have that name.
    """
    for project in projects:
        if project.id == wanted.lower():
            return project
    named = [project for project in projects if project.name == wanted]
    if len(named) > 1:
        ids = ", ".join(project.id for project in named)
        raise SettingsError(f"{len(named)} projects are named {wanted!r}; give one of their ids: {ids}")
    return named[0] if named else None


async def find_project(client: Client, wanted: str) -> Project | None:
    """Find a project by id or by name; raises as ``find_among`` does."""
    return find_among(await client.get_projects(), wanted)


async def require_project(service: Service, wanted: str, *, remedy: str = "") -> Project:
    """Find a project that must exist, by id or by name.

    Args:
        service: Where it should be.
        wanted: Its id or name.
        remedy: What to do if it is not there, for the message.

    Raises:
        MissingProjectError: It does not exist; the message names the one that may have been meant.
        SettingsError: Several projects have that name.
    """
    projects = await service.client.get_projects()
    project = find_among(projects, wanted)
    if project is None:
        raise _missing(projects, wanted, remedy)
    return project


async def require_with_type(
    service: Service, wanted: str, *, remedy: str = ""
) -> tuple[Project, ProjectType]:
    """Find a project that must exist, and tell what it learns; the service is asked for both at once.

    Takes and raises what ``require_project`` does.
    """
    client = service.client
    project, domains = await both(require_project(service, wanted, remedy=remedy), client.get_domains())
    for domain in domains:
        if domain.id == project.settings.domain_id:
            return project, type_of(project, domain)
    return project, await project_type(client, project)  # of a domain that new projects cannot have


def _missing(projects: Sequence[Project], wanted: str, remedy: str) -> MissingProjectError:
    names = {fold(project.name): project.name for project in projects}
    near = get_close_matches(fold(wanted), names, n=1)
    said = f"there is no project {wanted!r}"
    if near:
        said += f"; did you mean {names[near[0]]!r}?"
    if remedy:
        said += f"{' ' if near else '; '}{remedy}"
    return MissingProjectError(said)


async def compare_project(service: Service, project: Project, type_: ProjectType, asked: NewProject) -> None:
    """Tell what a project that is there already has otherwise than is asked of a new one.

    Raises:
        SettingsError: The one has boxes where the other has none, so that no label would fit.
    """
    if asked.type not in (None, type_):
        text = f"project {project.name!r} is {type_}, and --type says {asked.type}"
        if ProjectType.DETECTION in (type_, asked.type):
            raise SettingsError(f"{text}; is it the right project?")
        tell(service.observer, "warning", text=f"{text}, which is of new projects")
    domain_id = project.settings.domain_id
    if asked.domain is None or domain_id is None or asked.domain.casefold() == domain_id:
        return
    domain = await service.client.get_domain(domain_id)
    if asked.domain.casefold() != domain.name.casefold():
        text = f"project {project.name!r} starts from domain {domain.name}, and --domain says {asked.domain}"
        tell(service.observer, "warning", text=f"{text}, which is of new projects")


async def make_project(service: Service, name: str, new: NewProject, *, inferred: ProjectType) -> Project:
    """Create a project, and tell it; no two runs of this machine make the same one.

    The service would make a second one of the name, and from then on nobody could tell which is meant.

    Raises:
        LockedError: Another run makes it, or has made it since it was looked for.
    """
    place = service.folder("creating") / hashlib.sha256(name.encode()).hexdigest()[:16]
    with hold_lock(place, run_id=service.name_run(), what=f"the creation of project {name!r}"):
        if await find_project(service.client, name) is not None:
            raise LockedError(f"another run has just made project {name!r}")
        project = await create_project(service.client, name, new, inferred=inferred)
    type_ = choose_type(service.client, new, inferred=inferred)
    tell(service.observer, "project_created", project=project.id, title=project.name, type=str(type_))
    return project


async def create_project(
    client: Client,
    name: str,
    new: NewProject,
    *,
    inferred: ProjectType,
    grace: float = GRACE,
    sleep: Sleep = asyncio.sleep,
) -> Project:
    """Create a project of the type that is wanted, or that the labels need; there must be none of its name.

    Raises:
        SettingsError: The version cannot make such a project, or has no such domain.
    """
    type_ = choose_type(client, new, inferred=inferred)
    domain = choose_domain(await client.get_domains(), type_, new)
    has_choice = is_at_least(client.api_version, CLASSIFICATION_TYPE_SINCE)
    kind = type_.value.capitalize() if type_ is not ProjectType.DETECTION and has_choice else None

    platforms = new.platforms if is_at_least(client.api_version, TARGET_PLATFORMS_SINCE) else ()

    async def create() -> Project:
        return await client.create_project(
            name, description=new.description, domain_id=domain.id, classification_type=kind,
            target_export_platforms=platforms or None,
        )  # fmt: skip

    async def look() -> Project | None:
        return await find_project(client, name)

    return await once(create, look, grace=grace, sleep=sleep)


def choose_type(client: Client, new: NewProject, *, inferred: ProjectType) -> ProjectType:
    """Settle the type of a new project; v2.0 makes multilabel classifiers only."""
    if is_at_least(client.api_version, CLASSIFICATION_TYPE_SINCE):
        return new.type or inferred
    if new.type is ProjectType.MULTICLASS:
        raise SettingsError(
            f"--type multiclass needs --api-version {CLASSIFICATION_TYPE_SINCE} or later: "
            f"{client.api_version} makes multilabel projects only"
        )
    wanted = new.type or inferred
    return ProjectType.MULTILABEL if wanted is ProjectType.MULTICLASS else wanted


def choose_domain(domains: Sequence[Domain], type_: ProjectType, new: NewProject) -> Domain:
    """Look a domain up by name or id among those of a type, and of those whose models can be exported."""
    of_type = [domain for domain in domains if domain.type == type_.domain_type]
    fitting = [domain for domain in of_type if domain.exportable or not new.exportable]
    wanted = new.domain or (DEFAULT_EXPORTABLE_DOMAIN if new.exportable else DEFAULT_DOMAIN)
    for domain in fitting:
        if wanted.casefold() in (domain.id, domain.name.casefold()):
            return domain
    names = ", ".join(sorted(domain.name for domain in fitting)) or "none"
    if not new.exportable:
        raise SettingsError(f"no {type_} domain {wanted!r}; this API version has: {names}")
    named = next((domain.name for domain in of_type if domain.id == wanted.casefold()), wanted)
    raise SettingsError(
        f"no {type_} domain {named!r} whose models can be exported; this API version has: {names}"
    )
