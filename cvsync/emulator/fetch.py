"""Real downloads of the URLs that clients submit."""

from __future__ import annotations

from types import TracebackType

import aiohttp

from cvsync.limits import MAX_IMAGE_BYTES, MAX_IMAGES_PER_BATCH

MAX_DOWNLOAD_BYTES = MAX_IMAGE_BYTES + 1  # one more is enough to know that it is too large
_CHUNK = 1 << 16


class FetchError(Exception):
    """A URL that could not be downloaded."""


class Fetcher:
    """Downloads with one shared session; redirects are followed, as hosts of images use them."""

    def __init__(self, timeout: float) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=2 * MAX_IMAGES_PER_BATCH),
            timeout=aiohttp.ClientTimeout(total=timeout),
            headers={"User-Agent": "cvsync-emulator"},
        )

    async def close(self) -> None:
        await self._session.close()

    async def fetch(self, url: str, *, most: int = MAX_DOWNLOAD_BYTES) -> bytes:
        """The bytes behind a URL, cut off at `most`: by default just past the largest image."""
        if not url.lower().startswith(("http://", "https://")):
            raise FetchError("only http and https")
        try:
            async with self._session.get(url) as response:
                if response.status != 200:
                    raise FetchError(f"status {response.status}")
                content = bytearray()
                async for part in response.content.iter_chunked(_CHUNK):
                    content += part
                    if len(content) >= most:
                        break
                return bytes(content)
        except (TimeoutError, aiohttp.ClientError, ValueError, OSError) as error:
            raise FetchError(type(error).__name__) from error

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
