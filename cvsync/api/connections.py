"""Connections to wherever a URL leads: through the environment's proxies, or straight to this machine."""

from __future__ import annotations

from contextlib import AsyncExitStack
from ipaddress import ip_address
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp

KEEP_ALIVE_SECONDS = 15.0  # well below the idle limits of common gateways, so that they never hang up first


class Connections:
    """What calls and downloads share, for as long as the ``async with`` block lasts.

    Proxy variables are honoured (``HTTP_PROXY``, ``HTTPS_PROXY``, ``NO_PROXY``), but never for loopback, and
    so are those that name certificates (``SSL_CERT_FILE``, ``SSL_CERT_DIR``), as Python's own defaults.
    """

    def __init__(self) -> None:
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Connections:
        self._far = await self._open.enter_async_context(_session(proxies=True))
        self._near = await self._open.enter_async_context(_session(proxies=False))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    def to(self, url: str) -> aiohttp.ClientSession:
        """Give the session for a URL."""
        return self._near if is_loopback(url) else self._far


def _session(*, proxies: bool) -> aiohttp.ClientSession:
    # No limit of its own: the window bounds the calls, and waiting for a connection would only look like a
    # slow service. Downloads have their own bound.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
    return aiohttp.ClientSession(connector=connector, trust_env=proxies)


def is_loopback(url: str) -> bool:
    """Tell whether a URL is of this machine."""
    host = host_of(url)
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_of(url: str) -> str:
    """Give the host of a URL; empty if it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # a broken address; the first call says so
        return ""
