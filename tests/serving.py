"""Something at the other end of a link, on a free port of this machine."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
_MOST_BYTES = 1 << 30  # of a body


@asynccontextmanager
async def serving(answer: Answer, *, ssl_context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Answer whatever is asked for while the block lasts, and give the URL; ``match_info`` has its path."""
    app = web.Application(client_max_size=_MOST_BYTES)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context).start()
        yield f"{'https' if ssl_context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
