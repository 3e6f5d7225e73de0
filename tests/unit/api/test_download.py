"""Downloads that fail, or that would not end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cvsync.api.connections import Connections
from cvsync.api.download import Downloader
from cvsync.errors import NotFoundError, ServiceError, TooLargeError, TransportError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
MOST = 3_000_000


@pytest.fixture
async def downloader() -> AsyncIterator[Downloader]:
    async with Connections() as connections:
        yield Downloader(connections)


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    """Serve a link that a handler answers."""
    servers: list[TestServer] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_get("/picture", handler)
        servers.append(TestServer(app))
        await servers[-1].start_server()
        return f"{servers[-1].make_url('/picture')}?sig=secret"

    yield start
    for server in servers:
        await server.close()


async def at_once(_: web.Request) -> web.Response:
    """Says its length before it comes."""
    return web.Response(body=bytes(MOST + 1))


async def endless(request: web.Request) -> web.StreamResponse:
    """Comes without its length, and never ends."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        try:
            await response.write(bytes(100_000))
        except ConnectionError:
            return response


@pytest.mark.parametrize("handler", [at_once, endless])
async def test_download_over_its_limit_ends_and_leaves_nothing(
    downloader: Downloader, serve: Callable[[Handler], Awaitable[str]], tmp_path: Path, handler: Handler
) -> None:
    url = await serve(handler)

    with pytest.raises(TooLargeError, match="TooLarge: more than 3,000,000 bytes") as caught:
        await downloader.download(url, tmp_path / "picture", most=MOST)
    with pytest.raises(TooLargeError):
        await downloader.digest(url, most=MOST)

    assert [*tmp_path.iterdir()] == []
    assert not caught.value.is_transient
    assert "secret" not in str(caught.value)


async def test_download_as_large_as_its_limit_is_whole(
    downloader: Downloader, serve: Callable[[Handler], Awaitable[str]], tmp_path: Path
) -> None:
    url = await serve(at_once)

    size = await downloader.download(url, tmp_path / "picture", most=MOST + 1)

    assert size == (tmp_path / "picture").stat().st_size == MOST + 1
    assert [p.name for p in tmp_path.iterdir()] == ["picture"]


async def gone(_: web.Request) -> web.Response:
    return web.Response(status=404, body=b"x" * 10_000_000)


async def cut_short(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"x")
    assert request.transport is not None
    request.transport.abort()
    return response


@pytest.mark.parametrize(("handler", "error"), [(gone, NotFoundError), (cut_short, TransportError)])
async def test_download_that_fails_leaves_nothing(
    downloader: Downloader,
    serve: Callable[[Handler], Awaitable[str]],
    tmp_path: Path,
    handler: Handler,
    error: type[ServiceError | TransportError],
) -> None:
    url = await serve(handler)

    with pytest.raises(error):
        await downloader.download(url, tmp_path / "picture")

    assert [*tmp_path.iterdir()] == []


async def test_a_picture_is_known_by_its_start_however_small_its_pieces(
    downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"\xff\xd8\xff\xe0 and what follows in a picture"

    async def pieces(*_: object) -> AsyncIterator[bytes]:
        for at in range(len(content)):
            yield content[at : at + 1]

    monkeypatch.setattr(Downloader, "_chunks", pieces)

    received = await downloader.receive("https://x.test/1", tmp_path / "part")

    assert received.start == content[:12]
    assert (tmp_path / "part").read_bytes() == content


async def empty(request: web.Request) -> web.StreamResponse:
    """Has no length and no bytes."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write_eof()
    return response


async def test_an_empty_download_is_an_empty_file(
    downloader: Downloader, serve: Callable[[Handler], Awaitable[str]], tmp_path: Path
) -> None:
    assert await downloader.download(await serve(empty), tmp_path / "picture") == 0

    assert [(p.name, p.stat().st_size) for p in tmp_path.iterdir()] == [("picture", 0)]
