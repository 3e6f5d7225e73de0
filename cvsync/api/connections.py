"""Connections to wherever a URL leads: through the environment's proxies, or straight to this machine."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

KEEP_ALIVE_SECONDS = 15.0  # well below the idle limits of common gateways, so that they never hang up first
_MOST_HOSTS = 1024  # whose proxies are kept; images may be anywhere


class Connections:
    """What calls and downloads share, for as long as the ``async with`` block lasts.

    Proxy variables are honoured (``HTTP_PROXY``, ``HTTPS_PROXY``, ``NO_PROXY``), but never for loopback, and
    so are those that name certificates (``SSL_CERT_FILE``, ``SSL_CERT_DIR``), as Python's own defaults.
    """

    session: aiohttp.ClientSession

    def __init__(self) -> None:
        self._proxies: dict[tuple[str, str], URL | None] = {}
        """By scheme and host; None: it is reached without."""

    async def __aenter__(self) -> Connections:
        # No limit of its own: the window bounds the calls, and waiting for a connection would only look like
        # a slow service. Downloads have their own bound.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
        self.session = aiohttp.ClientSession(connector=connector, middlewares=(self._send,))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def _send(self, request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
        """Send a request, or where it was redirected to, by the proxy of its host.

        With ``trust_env`` aiohttp looks for the proxy of each request anew, in a thread, which costs four
        times as much as the request itself, and sends along what ``~/.netrc`` says of the host.
        """
        url = request.url
        place = url.scheme, url.host or ""
        if place not in self._proxies:
            if len(self._proxies) == _MOST_HOSTS:
                self._proxies.clear()
            self._proxies[place] = await asyncio.to_thread(_proxy_of, *place)
        request.proxy = self._proxies[place]
        return await send(request)


def _proxy_of(scheme: str, host: str) -> URL | None:
    """Look for the proxy that the environment, or the system's settings, name for a host."""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxy = getproxies().get(scheme)
    if not proxy:
        return None
    return URL(proxy if "://" in proxy else f"http://{proxy}")  # as curl takes it


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
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
