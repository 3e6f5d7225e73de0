"""Making a ledger whole again from content: `cvsync ledger rebuild`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cvsync.api.listing import fetch_snapshot, project_type
from cvsync.flows.carry import hold
from cvsync.flows.digests import hash_images, hash_places, places_of
from cvsync.flows.plan import tell_problems
from cvsync.flows.service import Service
from cvsync.flows.status import require_project
from cvsync.known import KnownImages
from cvsync.manifest import Name, read


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was found again."""

    keys: int
    """Keys whose picture the project holds; the ledger knows them now."""
    absent: int
    """Keys whose picture the project does not hold."""
    unreadable: int
    """Keys whose picture could not be read."""
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
    tell_problems(service, manifest.problems)
    project = await require_project(service, wanted)
    type_ = await project_type(service.client, project)
    snapshot = await fetch_snapshot(service.client, project, type_)
    stored = {}
    ids = snapshot.images.column("image_id").to_pylist()
    async for image_id, digest in hash_images(service, project.id, ids):
        if digest is not None:
            stored[digest] = image_id
    labels = manifest.labels
    found: dict[str, str] = {}
    unreadable = 0
    async for key, digest in hash_places(service, places_of(labels)):
        unreadable += digest is None
        if digest in stored:
            found[key] = stored[digest]
    with hold(service, project.id) as carrier:
        carrier.ledger.see(KnownImages.of(found).table)
    absent = len(labels.keys) - len(found) - unreadable
    return Rebuilt(len(found), absent, unreadable, len(manifest.problems))
