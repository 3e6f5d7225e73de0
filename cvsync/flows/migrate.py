"""Making a project equal to another one: `cvsync migrate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cvsync.api.client import Client
from cvsync.api.listing import Selection
from cvsync.errors import GuardError, PlanError, SettingsError
from cvsync.events import tell
from cvsync.flows.aim import Aim
from cvsync.flows.carry import Report, hold
from cvsync.flows.copied_tags import CopiedTags
from cvsync.flows.desired import Desired, fit
from cvsync.flows.meeting import find_or_create
from cvsync.flows.plan import Prepared, prepare
from cvsync.flows.project import NewProject, require_project
from cvsync.flows.push import make_equal
from cvsync.flows.service import Service
from cvsync.flows.source import renamed_tags, wanted_labels
from cvsync.flows.status import read_known
from cvsync.flows.wanted import Wanted, read_wanted
from cvsync.model import Domain, Project, ProjectType, Tag
from cvsync.plan import NewTag, Prune
from cvsync.run.links import Links
from cvsync.run.origin import Origin
from cvsync.run.settings import RunSettings
from cvsync.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class MigrateRequest(Aim):
    """What a project is to be made equal to: another project."""

    source: str
    """Name or id of the project that is copied."""
    wanted: Wanted = field(default_factory=Wanted)
    """Which images; by default all."""
    tag_map: Mapping[str, str] = field(default_factory=dict)
    """Tags that the copy names otherwise: the source's name -> the copy's."""
    rejects: Path | None = None
    """Where refused rows go; None: a file in the run's folder."""
    run: RunSettings = field(default_factory=RunSettings)

    @property
    def reference(self) -> str:
        """The source's name."""
        return f"project {self.source}"


async def migrate(source: Service, service: Service, request: MigrateRequest) -> Report:
    """Make a project hold what another one holds; safe to repeat after any end, and then only for changes.

    The ids of the source's images are the keys in the copy's ledger. A tag that the source has renamed since
    is renamed, unless the copy has another tag of that name, or no longer the one that it had. Holds both
    sides as columns, about 600 bytes an image.

    Args:
        source: Of the project that is copied; it is only read.
        service: Of the copy.
        request: What is copied, and within which bounds.

    Raises:
        MissingProjectError: There is no such project, or no copy and none may be made.
        PlanError: The copy cannot hold what the source does.
        GuardError: It would do more than it may; nothing was sent.
        LockedError: Another run works on the copy.
        ServiceError: A service refused the run as a whole.
        TransportError: No answer came, however often it was tried.
    """
    _check_deletions(request)
    met = await _meet(source, service, request, dry=False)
    project = met.project
    with hold(service, project.id, request.run, origin=met.images(source)) as carrier:
        desired = replace(met.desired, mine=carrier.ledger.origins.brought_by(met.origin.id))
        tags = CopiedTags(carrier.ledger.notes, met.origin.id, met.tags)
        renames = await tags.renames(service, project.id)
        aim = replace(request, renames={**request.renames, **renames})
        tags.note_before()
        await make_equal(service, aim, project, desired, carrier, rejects=request.rejects)
        if not service.stop.requested:
            tags.note_after()
    return carrier.report


async def plan_migration(source: Service, service: Service, request: MigrateRequest) -> Prepared:
    """Work out what ``migrate`` would do, and touch nothing; raises as it does."""
    _check_deletions(request)
    met = await _meet(source, service, request, dry=True)
    project, desired = met.project, met.desired
    if project.id and service.ledger_path(project.id).exists():
        with service.open_ledger(project.id) as ledger:
            desired = replace(desired, mine=ledger.origins.brought_by(met.origin.id))
            tags = CopiedTags(ledger.notes, met.origin.id, met.tags)
            renames = await tags.renames(service, project.id)
            request = replace(request, renames={**request.renames, **renames})
    return await prepare(service, request, project, desired, read_known(service, project))


def _check_deletions(request: MigrateRequest) -> None:
    """Refuse to delete what is gone from the source where not all of it is looked at."""
    if request.prune is not Prune.KEEP and not request.wanted.is_everything:
        raise GuardError("--delete refused: not all images of the source were asked for; nothing was sent")


@dataclass(frozen=True, eq=False)
class _Met:
    """Both projects, and what the copy should hold."""

    origin: Project
    selection: Selection
    contents: Snapshot
    project: Project
    desired: Desired

    @property
    def tags(self) -> list[Tag]:
        """The source's tags that the copy should have, by the names that they should have there."""
        wanted = {tag.name for tag in self.desired.tags}
        return [tag for tag in self.contents.tags if tag.name in wanted]

    def images(self, source: Service) -> Origin:
        """Say where the images come from."""
        columns = (self.contents.images.column(name).to_pylist() for name in ("image_id", "link"))
        links = Links(
            source.client, self.origin.id, ((i, link or "") for i, link in zip(*columns, strict=True)),
            iteration_id=self.selection.iteration_id, just_read=False,
        )  # fmt: skip
        return Origin(source.client, source.downloader, self.origin.id, links)


async def _meet(source: Service, service: Service, request: MigrateRequest, *, dry: bool) -> _Met:
    """Read the source, find or make the copy, and see what of the one the other can hold."""
    origin = await require_project(source, request.source)
    read, selection = await read_wanted(source, origin, request.wanted)
    contents = renamed_tags(read, request.tag_map)
    tell(
        source.observer, "source", project=origin.id, title=origin.name, type=str(contents.type),
        images=len(contents), labels=contents.labels.num_rows, tags=len(contents.tags),
    )  # fmt: skip
    asked = request.create
    if request.create is not None:
        request = replace(request, create=await _like(source.client, service.client, origin, request.create))

    def want(of_copy: ProjectType) -> Desired:
        return _want(contents, of_copy, is_whole=request.wanted.is_everything)

    project, desired = await find_or_create(service, request, contents.type, want, asked=asked, dry=dry)
    if (source.destination, origin.id) == (service.destination, project.id):
        raise SettingsError(f"project {origin.name} cannot be copied onto itself; name another one")
    return _Met(origin, selection, contents, project, desired)


async def _like(source: Client, copy: Client, origin: Project, new: NewProject) -> NewProject:
    """Say how a project is made that is like another, but for what the user says otherwise."""
    domain = await source.get_domain(origin.settings.domain_id or "")
    return replace(
        new,
        domain=new.domain or _counterpart(domain, await copy.get_domains()),
        description=origin.description or None,
        platforms=origin.settings.target_export_platforms,
    )


def _counterpart(domain: Domain, others: tuple[Domain, ...]) -> str:
    """Name a domain so that another resource or API version finds it: by its id, else by its name."""
    return domain.id if any(other.id == domain.id for other in others) else domain.name


def _want(contents: Snapshot, type_: ProjectType, *, is_whole: bool) -> Desired:
    """Say what a project of a type should hold to be a copy."""
    if (contents.type is ProjectType.DETECTION) != (type_ is ProjectType.DETECTION):
        raise PlanError(
            f"project {contents.project.name} is {contents.type} and the copy is {type_}: "
            "the one has boxes where the other has none"
        )
    worn = set(contents.labels.column("tag_id").unique().to_pylist())
    tags = [
        NewTag(tag.name, tag.type, tag.description or "")
        for tag in contents.tags
        if is_whole or tag.id in worn
    ]
    labels = wanted_labels(contents)
    return fit(Desired(None, type_, labels, [], frozenset(), frozenset(), tags=tags))
