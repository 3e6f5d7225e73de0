"""Downloads a project's images into a folder: bounded workers, retries, links that are read anew."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cvsync.api.client import Client
from cvsync.api.download import Downloader, Received
from cvsync.api.originals import Originals
from cvsync.api.retry import RetryPolicy, retried
from cvsync.errors import AuthError, ServiceError, TransportError
from cvsync.events import Observer, ignore, tell
from cvsync.run.links import Links
from cvsync.run.pulled import PulledFolder, suffix_of
from cvsync.run.workers import Arrivals, Stop, spread

_RENEWALS = 3  # of one image's link before its refusal is believed
_FAILURES_IN_A_ROW = 20  # images that no try could bring, with none that came between: it is not the images
_TOLD_EVERY = 64  # images


@dataclass
class Pulled:
    """What became of the images that were to be fetched."""

    fetched: int = 0
    bytes: int = 0
    found: int = 0
    """That were there already, touched but with the bytes that were recorded."""
    refused: dict[str, str] = field(default_factory=dict)
    """Image id -> why it could not be fetched."""
    gone: set[str] = field(default_factory=set)
    """That were deleted in the project meanwhile."""


@dataclass(eq=False, kw_only=True)
class Puller:
    """Fetches images by their links.

    At most ``workers`` downloads are under way, each with a chunk of a megabyte in memory (whole images where
    a resource in a virtual network gives paths in the place of links). An image costs about 230 bytes until
    it is fetched, and 150 after that; ids lie between what answers are made of, which takes as much again.
    """

    client: Client
    downloader: Downloader
    project_id: str
    folder: PulledFolder
    links: Links
    workers: int = 8
    observer: Observer = ignore
    stop: Stop = field(default_factory=Stop)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    pulled: Pulled = field(default_factory=Pulled)
    _waiting: Arrivals[str] = field(default_factory=Arrivals)
    offered: int = 0
    """How many images were not there."""
    passed: int = 0
    """How many images were there."""
    _seen: set[str] = field(default_factory=set)
    _told: tuple[int, int] = (0, 0)
    _failures: int = 0

    def offer(self, links: Iterable[tuple[str, str]]) -> None:
        """Give image ids and links as they were just read; those that need not be fetched are let pass."""
        new = []
        for image_id, link in links:
            if image_id in self._seen:
                continue  # a project that changes while it is read is read anew
            self._seen.add(image_id)
            if not self.folder.has(image_id):
                new.append((image_id, link))
            else:
                self.passed += 1
        self.offered += len(new)
        self.links.add(new)
        for image_id, _ in new:
            self._waiting.add(image_id)

    def close(self) -> None:
        """Say that nothing more will be offered."""
        self._waiting.close()

    async def pull(self) -> Pulled:
        """Fetch images as they are offered, until it is closed; note those that cannot be had, and why.

        Raises:
            ServiceError: The storage fails for all images alike.
            TransportError: It does not answer.
            OSError: The folder cannot be written to; it names the folder.
        """
        try:
            await spread(self._waiting, self._one, workers=self.workers, stop=self.stop)
        finally:
            self._tell()
        return self.pulled

    async def _one(self, image_id: str) -> None:
        pulled = self.pulled
        try:
            if await self._find_again(image_id):
                pulled.found += 1
            elif (received := await self._receive(image_id)) is None:
                pulled.gone.add(image_id)
            else:
                self.folder.keep(image_id, _suffix(received), received.sha256)
                pulled.fetched, pulled.bytes = pulled.fetched + 1, pulled.bytes + received.size
                self._failures = 0
                if pulled.fetched - self._told[0] >= _TOLD_EVERY:
                    self._tell()
        except (ServiceError, TransportError) as error:
            self._refuse(image_id, error)
        except OSError as error:
            # Of a disk or of rights, which whoever shows it can explain by number and name.
            raise OSError(error.errno, error.strerror, str(self.folder.images)) from error
        self.links.drop(image_id)

    async def _find_again(self, image_id: str) -> bool:
        folder = self.folder
        if not folder.is_touched(image_id):
            return False
        is_found = await asyncio.to_thread(folder.has_same_bytes, image_id)
        if is_found:
            folder.keep_touched(image_id)  # not in the thread: the record is for one at a time
        return is_found

    async def _receive(self, image_id: str) -> Received | None:
        """Download an image to its part; None if it is gone."""
        originals = Originals(self.client, self.downloader, self.project_id)

        async def receive(link: str) -> Received:
            fetch = partial(originals.receive, link, self.folder.part_of(image_id))
            return await retried(fetch, self.policy, self.observer, sleep=self.sleep, chance=self.chance)

        return await self.links.use(image_id, receive, renewals=_RENEWALS)

    def _refuse(self, image_id: str, error: ServiceError | TransportError) -> None:
        Path(self.folder.part_of(image_id)).unlink(missing_ok=True)  # what is no picture
        self.pulled.refused[image_id] = str(error)
        tell(
            self.observer, "item_refused", code="E130", source=None, row=None, image=image_id,
            reason=str(error),
        )  # fmt: skip
        self._failures += error.is_transient or isinstance(error, AuthError)
        if self._failures >= _FAILURES_IN_A_ROW:
            raise error

    def _tell(self) -> None:
        items, size = self.pulled.fetched, self.pulled.bytes
        if items > self._told[0]:
            tell(self.observer, "images_fetched", items=items - self._told[0], bytes=size - self._told[1])
            self._told = (items, size)


def _suffix(received: Received) -> str:
    suffix = suffix_of(received.start)
    if suffix is None:  # a gateway's page, perhaps
        what = f"{received.size:,} bytes that begin with {received.start!r}"
        raise ServiceError("download", 200, "NoPicture", f"what its link leads to is no picture: {what}")
    return suffix
