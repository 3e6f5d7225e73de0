"""The pictures of a project's images as they were uploaded, wherever the service keeps them."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from cvsync.api.client import Client
from cvsync.api.download import MOST_BYTES, Downloader, Received


class Originals:
    """Fetches pictures by the links of their images.

    A link is signed and leads anywhere; that of a resource in a virtual network is a path, which only the
    resource's own call for artifacts reads. Whatever is raised is as ``Downloader.download`` says.
    """

    def __init__(self, client: Client, downloader: Downloader, project_id: str) -> None:
        self._client, self._downloader, self._project_id = client, downloader, project_id

    async def receive(self, link: str, part: Path | str, *, most: int = MOST_BYTES) -> Received:
        """Fetch a picture into a file that the caller names as it should be when it is whole."""
        if "://" in link:
            return await self._downloader.receive(link, part, most=most)
        content = await self._client.get_artifact(self._project_id, link, most=most)
        return await asyncio.to_thread(Received.write, content, part)

    async def digest(self, link: str) -> str:
        """Give the SHA-256 of a picture, in hex."""
        if "://" in link:
            return await self._downloader.digest(link)
        return hashlib.sha256(await self._client.get_artifact(self._project_id, link)).hexdigest()
