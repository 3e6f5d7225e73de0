"""Which images of a project are meant, and what it holds of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.api.listing import Selection, fetch_contents, project_type
from cvsync.api.versions import METADATA_SINCE, TAG_TYPE_SINCE, is_at_least
from cvsync.errors import ServiceError, SettingsError
from cvsync.events import tell
from cvsync.flows.iterations import choose_iteration
from cvsync.flows.service import Service
from cvsync.labels import fold
from cvsync.limits import MAX_TAG_FILTER
from cvsync.model import Image, Project
from cvsync.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which images of a project; by default all."""

    iteration: str | None = None
    """As an iteration saw them: its name or id."""
    tags: tuple[str, ...] = ()
    """With one of these tags."""
    tagged: bool | None = None
    """Only with labels, or only without."""
    since: datetime | None = None
    """Created at that time or later."""
    until: datetime | None = None
    """Created before that time."""
    filter_: str | None = None
    """An OData condition on metadata, as ``metadata=batch eq 'x'`` (v3.3 and later)."""

    def has_time(self, created: datetime | None) -> bool:
        """Whether an image that was created then is meant."""
        if self.since is None and self.until is None:
            return True
        if created is None:
            return False
        return (self.since is None or created >= self.since) and (self.until is None or created < self.until)

    @property
    def is_everything(self) -> bool:
        """Whether no image is left out."""
        return self == Wanted()


async def read_wanted(service: Service, project: Project, wanted: Wanted) -> tuple[Snapshot, Selection]:
    """Read what a project holds of the images that are meant, with their links.

    Gives the selection too, by which their links can be read anew.

    Raises:
        SettingsError: The project has no such tag, iteration, or too many tags were named.
        PlanError: The project changed at every reading.
    """
    selection = await select(service, project, wanted)
    return await read_selected(service, project, wanted, selection), selection


async def read_selected(
    service: Service,
    project: Project,
    wanted: Wanted,
    selection: Selection,
    *,
    seen: Callable[[Sequence[Image]], Sequence[Image]] | None = None,
) -> Snapshot:
    """Read the images that ``select`` has chosen.

    ``seen`` is as for ``fetch_contents``; it is given images of any time.

    Raises:
        PlanError: The project changed at every reading.
        SettingsError: The service does not understand the filter.
    """
    _tell_what_is_not_read(service)
    type_ = await project_type(service.client, project)
    try:
        snapshot = await fetch_contents(service.client, project, type_, selection, seen=seen)
    except ServiceError as error:
        if error.status == 400 and wanted.filter_ is not None:
            said = error.message or error.code
            raise SettingsError(f"the service does not take --filter {wanted.filter_!r}: {said}") from error
        raise
    return _created_between(snapshot, wanted)


def _tell_what_is_not_read(service: Service) -> None:
    """Warn of what an old API version does not tell, so that a copy or a manifest will lack it."""
    version = service.client.api_version
    if is_at_least(version, METADATA_SINCE):
        return
    what = "no metadata of images"
    if not is_at_least(version, TAG_TYPE_SINCE):
        what += " and no types of tags, so that a negative one counts as regular"
    text = f"API version {version} tells {what}; --api-version {METADATA_SINCE} or later does"
    tell(service.observer, "warning", text=text)


async def select(service: Service, project: Project, wanted: Wanted) -> Selection:
    """Say to the service what is wanted.

    Raises:
        SettingsError: The project has no such tag, iteration, or too many tags were named.
    """
    iteration_id = None
    if wanted.iteration is not None:
        iteration_id = (await choose_iteration(service.client, project.id, wanted.iteration)).id
    tag_ids: list[str] = []
    if wanted.tags:
        tags = await service.client.get_tags(project.id, iteration_id=iteration_id)
        ids = {fold(tag.name): tag.id for tag in tags}
        missing = [name for name in wanted.tags if fold(name) not in ids]
        if missing:
            raise SettingsError(f"the project has no tag {', '.join(map(repr, missing))}")
        tag_ids = [*dict.fromkeys(ids[fold(name)] for name in wanted.tags)]
        if len(tag_ids) > MAX_TAG_FILTER:
            raise SettingsError(f"the service picks images by {MAX_TAG_FILTER} tags at most")
    return Selection(
        iteration_id=iteration_id, tag_ids=tuple(tag_ids), tagged=wanted.tagged, filter_=wanted.filter_
    )


def _created_between(snapshot: Snapshot, wanted: Wanted) -> Snapshot:
    if wanted.since is None and wanted.until is None:
        return snapshot
    created = snapshot.images.column("created")
    keep = pc.is_valid(created)
    if wanted.since is not None:
        keep = pc.and_(keep, pc.greater_equal(created, pa.scalar(wanted.since, created.type)))
    if wanted.until is not None:
        keep = pc.and_(keep, pc.less(created, pa.scalar(wanted.until, created.type)))
    return snapshot.keep(np.asarray(pc.fill_null(keep, False)))
