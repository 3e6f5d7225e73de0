"""Downloads from signed links: no key goes along, and a file appears only once it is whole.

What a link leads to is the business of whoever owns it, so nothing is taken on trust: no download grows over
a limit, on disk or in memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import aiohttp

from cvsync.api.connections import Connections
from cvsync.api.resuming import Resuming
from cvsync.api.transport import service_error, transport_error
from cvsync.errors import TooLargeError
from cvsync.events import without_query
from cvsync.limits import MAX_IMAGE_BYTES

MOST_BYTES = 10 * MAX_IMAGE_BYTES  # of an image in a project; it may have come there under other limits
_CHUNK_BYTES = 1 << 20
_START_BYTES = 12  # what tells the kinds of pictures apart
_ERROR_BYTES = 1 << 16  # of an error's body; what it says stands at its beginning


@dataclass(frozen=True, slots=True)
class Received:
    """What a link led to."""

    size: int
    sha256: bytes
    start: bytes
    """The first bytes, which tell what it is."""

    @classmethod
    def write(cls, content: bytes, part: Path | str) -> Received:
        """Write what was received otherwise."""
        with _Part(part) as file:
            file.write(content)
        return cls(len(content), hashlib.sha256(content).digest(), content[:_START_BYTES])


class Downloader:
    """Fetches links into files."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def download(self, url: str, path: Path, *, most: int = MOST_BYTES) -> int:
        """Fetch a link into a file; give its size.

        The bytes come into a ``.part`` file beside it, which only a killed process leaves behind.

        Args:
            url: The link.
            path: The file.
            most: Its size at most.

        Raises:
            TooLargeError: There is more.
            ServiceError: The link is over or the file gone.
            TransportError: The connection failed.
        """
        part = path.with_name(path.name + ".part")
        received = await self.receive(url, part, most=most)
        await asyncio.to_thread(part.replace, path)
        return received.size

    async def receive(self, url: str, part: Path | str, *, most: int = MOST_BYTES) -> Received:
        """Fetch a link into a file that the caller names as it should be when it is whole.

        Nothing is left of one that is not; raises as ``download`` does.
        """
        digest, start = hashlib.sha256(), b""
        with _Part(part) as file:
            size = 0
            async for chunk in self._chunks(url, most):
                start += chunk[: _START_BYTES - len(start)]
                digest.update(chunk)
                file.write(chunk)
                size += len(chunk)
            file.write(b"")  # there is a file even of nothing
        return Received(size, digest.digest(), start)

    async def resume(self, url: str, part: Path, *, most: int) -> int:
        """Fetch a link into a file that stays where it was cut off, to go on from there; give its size.

        The caller names the file as it should be when it is whole.

        Raises:
            TooLargeError: There is more.
            ServiceError: The link is over or the file gone.
            TransportError: The connection failed, however often it was tried.
        """
        return await Resuming(self._connections.session, part, most).fetch(url)

    async def digest(self, url: str, *, most: int = MOST_BYTES) -> str:
        """Give the SHA-256 of what a link leads to, in hex; raises as ``download`` does."""
        digest = hashlib.sha256()
        async for chunk in self._chunks(url, most):
            digest.update(chunk)
        return digest.hexdigest()

    async def _chunks(self, url: str, most: int) -> AsyncIterator[bytes]:
        """Give what a link leads to, a small file in one piece."""
        size = 0
        try:
            async with self._connections.session.get(url) as response:
                if response.status != 200:
                    said = await response.content.read(_ERROR_BYTES)
                    raise service_error(_operation(url), response.status, response.headers, said)
                length = response.content_length
                if length is not None and length > most:
                    raise TooLargeError(_operation(url), most)
                # A packed body may be of any size once it is unpacked.
                if (
                    length is not None
                    and length <= _CHUNK_BYTES
                    and "Content-Encoding" not in response.headers
                ):
                    yield await response.read()
                    return
                async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                    size += len(chunk)
                    if size > most:
                        raise TooLargeError(_operation(url), most)
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, UnicodeError) as error:
            raise transport_error(_operation(url), error) from error


def _operation(url: str) -> str:
    return f"download of {without_query(url)}"


class _Part:
    """A file that is made when its first bytes come, and deleted again unless the block comes to its end."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._file: io.FileIO | None = None

    def __enter__(self) -> _Part:
        return self

    def write(self, chunk: bytes) -> None:
        """Write all of it, without a buffer: chunks are large or the whole."""
        if self._file is None:
            self._file = io.FileIO(self._path, "w")
        while chunk:
            chunk = chunk[self._file.write(chunk) :]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            if error is not None:
                Path(self._path).unlink()
