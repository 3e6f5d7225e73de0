"""Images that are downloaded here because the service cannot, or because their owner wants it so."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import count, repeat
from operator import contains
from pathlib import Path

from cvsync import limits
from cvsync.errors import ServiceError, SettingsError, TooLargeError, TransportError
from cvsync.events import without_query
from cvsync.plan.actions import Action, Kind
from cvsync.plan.batch import Packs
from cvsync.plan.images import Images
from cvsync.run.private import make_folder, make_private
from cvsync.run.work import Handle, Job, Work

_AT_ONCE = 8  # downloads of one worker
_ENOUGH = 3  # batches that tell of their host
_MARK = "://"  # what a URL holds, and a path in a virtual network does not


class Fetching:
    """Downloads images by URL into the run's folder, and turns their actions into such of files.

    On disk there are at most ``MAX_IMAGES_PER_BATCH`` images a worker, and those of batches in doubt.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._packs = Packs[None](Kind.CREATE_IMAGE, limits.MAX_IMAGES_PER_BATCH)
        self._numbers = count()
        self._unreadable: set[str] = set()
        """Hosts that the service cannot download from."""
        self._unread_batches = 0
        """Those of the last batches of which it could not download a single image."""

    @property
    def is_possible(self) -> bool:
        """Whether there is something to download with, and a place for it."""
        return self._work.downloader is not None and self._work.folder is not None

    def may_fetch(self, action: Action) -> bool:
        """Tell whether an image may go as bytes if the service cannot download it."""
        return action.url is not None and self._work.settings.fall_back and self.is_possible

    def has_wanted(self, urls: Sequence[str]) -> bool:
        """Tell whether any of some images goes as bytes."""
        if self._work.settings.as_bytes or self._unreadable:
            return any(map(self.is_wanted, urls))
        return not all(map(contains, urls, repeat(_MARK)))

    def is_wanted(self, url: str) -> bool:
        """Tell whether an image goes as bytes: its owner wants it so, or the service cannot download it."""
        if _is_path(url):
            return True
        patterns = self._work.settings.as_bytes
        if patterns and any(fnmatchcase(without_query(url), pattern) for pattern in patterns):
            return True
        return bool(self._unreadable) and _host(url) in self._unreadable

    def learn(self, images: Images, unread: int) -> None:
        """Take note of how many of a batch's images the service could not download.

        Once it could none of several batches, it is spared their host's.
        """
        if not images.common.is_by_url or not self._work.settings.fall_back:
            return
        self._unread_batches = self._unread_batches + 1 if unread == len(images) else 0
        if self._unread_batches >= _ENOUGH:
            self._unreadable |= set(map(_host, images.names))

    def put(self, fetch: Handle, action: Action) -> list[Job]:
        """Take an image; give the jobs that are full thereby."""
        return [(fetch, batch) for batch in self._packs.put(None, action)]

    def rest(self, fetch: Handle) -> Iterator[Job]:
        """Give the jobs of what is left."""
        return ((fetch, batch) for batch in self._packs.rest())

    async def fetch(self, actions: Sequence[Action]) -> tuple[list[Action], list[tuple[Action, str]]]:
        """Download some images.

        Returns:
            Actions of the files that came of them, and those that failed, with the reason.
        """
        await asyncio.to_thread(make_folder, self._folder)
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(action: Action) -> Action | str:
            async with gate:
                return await self._fetch_one(action)

        found = await asyncio.gather(*(one(action) for action in actions))
        fetched = [result for result in found if isinstance(result, Action)]
        failed = [(a, r) for a, r in zip(actions, found, strict=True) if isinstance(r, str)]
        return fetched, failed

    async def _fetch_one(self, action: Action) -> Action | str:
        work, file = self._work, self._folder / f"{next(self._numbers)}"
        for left in reversed(range(work.settings.item_tries)):
            make_private(file.with_name(file.name + ".part"))  # what is downloaded goes there first
            try:
                await self._download(action, file)
                break
            except TooLargeError:
                return f"over {limits.MAX_IMAGE_BYTES:,} bytes, which is the most that the service takes"
            except (ServiceError, TransportError) as error:
                if not left or not error.is_transient:
                    said = f"status {error.status}" if isinstance(error, ServiceError) else "no answer"
                    return f"the service could not download it, and neither could cvsync: {said}"
                await work.sleep(work.settings.retry_wait)
        return action._replace(url=None, path=str(file.resolve()))

    async def _download(self, action: Action, file: Path) -> None:
        work = self._work
        if work.origin is not None:
            await work.origin.download(action, file, most=limits.MAX_IMAGE_BYTES)
            return
        assert work.downloader is not None
        assert action.url is not None
        await work.downloader.download(action.url, file, most=limits.MAX_IMAGE_BYTES)

    def discard(self, actions: Iterable[Action]) -> None:
        """Drop the files of actions that are over and done with, if they were downloaded here."""
        paths = [action.path for action in actions if action.path is not None]
        if not paths or not self.is_possible:
            return
        folder = self._folder.resolve()
        for file in map(Path, paths):
            if file.parent == folder:
                file.unlink(missing_ok=True)

    def close(self) -> None:
        """Drop all files."""
        if self.is_possible and self._folder.exists():
            shutil.rmtree(self._folder)

    @property
    def _folder(self) -> Path:
        if self._work.folder is None:
            raise SettingsError("images can be downloaded here only with a state folder")
        return self._work.folder / "runs" / self._work.run_id / "fetched"


def _is_path(url: str) -> bool:
    """Tell a path in a virtual network."""
    return _MARK not in url


def _host(url: str) -> str:
    return without_query(url).partition(_MARK)[2].partition("/")[0]
