"""Hashing pictures, wherever they lie, a few at a time.

What fails for a moment is asked again. A picture that is refused, gone, or goes on failing cannot be read,
and the others are. But where the service's storage gives no picture at all, that says nothing about any of
them, so its error is raised. A link of a manifest leads to anybody's host, of which nothing is known.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

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
_FAILURES_IN_A_ROW = 20  # pictures that no try could bring, with none that came between

T = TypeVar("T")
Place = Path | str
"""A file, or a link."""


class Found(NamedTuple):
    """What came of reading a picture."""

    name: str
    sha256: str | None
    """In hex; None: it cannot be read."""
    reason: str = ""
    """Why it cannot."""


async def hash_images(service: Service, project_id: str, image_ids: Sequence[str]) -> AsyncIterator[Found]:
    """Hash the originals of images of a project; links are taken fresh, a call for some 200 of them.

    Raises:
        ServiceError: The service or the storage fails for all images, however often it is asked.
        TransportError: It does not answer.
    """
    storage = _Storage(service, Originals(service.client, service.downloader, project_id).digest)
    for start in range(0, len(image_ids), IDS_PER_URL):
        ids = image_ids[start : start + IDS_PER_URL]
        images = await fetch_images(service.client, project_id, ids)
        links = {image.id: image.original_image_uri or "" for image in images}
        for image_id in ids:
            if image_id not in links:
                yield _unreadable(service, image_id, "the image is gone")
        async for found in storage.hash(links):
            yield found


class _Storage:
    """Where the pictures of a project lie.

    One that goes on failing may be damaged, or all of it may be out. So it is asked for once more when the
    others are through, and if it fails then, for a picture that came before, too.
    """

    def __init__(self, service: Service, digest: Callable[[str], Awaitable[str]]) -> None:
        self._service, self._digest = service, digest
        self._gave: str | None = None
        """The link of a picture that came."""

    async def hash(self, links: Mapping[str, str]) -> AsyncIterator[Found]:
        """Hash pictures by their links; raises as ``hash_images`` does."""
        failed: list[str] = []
        in_a_row = 0
        async with aclosing(_hash(self._service, links.items(), self._digest)) as hashed:
            async for name, result in hashed:
                if not isinstance(result, str) and _is_outage(result):
                    failed.append(name)
                    in_a_row += 1
                    if in_a_row % _FAILURES_IN_A_ROW == 0:
                        await self._raise_if_out(result)
                    continue
                in_a_row = 0
                if isinstance(result, str):
                    self._gave = links[name]
                yield _found(self._service, name, result)
        again = {name: links[name] for name in failed}
        async with aclosing(_hash(self._service, again.items(), self._digest)) as hashed:
            async for name, result in hashed:
                if not isinstance(result, str) and _is_outage(result):
                    await self._raise_if_out(result)
                yield _found(self._service, name, result)

    async def _raise_if_out(self, error: Exception) -> None:
        if self._gave is None:
            raise error
        try:
            await retried(lambda: self._digest(self._gave or ""), RetryPolicy(), self._service.observer)
        except (ServiceError, TransportError) as again:
            if _is_outage(again):
                raise
            # A link that is over meanwhile is refused by a storage that is there.


async def hash_places(service: Service, places: Iterable[tuple[str, Place]]) -> AsyncIterator[Found]:
    """Hash files and what links lead to."""

    async def digest(place: Place) -> str:
        if isinstance(place, Path):
            return await asyncio.to_thread(hash_file, place)
        return await service.downloader.digest(place)

    async for name, result in _hash(service, places, digest):
        yield _found(service, name, result)


def places_of(labels: Labels) -> Iterator[tuple[str, Place]]:
    """Say for each key where its picture is."""
    columns = labels.first_rows.select(["key", "url", "source", "path"])
    for batch in columns.to_batches(max_chunksize=_ROWS):  # as Python's objects they are many times as large
        for row in batch.to_pylist():
            yield row["key"], row["url"] or Path(row["source"]).parent / row["path"]


def _is_outage(error: Exception) -> bool:
    return isinstance(error, ServiceError | TransportError) and error.is_transient


def _found(service: Service, name: str, result: str | Exception) -> Found:
    if isinstance(result, str):
        return Found(name, result)
    reason = result.strerror if isinstance(result, OSError) else None  # the name tells the path
    return _unreadable(service, name, reason or str(result))


def _unreadable(service: Service, name: str, reason: str) -> Found:
    tell(service.observer, "unreadable", image=without_query(name), reason=reason)
    return Found(name, None, reason)


async def _hash(
    service: Service,
    items: Iterable[tuple[str, T]],
    digest: Callable[[T], Awaitable[str]],
) -> AsyncGenerator[tuple[str, str | Exception]]:
    """Give for each item its name and hash, or what its last attempt failed with."""
    policy = RetryPolicy()

    async def one(name: str, place: T) -> tuple[str, str | Exception]:
        try:
            return name, await retried(lambda: digest(place), policy, service.observer)
        except (ServiceError, TransportError, OSError) as error:
            return name, error

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
