"""The project that images are copied from: their links, which do not last, and their bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cvsync.api.client import Client
from cvsync.api.download import Downloader
from cvsync.api.originals import Originals
from cvsync.errors import NotFoundError
from cvsync.plan.actions import Action
from cvsync.run.links import Links

_RENEWALS = 2  # of one link, before what it leads to is believed to be gone


@dataclass(frozen=True, eq=False)
class Origin:
    """Where images by URL come from; their keys are their ids there."""

    client: Client
    downloader: Downloader
    project_id: str
    links: Links

    async def current(self, actions: Sequence[Action]) -> tuple[Action, ...]:
        """Give actions by URL the links that hold now; an image that is gone keeps the one that it had."""
        links = await self.links.current_of([a.key or "" for a in actions if a.url is not None])
        return tuple(a._replace(url=links[a.key or ""] or a.url) if a.url is not None else a for a in actions)

    async def download(self, action: Action, file: Path, *, most: int) -> None:
        """Fetch an image into a file, by a link that holds.

        Raises:
            TooLargeError: It has more bytes than ``most``.
            ServiceError: It is gone, or the storage refuses it.
            TransportError: The connection failed.
        """
        originals = Originals(self.client, self.downloader, self.project_id)
        part = file.with_name(file.name + ".part")
        receive = partial(originals.receive, part=part, most=most)
        if await self.links.use(action.key or "", receive, renewals=_RENEWALS) is None:
            raise NotFoundError("download", 404, "NotFound", "the image is gone from the source")
        await asyncio.to_thread(part.replace, file)
