from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from faults.proxy import Proxy


@pytest.fixture
async def proxy(emulator: Any) -> AsyncIterator[Proxy]:
    async with Proxy(emulator.url) as made:
        yield made


async def ask(proxy: Proxy, *, patience: float = 5.0) -> int:
    """Ask with POST, which aiohttp never repeats by itself."""
    limit = aiohttp.ClientTimeout(total=patience)
    async with (
        aiohttp.ClientSession(timeout=limit) as session,
        session.post(f"{proxy.url}/_emulator/faults", data=b"x" * 10_000) as answer,
    ):
        assert answer.status == 400  # that is no fault
        return len(await answer.read())


async def test_proxy_passes_on_what_it_does_not_spoil(proxy: Proxy) -> None:
    assert await ask(proxy) > 0
    assert proxy.requests == {"POST faults": 1}


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        ("timeout", {"seconds": 0.05}, aiohttp.ServerDisconnectedError),
        ("reset_peer", {}, aiohttp.ClientOSError),
        ("limit_data", {"size": 20}, aiohttp.ServerDisconnectedError),
        ("cut_request", {}, aiohttp.ServerDisconnectedError),
        ("cut_headers", {}, aiohttp.ServerDisconnectedError),
        ("cut_body", {}, aiohttp.ClientPayloadError),
        ("latency", {"seconds": 1.0}, TimeoutError),
    ],
)
async def test_each_toxic_spoils_in_its_way(
    proxy: Proxy, kind: str, options: dict[str, float], error: type[Exception]
) -> None:
    proxy.add(kind, "POST .*faults", count=1, **options)

    with pytest.raises(error):
        await ask(proxy, patience=0.3)
    assert await ask(proxy) > 0


async def test_slow_close_still_answers(proxy: Proxy) -> None:
    proxy.add("slow_close", seconds=0.01)

    async with asyncio.timeout(2):
        assert await ask(proxy) > 0


async def test_toxics_choose_their_requests(proxy: Proxy) -> None:
    other = proxy.add("cut_request", "GET", count=1)
    late = proxy.add("latency", "POST", skip=1, seconds=0.01, jitter=0.005)

    assert [await ask(proxy) > 0 for _ in range(2)] == [True, True]
    assert (other.struck, late.struck) == (0, 1)
