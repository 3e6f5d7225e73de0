"""`cvsync tag`: the tags of a project."""

from __future__ import annotations

from collections.abc import Sequence

from cvsync.errors import MissingTagError, SettingsError
from cvsync.events import tell
from cvsync.flows.housekeeping.agreement import Agree
from cvsync.flows.project import require_project
from cvsync.flows.service import Service
from cvsync.labels import fold
from cvsync.model import Tag


async def list_tags(service: Service, project: str) -> list[Tag]:
    """List the tags of a project by name.

    Raises:
        MissingProjectError: There is no such project.
    """
    found = await require_project(service, project)
    return sorted(await service.client.get_tags(found.id), key=lambda tag: tag.name.casefold())


async def rename_tag(service: Service, project: str, wanted: str, name: str) -> Tag:
    """Give a tag another name; its images keep it, and the next push sees no edit in that.

    Raises:
        MissingProjectError: There is no such project.
        MissingTagError: There is no such tag.
        SettingsError: Another tag has the name, or several are meant.
        LockedError: A run works on the project.
    """
    found = await require_project(service, project)
    with service.hold_lock(found.id):
        tags = await service.client.get_tags(found.id)
        tag = find_tag(tags, wanted)
        if tag.name == name:
            return tag
        if any(fold(other.name) == fold(name) for other in tags if other.id != tag.id):
            raise SettingsError(f"the project has a tag {name!r} already")
        renamed = await service.client.update_tag(found.id, tag.id, {"name": name})
    tell(service.observer, "renamed", what="tag", id=tag.id, old=tag.name, name=renamed.name)
    return renamed


async def remove_tags(service: Service, project: str, wanted: Sequence[str], *, agree: Agree) -> list[Tag]:
    """Delete tags and take them off every image; nothing is removed if it was not agreed to.

    Raises:
        MissingProjectError: There is no such project.
        MissingTagError: There is no such tag; none is removed.
        LockedError: A run works on the project.
    """
    found = await require_project(service, project)
    with service.hold_lock(found.id):
        tags = await service.client.get_tags(found.id)
        chosen = list({tag.id: tag for tag in (find_tag(tags, one) for one in wanted)}.values())
        listed = ", ".join(f"{tag.name!r} of {tag.image_count:,} images" for tag in chosen)
        if not agree(f"tag {listed}" if len(chosen) == 1 else f"tags {listed}"):
            return []
        for tag in chosen:
            await service.client.delete_tag(found.id, tag.id)
            tell(service.observer, "removed", what="tag", id=tag.id, name=tag.name)
    return chosen


def find_tag(tags: Sequence[Tag], wanted: str) -> Tag:
    """Find a tag by its id or name; a name in another spelling counts if it is the only one.

    Raises:
        MissingTagError: There is none; the message lists those that there are.
        SettingsError: Several have that name.
    """
    for is_it in (_has_id, _has_name, _has_spelling):
        named = [tag for tag in tags if is_it(tag, wanted)]
        if len(named) > 1:
            ids = ", ".join(tag.id for tag in named)
            raise SettingsError(f"{len(named)} tags are named {wanted!r}; give one of their ids: {ids}")
        if named:
            return named[0]
    names = ", ".join(sorted(tag.name for tag in tags)) or "none"
    raise MissingTagError(f"there is no tag {wanted!r}; the project has: {names}")


def _has_id(tag: Tag, wanted: str) -> bool:
    return tag.id == wanted.lower()


def _has_name(tag: Tag, wanted: str) -> bool:
    return tag.name == wanted


def _has_spelling(tag: Tag, wanted: str) -> bool:
    return fold(tag.name) == fold(wanted)
