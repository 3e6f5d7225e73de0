"""What a project is compared with: manifests, or another project."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from cvsync.api.listing import fetch_contents
from cvsync.flows.desired import want
from cvsync.flows.digests import Found, hash_images, hash_places, places_of
from cvsync.flows.project import require_with_type
from cvsync.flows.service import Service
from cvsync.flows.source import renamed_labels, renamed_tags
from cvsync.labels import Labels
from cvsync.manifest import Name, Problem, Reading, read, shown
from cvsync.model import ProjectType
from cvsync.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class Reference:
    """What the project should hold, and how its pictures are hashed."""

    name: str
    labels: Labels
    digests: Callable[[Sequence[str]], AsyncIterator[Found]]
    """Hashes the pictures of some keys."""
    contents: Snapshot | None = None
    """Of a project, with tags that no image has, too; a manifest tells only of those that it uses."""
    problems: Sequence[Problem] = ()
    incomplete: frozenset[str] = frozenset()
    """Keys and ids of images of which not all rows can be compared."""


async def of_manifests(
    service: Service, names: Sequence[Name], reading: Reading, tag_map: Mapping[str, str], type_: ProjectType
) -> Reference:
    """Take what manifests say that a project of a type should hold.

    Raises:
        ManifestError: They cannot be used.
    """
    manifest = await asyncio.to_thread(read, names, reading)
    named = replace(manifest, labels=renamed_labels(manifest.labels, tag_map))
    desired = want(named, type_)

    def digests(keys: Sequence[str]) -> AsyncIterator[Found]:
        wanted = set(keys)
        return hash_places(service, (place for place in places_of(desired.labels) if place[0] in wanted))

    name = ", ".join(map(shown, names)) + _named_otherwise(tag_map)
    return Reference(name, desired.labels, digests, problems=desired.problems, incomplete=desired.incomplete)


async def of_project(source: Service, wanted: str, tag_map: Mapping[str, str]) -> Reference:
    """Take what another project holds.

    Raises:
        MissingProjectError: There is no such project.
        SettingsError: It has no tag that ``tag_map`` names.
        PlanError: Tags of different types would be one.
    """
    project, type_ = await require_with_type(source, wanted)
    contents = renamed_tags(await fetch_contents(source.client, project, type_), tag_map)
    labels = contents.to_labels()

    def digests(keys: Sequence[str]) -> AsyncIterator[Found]:
        return hash_images(source, project.id, keys)

    name = f"project {project.name} ({project.id})" + _named_otherwise(tag_map)
    return Reference(name, labels, digests, contents=contents)


def _named_otherwise(tag_map: Mapping[str, str]) -> str:
    """Tell of tags that have another name here: who reads that all is equal should know it."""
    return f", with {', '.join(f'{old} as {new}' for old, new in tag_map.items())}" if tag_map else ""
