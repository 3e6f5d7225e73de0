"""Downloads that go on where they were cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cvsync.api.resuming import Resuming
from cvsync.errors import AuthError, TooLargeError, TransportError

CONTENT = bytes(range(256)) * 40


@dataclass
class Host:
    """Serves one file, and breaks the connection after some bytes while `cuts` last."""

    content: bytes = CONTENT
    etag: str = '"one"'
    cuts: list[int] = field(default_factory=list)
    status: int = 0
    ranges: list[str | None] = field(default_factory=list)
    knows_ranges: bool = True

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.status:
            return web.Response(status=self.status)
        self.ranges.append(request.headers.get("Range"))
        start, status, headers = 0, 200, {"ETag": self.etag}
        if self.ranges[-1] and self.knows_ranges:
            if request.headers["If-Match"] != self.etag:
                return web.Response(status=412)
            start = int(self.ranges[-1].removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.content):
                return web.Response(status=416, headers={"Content-Range": f"bytes */{len(self.content)}"})
            status, headers["Content-Range"] = (
                206,
                f"bytes {start}-{len(self.content) - 1}/{len(self.content)}",
            )
        rest = self.content[start:]
        response = web.StreamResponse(status=status, headers=headers | {"Content-Length": str(len(rest))})
        await response.prepare(request)
        cut = self.cuts.pop(0) if self.cuts else len(rest)
        await response.write(rest[:cut])
        if cut < len(rest):
            assert request.transport is not None
            request.transport.close()
        return response


@pytest.fixture
async def fetch(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Fetch from a host; the file that grows is always the same."""
    async with aiohttp.ClientSession() as session:
        servers = []

        async def run(host: Host, *, most: int = 1 << 20) -> int:
            app = web.Application()
            app.router.add_get("/m.zip", host.answer)
            servers.append(TestServer(app))
            await servers[-1].start_server()

            async def at_once(_seconds: float) -> None:
                """Time is no part of what is tested."""

            resuming = Resuming(session, tmp_path / "m.zip.part", most, sleep=at_once)
            return await resuming.fetch(str(servers[-1].make_url("/m.zip")) + "?sig=secret")

        yield run
        for server in servers:
            await server.close()


async def test_download_goes_on_where_it_was_cut(fetch: Any, tmp_path: Path) -> None:
    host = Host(cuts=[1000, 2000, 3000])

    assert await fetch(host) == len(CONTENT)

    assert (tmp_path / "m.zip.part").read_bytes() == CONTENT
    assert host.ranges == [None, "bytes=1000-", "bytes=3000-", "bytes=6000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["m.zip.part"]


async def test_download_of_a_dead_process_goes_on(fetch: Any, tmp_path: Path) -> None:
    with pytest.raises(TransportError):
        await fetch(Host(cuts=[1000] + [0] * 5))
    host = Host()

    await fetch(host)

    assert host.ranges == ["bytes=1000-"]
    assert (tmp_path / "m.zip.part").read_bytes() == CONTENT


async def test_file_that_was_whole_already_is_not_fetched_again(fetch: Any, tmp_path: Path) -> None:
    (tmp_path / "m.zip.part").write_bytes(CONTENT)
    (tmp_path / "m.zip.part.etag").write_text('"one"')

    assert await fetch(Host()) == len(CONTENT)


@pytest.mark.parametrize(
    "host", [Host(etag='"two"'), Host(knows_ranges=False), Host(content=b"short", etag='"two"')]
)
async def test_other_content_begins_anew(fetch: Any, tmp_path: Path, host: Host) -> None:
    (tmp_path / "m.zip.part").write_bytes(b"x" * 1000)
    (tmp_path / "m.zip.part.etag").write_text('"one"')

    await fetch(host)

    assert (tmp_path / "m.zip.part").read_bytes() == host.content


@pytest.mark.parametrize("etag", ['W/"one"', ""])
async def test_nothing_is_added_to_what_may_be_another_file(fetch: Any, tmp_path: Path, etag: str) -> None:
    host = Host(etag=etag, cuts=[1000])

    await fetch(host)

    assert host.ranges == [None, None]
    assert (tmp_path / "m.zip.part").read_bytes() == CONTENT


async def test_download_grows_to_its_limit_only(fetch: Any, tmp_path: Path) -> None:
    with pytest.raises(TooLargeError):
        await fetch(Host(), most=5000)
    with pytest.raises(TooLargeError):
        await fetch(Host(cuts=[4000]), most=5000)

    assert [*tmp_path.iterdir()] == []


async def test_expired_link_is_told_without_its_signature(fetch: Any) -> None:
    with pytest.raises(AuthError) as caught:
        await fetch(Host(status=403))

    assert "secret" not in str(caught.value)


async def test_failure_that_passes_is_tried_again_so_often(fetch: Any) -> None:
    with pytest.raises(Exception, match="503"):
        await fetch(Host(status=503))
