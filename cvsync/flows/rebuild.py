"""Making a ledger whole again from content: `cvsync ledger rebuild`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

from cvsync.api.listing import fetch_snapshot
from cvsync.flows.carry import hold
from cvsync.flows.digests import Found, hash_images, hash_places, places_of
from cvsync.flows.project import require_with_type
from cvsync.flows.service import Service
from cvsync.flows.telling import tell_problems
from cvsync.known import KnownImages
from cvsync.manifest import Name, read
from cvsync.run.origins import MANIFEST
from cvsync.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was found again."""

    keys: int
    """Keys whose picture the project holds; the ledger knows them now."""
    absent: int
    """Keys whose picture the project does not hold."""
    unreadable: int
    """Keys whose picture could not be read."""
    images_unreadable: int = 0
    """Images of the project whose file could not be read; their keys count as absent."""
    rows_refused: int = 0
    """Bad rows of the manifest, whose keys were not looked for."""


async def rebuild(service: Service, wanted: str, manifests: tuple[Name, ...]) -> Rebuilt:
    """Find out which key of a manifest is which image, by the bytes of both; the service is only read.

    Downloads every image of the project and every picture of the manifest, a few at a time, and holds their
    hashes. What the ledger knew before stays unless the content says otherwise.

    Raises:
        ManifestError: The manifest cannot be used.
        MissingProjectError: There is no such project.
        LockedError: Another run works on this project.
    """
    manifest = await asyncio.to_thread(read, manifests)
    tell_problems(service.observer, manifest.problems)
    project, type_ = await require_with_type(service, wanted)
    snapshot = await fetch_snapshot(service.client, project, type_)
    labels = manifest.labels
    matched = await match_content(service, snapshot, hash_places(service, places_of(labels)))
    with hold(service, project.id) as carrier:
        carrier.ledger.origins.note(MANIFEST, carrier.report.run_id)
        carrier.ledger.see(KnownImages.of(matched.found).table)
    absent = len(labels.keys) - len(matched.found) - matched.unreadable
    return Rebuilt(
        len(matched.found), absent, matched.unreadable, matched.images_unreadable, manifest.problems.row_count
    )  # fmt: skip


class Matched(NamedTuple):
    """Which pictures are which images of a project."""

    found: dict[str, str]
    """Key -> image id, of the keys whose picture is there."""
    unreadable: int
    """Pictures that could not be read."""
    images_unreadable: int
    """Images that could not be read, and so were not found."""


async def match_content(service: Service, snapshot: Snapshot, pictures: AsyncIterator[Found]) -> Matched:
    """Find out which image of a project each picture is, by their bytes.

    Args:
        service: Of the project.
        snapshot: What it holds.
        pictures: Keys with the hashes of their pictures.
    """
    stored, read = {}, 0
    ids = snapshot.images.column("image_id").to_pylist()
    async for image_id, digest, _ in hash_images(service, snapshot.project.id, ids):
        if digest is not None:
            stored[digest] = image_id
            read += 1
    found: dict[str, str] = {}
    unreadable = 0
    async for key, digest, _ in pictures:
        unreadable += digest is None
        if digest in stored:
            found[key] = stored[digest]
    return Matched(found, unreadable, images_unreadable=len(ids) - read)
