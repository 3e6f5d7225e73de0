"""Where keys go, and where they never go."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from azure.core.exceptions import ClientAuthenticationError
from serving import Answer, serving

from cvsync.api.client import open_client
from cvsync.api.images import FileEntry
from cvsync.api.retry import RetryPolicy
from cvsync.api.token import azure_tokens
from cvsync.errors import CvsyncError, ServiceError, SettingsError
from cvsync.settings import Settings

CANARY = "canary-5f0c"
KEYS = {"training_key": f"{CANARY}-training", "prediction_key": f"{CANARY}-prediction"}
NO_RETRY = RetryPolicy(max_outage=0)
Serve = Callable[[Answer], Awaitable["Host"]]


class Host:
    """A web server that remembers what it was sent."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.url = ""
        self.seen: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(f"{request.path_qs} {dict(request.headers)} {await request.text()}")
        return await self.answer(request)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(answer: Answer) -> Host:
            host = Host(answer)
            host.url = await stack.enter_async_context(serving(host.handle))
            return host

        yield start


@pytest.fixture
def open_at() -> Callable[..., Any]:
    def open_at(url: str, **changes: Any) -> Any:
        return open_client(Settings(endpoint=url, **KEYS | changes), policy=NO_RETRY)

    return open_at


async def ok(_: web.Request) -> web.Response:
    return web.Response(body=b"picture")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_an_error_and_never_followed(serve: Serve, open_at: Any, status: int) -> None:
    other = await serve(ok)

    async def away(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": f"{other.url}/stolen"})

    host = await serve(away)
    async with open_at(host.url) as (client, _):
        for call in (
            client.get_projects(),
            client.create_images_from_files("p", [FileEntry("f", b"x")]),
            client.classify_image("p", "live", b"x"),
        ):
            with pytest.raises(ServiceError) as caught:
                await call
            assert caught.value.status == status

    assert len(host.seen) == 3
    assert other.seen == []


async def test_each_api_gets_its_own_key(serve: Serve, open_at: Any) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"id": "x"} if "classify" in request.path else [])

    host = await serve(answer)
    async with open_at(host.url) as (client, _):
        await client.get_domains()
        await client.classify_image("p", "live", b"x")

    assert f"'Training-Key': '{CANARY}-training'" in host.seen[0]
    assert f"'Prediction-Key': '{CANARY}-prediction'" in host.seen[1]
    assert f"{CANARY}-prediction" not in host.seen[0]
    assert f"{CANARY}-training" not in host.seen[1]


async def test_no_key_goes_to_the_hosts_of_images(serve: Serve, open_at: Any, tmp_path: Path) -> None:
    images = await serve(ok)
    service = await serve(ok)
    async with open_at(service.url) as (_, downloader):
        assert await downloader.download(f"{images.url}/i-1/i-2?sig=x", tmp_path / "image") == 7

    assert CANARY not in images.seen[0]
    assert service.seen == []


BROKEN = (
    b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\ngarbage",
    b"HTTP/1.1 302 Found\r\nLocation: ftp://x.test/?sig=%b\r\nContent-Length: 0\r\n\r\n" % CANARY.encode(),
)  # fmt: skip


@pytest.fixture(params=BROKEN)
async def broken(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A host that answers everything in no way of HTTP; its URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(request.param)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_no_signature_is_in_a_message(open_at: Any, broken: str, tmp_path: Path) -> None:
    """A signed link is as good as a key: an import's token, or the link of an image."""
    async with open_at(broken) as (client, downloader):
        for link in (
            f"{broken}/i?sig={CANARY}",
            f"ftp://x.test/i?sig={CANARY}",
            f"http://a..b/?sig={CANARY}",
        ):
            for call in (downloader.download(link, tmp_path / "image"), client.import_project(link)):
                with pytest.raises(CvsyncError) as caught:
                    await call

                assert CANARY not in f"{caught.value} {caught.value!r}"


async def html(_: web.Request) -> web.Response:
    return web.Response(text="<html>bad gateway</html>", status=502)


async def refuse(_: web.Request) -> web.Response:
    return web.json_response({"error": {"code": "401", "message": "Access denied"}}, status=401)


async def throttle(_: web.Request) -> web.Response:
    return web.json_response(
        {"statusCode": 429, "message": "later"}, status=429, headers={"Retry-After": "0"}
    )


async def no_json(_: web.Request) -> web.Response:
    return web.Response(text="surprise")


async def hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@pytest.mark.parametrize("answer", [html, refuse, throttle, no_json, hang_up])
async def test_no_key_is_in_a_message_a_traceback_or_a_log(
    serve: Serve, open_at: Any, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    host = await serve(answer)
    with caplog.at_level(logging.DEBUG):
        async with open_at(host.url) as (client, downloader):
            said = [repr(client), repr(downloader), *map(repr, vars(client).values())]
            for call in (client.get_projects(), client.quick_test_image("p", b"x"),
                         client.detect_image("p", "live", b"x")):  # fmt: skip
                with pytest.raises(CvsyncError) as caught:
                    await call
                said += [str(caught.value), repr(caught.value), *traceback.format_exception(caught.value)]

    assert CANARY in host.seen[0]  # or there would be nothing to leak
    assert CANARY not in "\n".join(said)
    assert CANARY not in caplog.text


async def test_no_key_is_in_the_error_of_an_endpoint_that_is_not_there(open_at: Any) -> None:
    for url in ("http://127.0.0.1:9", "no url", "http://[::", "http://127.0.0.1:99999", "http://a..b"):
        async with open_at(url) as (client, _):
            with pytest.raises(CvsyncError) as caught:
                await client.get_projects()

        assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("tail", ["\n", "\r", "\0"])
async def test_key_that_no_header_can_hold_is_named_and_not_shown(
    serve: Serve, open_at: Any, tail: str
) -> None:
    host = await serve(ok)

    async def token() -> str:
        return f"{CANARY}{tail}"

    broken = {name: key + tail for name, key in KEYS.items()}
    for what, changes in (("training key", broken), ("prediction key", broken), ("token", {"token": token})):
        async with open_at(host.url, **changes) as (client, _):
            with pytest.raises(SettingsError, match=f"the {what} has a line break") as caught:
                await (client.detect_image("p", "x", b"x") if what[0] == "p" else client.get_projects())

        assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert host.seen == []


async def test_prediction_without_a_key_says_which_one(open_at: Any) -> None:
    async with open_at("http://127.0.0.1:9", prediction_key=None) as (client, _):
        with pytest.raises(SettingsError, match="CVSYNC_PREDICTION_KEY"):
            await client.detect_image("p", "live", b"x")


async def test_token_of_whoever_is_signed_in_is_asked_for_each_call(
    serve: Serve, open_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Credential:
        async def get_token(self, scope: str) -> SimpleNamespace:
            asked.append(scope)
            return SimpleNamespace(token=f"{CANARY}-{len(asked)}")

        async def __aenter__(self) -> Credential:
            return self

        async def __aexit__(self, *_: object) -> None: ...

    async def answer(_: web.Request) -> web.Response:
        return web.json_response([])

    # In the place of the `azure` extra, whose real credentials need an account.
    monkeypatch.setitem(sys.modules, "azure.identity", SimpleNamespace())
    identity = SimpleNamespace(DefaultAzureCredential=Credential)
    monkeypatch.setitem(sys.modules, "azure.identity.aio", identity)
    host = await serve(answer)
    async with azure_tokens() as token, open_at(host.url, token=token) as (client, _):
        await client.get_domains()
        await client.get_domains()

    assert asked == ["https://cognitiveservices.azure.com/.default"] * 2
    assert f"Bearer {CANARY}-1" in host.seen[0]
    assert f"Bearer {CANARY}-2" in host.seen[1]
    assert f"{CANARY}-training" not in host.seen[0]


async def test_whoever_is_not_signed_in_is_told(open_at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Credential:
        async def get_token(self, scope: str) -> SimpleNamespace:
            raise ClientAuthenticationError("Azure CLI not found on path")

        async def __aenter__(self) -> Credential:
            return self

        async def __aexit__(self, *_: object) -> None: ...

    monkeypatch.setitem(sys.modules, "azure.identity", SimpleNamespace())
    identity = SimpleNamespace(DefaultAzureCredential=Credential)
    monkeypatch.setitem(sys.modules, "azure.identity.aio", identity)

    async with azure_tokens() as token, open_at("http://127.0.0.1:9", token=token) as (client, _):
        with pytest.raises(SettingsError, match=r"no token .* Azure CLI not found on path"):
            await client.get_domains()


async def test_regional_endpoint_is_given_no_token(open_at: Any) -> None:
    """CONTRACT 1: only endpoints with a custom subdomain take tokens."""
    asked: list[str] = []

    async def token() -> str:
        asked.append("token")
        return CANARY

    async with open_at("https://westeurope.api.cognitive.microsoft.com", token=token) as (client, _):
        for call in (client.get_domains(), client.classify_image("p", "live", b"x")):
            with pytest.raises(SettingsError, match="endpoint of a whole region"):
                await call

    assert asked == []


async def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity.aio", None)

    with pytest.raises(SettingsError, match=r"cvsync\[azure\]"):
        async with azure_tokens():
            pass
