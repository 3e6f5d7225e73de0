"""A loopback proxy that spoils connections, with Toxiproxy's words for it.

It passes whole requests on, so that what it spoils was carried out; only ``reset_peer`` lets nothing through.

    latency      the answer waits `seconds`, give or take `jitter`
    timeout      the answer never comes; the connection is closed after `seconds`
    reset_peer   the connection is reset, and the request goes nowhere
    limit_data   `size` bytes of the answer come, then the connection is closed
    slow_close   the answer comes whole, and the connection is closed after `seconds`
    cut_request  the connection is closed once the request was answered, before a byte of the answer
    cut_headers  … in the middle of the answer's headers
    cut_body     … in the middle of its body
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit

_NO_LINGER = struct.pack("ii", 1, 0)  # closing then sends a TCP reset
KINDS = (
    "latency", "timeout", "reset_peer", "limit_data", "slow_close", "cut_request", "cut_headers", "cut_body",
)  # fmt: skip


@dataclass
class Toxic:
    kind: str
    match: str = ""
    """A pattern that is searched in `METHOD /path?query`."""
    count: int | None = None
    """How many requests it spoils; None: all."""
    skip: int = 0
    seconds: float = 0.0
    jitter: float = 0.0
    size: int = 0
    seen: int = 0
    struck: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(0), repr=False)

    def strikes(self, request: str) -> bool:
        if not re.search(self.match, request):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.count is not None and self.struck >= self.count):
            return False
        self.struck += 1
        return True


class Proxy:
    """Listens on a free port for as long as the `async with` block lasts."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._toxics: list[Toxic] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: Counter[str] = Counter()
        """How many requests came, by `METHOD last-part-of-the-path`."""
        self.url = ""

    def add(self, kind: str, match: str = "", **options: float | None) -> Toxic:
        assert kind in KINDS
        toxic = Toxic(kind, match, **options)  # type: ignore[arg-type]
        self._toxics.append(toxic)
        return toxic

    def clear(self) -> None:
        self._toxics.clear()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        upstream: asyncio.StreamWriter | None = None
        try:
            from_upstream, upstream = await asyncio.open_connection(*self._upstream, limit=1 << 20)
            while await self._exchange(reader, writer, from_upstream, upstream):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one of the two sides hung up, or the test is over
        finally:
            for side in (writer, upstream):
                if side is not None:
                    side.close()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        from_upstream: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
    ) -> bool:
        """Pass one request and its answer; whether the connection lives on."""
        head, body = await _read_message(reader)
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        self.requests[f"{method} {urlsplit(path).path.rsplit('/', 1)[-1]}"] += 1
        toxic = next((t for t in self._toxics if t.strikes(f"{method} {path}")), None)
        if toxic is not None and toxic.kind == "reset_peer":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()
            return False
        upstream.write(head + body)
        answer = b"".join(await _read_message(from_upstream))
        if toxic is None:
            writer.write(answer)
            await writer.drain()
            return True
        return await _spoil(toxic, writer, answer)


async def _spoil(toxic: Toxic, writer: asyncio.StreamWriter, answer: bytes) -> bool:
    end = answer.index(b"\r\n\r\n") + 4
    sizes = {
        "timeout": 0, "limit_data": toxic.size, "cut_request": 0, "cut_headers": end // 2,
        "cut_body": (end + len(answer)) // 2,
    }  # fmt: skip
    if toxic.kind in ("latency", "timeout"):
        await asyncio.sleep(max(0.0, toxic.seconds + toxic.dice.uniform(-1, 1) * toxic.jitter))
    writer.write(answer[: sizes.get(toxic.kind, len(answer))])
    await writer.drain()
    if toxic.kind == "slow_close":
        await asyncio.sleep(toxic.seconds)
    return toxic.kind == "latency"


async def _read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read a request or an answer: its head, and a body of stated length or in chunks."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
    }
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        body = b""
        while True:
            size = await reader.readuntil(b"\r\n")
            body += size + await reader.readexactly(int(size, 16) + 2)
            if int(size, 16) == 0:
                return head, body
    return head, await reader.readexactly(int(fields.get(b"content-length", b"0")))
