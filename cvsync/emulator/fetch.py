"""Real downloads of the URLs that clients submit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from cvsync.limits import MAX_IMAGE_BYTES, MAX_IMAGES_PER_BATCH

MAX_DOWNLOAD_BYTES = MAX_IMAGE_BYTES + 1  # one more is enough to know that it is too large
_CHUNK = 1 << 16


class FetchError(Exception):
    """A URL that could not be downloaded."""


class Fetcher:
    """Downloads with shared sessions; redirects are followed, as hosts of images use them.

    The environment's proxies are used, but not for what is on this machine.
    """

    def __init__(self, timeout: float) -> None:
        self._near, self._far = (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=2 * MAX_IMAGES_PER_BATCH),
                timeout=aiohttp.ClientTimeout(total=timeout),
                headers={"User-Agent": "cvsync-emulator"},
                trust_env=proxies,
            )
            for proxies in (False, True)
        )

    async def close(self) -> None:
        await self._near.close()
        await self._far.close()

    async def fetch(self, url: str, *, most: int = MAX_DOWNLOAD_BYTES) -> bytes:
        """The bytes behind a URL, cut off at `most`: by default just past the largest image."""
        async with self._asked("GET", url) as response:
            if response.status != 200:
                raise FetchError(f"status {response.status}")
            content = bytearray()
            async for part in response.content.iter_chunked(_CHUNK):
                content += part
                if len(content) >= most:
                    break
            return bytes(content)

    async def send(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> None:
        """Give something to a storage."""
        async with self._asked(method, url, data=body, headers=headers) as response:
            if not 200 <= response.status < 300:
                raise FetchError(f"status {response.status}")

    @asynccontextmanager
    async def _asked(self, method: str, url: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        if not url.lower().startswith(("http://", "https://")):
            raise FetchError("only http and https")
        try:
            session = self._near if _is_near(url) else self._far
            async with session.request(method, url, **options) as response:
                yield response
        except (TimeoutError, aiohttp.ClientError, ValueError, OSError) as error:
            raise FetchError(type(error).__name__) from error

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _is_near(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
