"""Downloads from signed links: no key goes along, and a file appears only once it is whole."""

from __future__ import annotations

import asyncio
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
        operation = f"download of {without_query(url)}"
        part = path.with_name(path.name + ".part")
        try:
            async with self._session.get(url) as response:
                if response.status != 200:
                    raise service_error(operation, response.status, response.headers, await response.read())
                with part.open("wb") as file:
                    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                        file.write(chunk)
                    size = file.tell()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise transport_error(operation, error) from error
        await asyncio.to_thread(part.replace, path)
        return size
