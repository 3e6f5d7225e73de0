"""Links to images, read anew before they are over, or as soon as they turn out to be."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from itertools import islice
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import orjson

from cvsync.api.client import Client
from cvsync.api.wire import read_datetime
from cvsync.errors import AuthError, NotFoundError
from cvsync.events import Observer, ignore, tell
from cvsync.limits import IDS_PER_URL

T = TypeVar("T")

_LIFETIME = 24 * 3600.0  # recorded: every signed link since v2.0
_MARGIN = 600.0  # a download that begins with a link should end before it does
_AT_ONCE = 256  # links that are packed together: alike in all but ids and signatures
_MARGIN_SHARE = 0.1  # of links that live for less


class Links:
    """The links of images that are still to be downloaded: about 80 bytes each, packed until they are wanted.

    A call reads the links of some 200 images, those that are wanted next; one call at a time.

    Args:
        client: Of the project's resource.
        project_id: Whose images.
        links: The first of what ``add`` takes.
        iteration_id: As an iteration saw them; None: as they are.
        observer: Is told of each link that was refused and is read anew.
        just_read: Whether links that say that they are over do so because this machine's date is wrong.
        clock: Seconds that only go forward.
        wall_clock: Seconds since 1970, to tell how long a link lives by the end that it names.
    """

    def __init__(
        self,
        client: Client,
        project_id: str,
        links: Iterable[tuple[str, str]] = (),
        *,
        iteration_id: str | None = None,
        observer: Observer = ignore,
        just_read: bool = True,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._project_id, self._iteration_id = client, project_id, iteration_id
        self._observer, self._clock, self._wall_clock = observer, clock, wall_clock
        self._if_past = _LIFETIME if just_read else 0.0
        self._packed: deque[tuple[bytes, float]] = deque()
        self._links: dict[str, tuple[str, float]] = {}
        self._lock = asyncio.Lock()
        self.add([*links])

    def add(self, links: Sequence[tuple[str, str]]) -> None:
        """Add image ids and links, in the order in which they will be wanted, as they were just read."""
        end = self._end_of(links[0][1], if_past=self._clock() + self._if_past) if links else 0.0
        for start in range(0, len(links), _AT_ONCE):
            self._packed.append((zlib.compress(orjson.dumps(links[start : start + _AT_ONCE]), 1), end))

    async def current(self, image_id: str) -> str | None:
        """Give the link of an image, read anew if it is about to be over; None if the image is gone."""
        link, _ = self._unpacked(image_id)
        return await self.renew(image_id, link) if self.is_over(image_id) else link or None

    async def use(self, image_id: str, call: Callable[[str], Awaitable[T]], *, renewals: int) -> T | None:
        """Do something with the link of an image, and again with another one where it is refused.

        Args:
            image_id: The image.
            call: Is given a link.
            renewals: How often the link is read anew before a refusal is believed.

        Returns:
            What came of it; None if the image is gone.

        Raises:
            AuthError: The last link was refused.
            NotFoundError: It led to nothing.
        """
        link = await self.current(image_id)
        while link is not None:
            try:
                return await call(link)
            except (AuthError, NotFoundError) as error:
                # The link is over, or the image: whoever reads the link anew is told.
                if not renewals:
                    raise
                renewals -= 1
                tell(self._observer, "link_renewed", image=image_id, reason=str(error))
                link = await self.renew(image_id, link)
        return None

    async def current_of(self, image_ids: Sequence[str]) -> dict[str, str | None]:
        """Give the links of images that are wanted together; those about to be over are read anew."""
        async with self._lock:
            over = [i for i in image_ids if self.is_over(i)]
            for start in range(0, len(over), IDS_PER_URL):
                await self._read(over[start : start + IDS_PER_URL])
        return {i: self._links[i][0] or None for i in image_ids}

    async def renew(self, image_id: str, stale: str) -> str | None:
        """Give another link than one that does not work any more; None if the image is gone."""
        async with self._lock:
            if self._unpacked(image_id)[0] == stale:
                while self._packed and len(self._links) < IDS_PER_URL:
                    self._unpack()
                others = islice((i for i in self._links if i != image_id), IDS_PER_URL - 1)
                await self._read([image_id, *others])
            return self._links[image_id][0] or None

    def drop(self, image_id: str) -> None:
        """Forget the link of an image that is over and done with."""
        self._unpacked(image_id)
        del self._links[image_id]

    def is_over(self, image_id: str) -> bool:
        """Tell whether a link that was good when it was given may no longer be."""
        return self._unpacked(image_id)[1] <= self._clock()

    def _unpacked(self, image_id: str) -> tuple[str, float]:
        """Give the link of an image, and until when it is to be used."""
        while image_id not in self._links:
            self._unpack()
        return self._links[image_id]

    def _unpack(self) -> None:
        packed, end = self._packed.popleft()
        self._links |= ((image_id, (link, end)) for image_id, link in orjson.loads(zlib.decompress(packed)))

    async def _read(self, image_ids: list[str]) -> None:
        images = await self._client.get_images_by_ids(
            self._project_id, image_ids, iteration_id=self._iteration_id
        )
        found = {image.id: image.original_image_uri or "" for image in images}
        wrong_date = self._clock() + _LIFETIME  # of this machine, where links are over when they are made
        end = self._end_of(next(iter(found.values()), ""), if_past=wrong_date)
        for image_id in image_ids:
            if image_id in self._links:  # it may be done meanwhile
                self._links[image_id] = found.get(image_id, ""), end

    def _end_of(self, link: str, *, if_past: float) -> float:
        """Say until when links are to be used, on the clock that only goes forward."""
        lifetime = _LIFETIME
        try:
            named = parse_qs(urlsplit(link).query).get("se")
            if named:
                lifetime = read_datetime(named[0]).timestamp() - self._wall_clock()
        except ValueError:
            pass  # not as the storage account writes it: what is usual counts
        if lifetime <= 0:
            return if_past
        if lifetime > timedelta(days=7).total_seconds():  # this machine's date is wrong
            lifetime = _LIFETIME
        return self._clock() + lifetime - min(_MARGIN, lifetime * _MARGIN_SHARE)
