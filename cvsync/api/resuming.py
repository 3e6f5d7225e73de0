"""Downloads of large files that go on where they were cut off, by this process or an earlier one.

Beside the file that grows stands its ETag, in a file whose name ends with ``.etag``: what is added must be of
the same content. Where the server gives none, or no part of a file, the download begins anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from cvsync.api.transport import service_error, transport_error
from cvsync.errors import ServiceError, TooLargeError, TransportError
from cvsync.events import without_query

_ATTEMPTS = 5  # without a single new byte
_WAIT = 1.0
_CHUNK_BYTES = 1 << 20
_ERROR_BYTES = 1 << 16
_CHANGED, _NO_MORE = 412, 416


@dataclass(frozen=True)
class Resuming:
    """One file on its way."""

    session: aiohttp.ClientSession
    part: Path
    """Grows until it is whole; the caller gives it its name then."""
    most: int
    """Its size at most."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    async def fetch(self, url: str) -> int:
        """Fetch all that is missing; give the file's size.

        Raises:
            TooLargeError: There is more than may be; nothing stays.
            ServiceError: The link is over or the file gone; what came so far stays.
            TransportError: The connection failed again and again; what came so far stays.
        """
        fruitless = 0
        while True:
            before = self._size()
            try:
                await self._go_on(url)
                break
            except (TransportError, ServiceError) as error:
                fruitless = fruitless + 1 if self._size() <= before else 0
                if not error.is_transient or fruitless == _ATTEMPTS:
                    raise
            await self.sleep(_WAIT)
        self._etag.unlink(missing_ok=True)
        return self._size()

    @property
    def _etag(self) -> Path:
        return self.part.with_name(self.part.name + ".etag")

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    async def _go_on(self, url: str) -> None:
        operation = f"download of {without_query(url)}"
        have = self._size() if self._etag.exists() else 0
        headers = {"Range": f"bytes={have}-", "If-Match": self._etag.read_text()} if have else {}
        try:
            async with self.session.get(url, headers=headers) as response:
                if have and response.status in (_CHANGED, _NO_MORE):
                    if response.headers.get("Content-Range") == f"bytes */{have}":
                        return  # it was whole already
                    self._drop()
                    raise TransportError(operation, "the file has changed meanwhile", sent=True)
                if response.status not in (200, 206):
                    said = await response.content.read(_ERROR_BYTES)
                    raise service_error(operation, response.status, response.headers, said)
                await self._take(operation, response, have)
        except (aiohttp.ClientError, TimeoutError, UnicodeError) as error:
            raise transport_error(operation, error) from error

    async def _take(self, operation: str, response: aiohttp.ClientResponse, have: int) -> None:
        is_rest = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if not is_rest:
            self._drop()
            etag = response.headers.get("ETag", "")
            if etag.startswith('"'):  # a weak one does not promise the same bytes
                self._etag.write_text(etag)
        size = have if is_rest else 0
        if size + (response.content_length or 0) > self.most:
            self._drop()
            raise TooLargeError(operation, self.most)
        with self.part.open("ab") as file:
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                size += len(chunk)
                if size > self.most:
                    self._drop()
                    raise TooLargeError(operation, self.most)
                file.write(chunk)

    def _drop(self) -> None:
        self.part.unlink(missing_ok=True)
        self._etag.unlink(missing_ok=True)
