"""Making a ledger whole again from content: `cvsync ledger rebuild`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cvsync.api.listing import fetch_all_images
from cvsync.errors import ServiceError, TransportError
from cvsync.events import tell
from cvsync.flows.carry import hold
from cvsync.flows.plan import tell_problems
from cvsync.flows.service import Service
from cvsync.flows.status import require_project
from cvsync.known import SCHEMA
from cvsync.manifest import Name, read

_AT_ONCE = 16


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
    images = await fetch_all_images(service.client, project.id)
    sources = {image.id: image.original_image_uri or "" for image in images}
    stored = {}
    async for image_id, digest in _digests(service, sources.items(), service.downloader.digest):
        if digest is not None:
            stored[digest] = image_id
    labels = manifest.labels
    firsts = np.unique(labels.key_codes, return_index=True)[1]
    places = [
        (row["key"], row["url"] or Path(row["source"]).parent / row["path"])
        for row in labels.table.take(pa.array(firsts)).to_pylist()
    ]
    found: dict[str, str] = {}
    unreadable = 0
    async for key, digest in _digests(service, places, lambda place: _digest(service, place)):
        unreadable += digest is None
        if digest in stored:
            found[key] = stored[digest]
    with hold(service, project.id) as carrier:
        ids = pa.array(list(found.values()), pa.string())
        blank = [pa.nulls(len(found), SCHEMA.field(name).type) for name in ("fingerprint", "version")]
        carrier.ledger.see(
            pa.Table.from_arrays([pa.array(list(found), pa.string()), ids, *blank], schema=SCHEMA)
        )
    absent = len(places) - len(found) - unreadable
    return Rebuilt(len(found), absent, unreadable, len(manifest.problems))


async def _digests(
    service: Service, places: Iterable[tuple[str, Any]], digest: Callable[[Any], Awaitable[str]]
) -> AsyncIterator[tuple[str, str | None]]:
    """Hash what is at some places, a few at a time; None where it cannot be read."""

    async def one(name: str, place: Any) -> tuple[str, str | None]:
        try:
            return name, await digest(place)
        except (ServiceError, TransportError, OSError) as error:
            tell(service.observer, "unreadable", image=name, reason=str(error))
            return name, None

    source = iter(places)
    while batch := [pair for pair, _ in zip(source, range(_AT_ONCE), strict=False)]:
        for found in await asyncio.gather(*(one(*pair) for pair in batch)):
            yield found


async def _digest(service: Service, place: str | Path) -> str:
    if isinstance(place, Path):
        return hashlib.sha256(await asyncio.to_thread(place.read_bytes)).hexdigest()
    return await service.downloader.digest(place)
