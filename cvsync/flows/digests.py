"""Hashing pictures, wherever they lie, a few at a time.

What fails for a moment is asked again. The service's storage, where it goes on failing, says nothing about a
picture, so its error is raised. A link of a manifest leads to anybody's host: one that goes on failing is a
picture that cannot be read, as is one that is refused or gone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

from cvsync.api.listing import fetch_images
from cvsync.api.originals import Originals
from cvsync.api.retry import RetryPolicy, retried
from cvsync.errors import ServiceError, TransportError
from cvsync.events import tell, without_query
from cvsync.flows.service import Service
from cvsync.labels import Labels
from cvsync.limits import IDS_PER_URL

_AT_ONCE = 16
_ROWS = 4096

T = TypeVar("T")
Found = tuple[str, str | None]
"""A name, and the SHA-256 of its picture in hex; None: it cannot be read."""
Place = Path | str
"""A file, or a link."""


async def hash_images(service: Service, project_id: str, image_ids: Sequence[str]) -> AsyncIterator[Found]:
    """Hash the originals of images of a project; links are taken fresh, a call for some 200 of them.

    Raises:
        ServiceError: The service or the storage fails, however often it is asked.
        TransportError: It does not answer.
    """
    originals = Originals(service.client, service.downloader, project_id)
    for start in range(0, len(image_ids), IDS_PER_URL):
        ids = image_ids[start : start + IDS_PER_URL]
        images = await fetch_images(service.client, project_id, ids)
        links = {image.id: image.original_image_uri or "" for image in images}
        for image_id in ids:
            if image_id not in links:
                tell(service.observer, "unreadable", image=image_id, reason="the image is gone")
                yield image_id, None
        async for found in _hash(service, links.items(), originals.digest, fatal=_is_outage):
            yield found


def hash_places(service: Service, places: Iterable[tuple[str, Place]]) -> AsyncIterator[Found]:
    """Hash files and what links lead to."""

    async def digest(place: Place) -> str:
        if isinstance(place, Path):
            return await asyncio.to_thread(hash_file, place)
        return await service.downloader.digest(place)

    return _hash(service, places, digest, fatal=lambda _: False)


def places_of(labels: Labels) -> Iterator[tuple[str, Place]]:
    """Say for each key where its picture is."""
    columns = labels.first_rows.select(["key", "url", "source", "path"])
    for batch in columns.to_batches(max_chunksize=_ROWS):  # as Python's objects they are many times as large
        for row in batch.to_pylist():
            yield row["key"], row["url"] or Path(row["source"]).parent / row["path"]


def _is_outage(error: Exception) -> bool:
    return isinstance(error, ServiceError | TransportError) and error.is_transient


async def _hash(
    service: Service,
    items: Iterable[tuple[str, T]],
    digest: Callable[[T], Awaitable[str]],
    *,
    fatal: Callable[[Exception], bool],
) -> AsyncIterator[Found]:
    policy = RetryPolicy()

    async def one(name: str, place: T) -> Found:
        try:
            return name, await retried(lambda: digest(place), policy, service.observer)
        except (ServiceError, TransportError, OSError) as error:
            if fatal(error):
                raise
            tell(service.observer, "unreadable", image=without_query(name), reason=str(error))
            return name, None

    source = iter(items)
    pending = {asyncio.ensure_future(one(*item)) for item in islice(source, _AT_ONCE)}
    try:
        while pending:
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                pending.remove(task)
                if (item := next(source, None)) is not None:
                    pending.add(asyncio.ensure_future(one(*item)))
                yield task.result()
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def hash_file(path: Path) -> str:
    """Give the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
