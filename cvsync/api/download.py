"""Downloads from signed links: no key goes along, and a file appears only once it is whole."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import aiohttp

from cvsync.api.transport import service_error, transport_error
from cvsync.events import without_query

_CHUNK_BYTES = 1 << 20


class Downloader:
    """Fetches links into files."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def download(self, url: str, path: Path) -> int:
        """Fetch a link into a file; give its size.

        Raises:
            ServiceError: The link is over or the file gone.
            TransportError: The connection failed; nothing is left behind but a ``.part`` file.
        """
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            await self._fetch(url, file.write)
            size = file.tell()
        await asyncio.to_thread(part.replace, path)
        return size

    async def digest(self, url: str) -> str:
        """Give the SHA-256 of what a link leads to, in hex; raises as ``download`` does."""
        digest = hashlib.sha256()
        await self._fetch(url, digest.update)
        return digest.hexdigest()

    async def _fetch(self, url: str, take: Callable[[bytes], object]) -> None:
        operation = f"download of {without_query(url)}"
        try:
            async with self._session.get(url) as response:
                if response.status != 200:
                    raise service_error(operation, response.status, response.headers, await response.read())
                async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                    take(chunk)
        except (aiohttp.ClientError, TimeoutError, UnicodeError) as error:
            raise transport_error(operation, error) from error
