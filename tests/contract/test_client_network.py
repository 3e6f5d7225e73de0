"""The way out: proxies, certificates of one's own, and large bodies."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import json
import os
import random
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from serving import serving

from cvsync.api.client import open_client
from cvsync.api.images import FileEntry
from cvsync.api.retry import RetryPolicy
from cvsync.errors import TransportError
from cvsync.settings import Settings

FAR = "http://vision.test"


def reach(endpoint: str) -> Any:
    return open_client(Settings(endpoint=endpoint, training_key="k"), policy=RetryPolicy(max_outage=0))


class Host:
    """Answers any request with an empty list, and remembers which hosts were meant, and by whom."""

    def __init__(self) -> None:
        self.meant: list[str] = []
        self.signed: list[str | None] = []
        self.to_proxy: list[str | None] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.meant.append(request.headers["Host"])
        self.signed.append(request.headers.get("Authorization"))
        self.to_proxy.append(request.headers.get("Proxy-Authorization"))
        return web.Response(body=b"[]", content_type="application/json")


@pytest.fixture
async def host() -> AsyncIterator[tuple[Host, str]]:
    host = Host()
    async with serving(host.answer) as url:
        yield host, url


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_calls_and_downloads_go_through_the_proxy_of_the_environment(
    host: tuple[Host, str], monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    proxy, url = host
    monkeypatch.setenv("http_proxy", url.replace("http://", scheme))

    async with reach(FAR) as (client, downloader):
        assert await client.get_domains() == ()
        await downloader.digest("http://pictures.test/1.png")

    assert proxy.meant == ["vision.test", "pictures.test"]


async def test_proxy_gets_its_own_credentials(
    host: tuple[Host, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, url = host
    monkeypatch.setenv("http_proxy", url.replace("://", "://somebody:secret@"))
    monkeypatch.setenv("no_proxy", "elsewhere.test")

    async with reach(FAR) as (client, downloader):
        assert await client.get_domains() == ()
        with pytest.raises(TransportError):
            await downloader.digest("http://elsewhere.test/1.png")

    assert proxy.to_proxy == ["Basic c29tZWJvZHk6c2VjcmV0"]


async def test_loopback_never_goes_through_a_proxy(
    host: tuple[Host, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the two is of this machine: the endpoint, or the link."""
    here, url = host
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody listens there

    async with reach(url) as (client, _):
        assert await client.get_domains() == ()
    async with reach(FAR) as (_, downloader):
        await downloader.digest(f"{url}/1.png")

    assert here.meant == [url.removeprefix("http://")] * 2


async def test_downloads_use_the_proxy_though_the_endpoint_is_local(
    host: tuple[Host, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, url = host
    monkeypatch.setenv("http_proxy", url)

    async with reach(url) as (_, downloader):
        await downloader.digest("http://pictures.test/1.png")

    assert proxy.meant == ["pictures.test"]


async def test_link_that_leads_elsewhere_takes_the_way_of_its_new_host(
    host: tuple[Host, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, url = host

    async def lead_on(request: web.Request) -> web.Response:
        assert request.headers["Host"] == "pictures.test"
        raise web.HTTPFound(f"{url}/1.png")

    async with serving(lead_on) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        async with reach(FAR) as (_, downloader):
            await downloader.digest("http://pictures.test/1.png")

    assert here.meant == [url.removeprefix("http://")]


async def test_what_netrc_says_goes_nowhere(
    host: tuple[Host, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy, url = host
    (tmp_path / "netrc").write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", url)

    async def token() -> str:
        return "of-the-hour"

    async with open_client(Settings(endpoint=FAR, token=token)) as (client, downloader):
        assert await client.get_domains() == ()
        await downloader.digest("http://pictures.test/1.png")

    assert proxy.signed == ["Bearer of-the-hour", None]


ASK = """
import asyncio, sys
from cvsync.api.client import open_client
from cvsync.api.images import FileEntry
from cvsync.api.retry import RetryPolicy
from cvsync.settings import Settings

async def main():
    settings = Settings(endpoint=sys.argv[1], training_key="k")
    async with open_client(settings, policy=RetryPolicy(max_outage=0)) as (client, _):
        print(await client.get_domains())

asyncio.run(main())
"""


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for loopback that nobody vouches for, and its key."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]),
    )
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - day, now + day
        )
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


async def test_certificates_of_the_environment_are_believed(tmp_path: Path) -> None:
    """In programs of their own, as they are read once."""
    paths = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*paths)
    async with serving(Host().answer, ssl_context=context) as url:
        command = (sys.executable, "-c", ASK, url)
        said = [await run(command, os.environ | more) for more in ({}, {"SSL_CERT_FILE": str(paths[0])})]

    assert "certificate" in said[0].lower()
    assert said[1] == "()"


async def run(command: tuple[str, ...], environment: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, complaint = await process.communicate()
    return (out or complaint).decode().strip().rpartition("\n")[2]


async def test_large_body_arrives_as_it_was_with_its_length() -> None:
    """It is written piece by piece, the last one shorter."""
    taken: list[tuple[str | None, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        taken.append((request.headers.get("Content-Length"), await request.read()))
        return web.json_response({"isBatchSuccessful": True, "images": []})

    app = web.Application(client_max_size=10**8)
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pictures = {f'a "{n}" é.png': random.Random(n).randbytes(400_001) for n in range(3)}
    async with reach(f"http://127.0.0.1:{runner.addresses[0][1]}") as (client, _):
        await client.create_images_from_files("p", [FileEntry(*item) for item in pictures.items()])
    await runner.cleanup()

    ((length, content),) = taken
    images = json.loads(content)["images"]
    assert length == str(len(content))
    assert {i["name"]: base64.b64decode(i["contents"], validate=True) for i in images} == pictures
