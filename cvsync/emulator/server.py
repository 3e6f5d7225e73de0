"""The emulator as a whole: starts, serves, stops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from types import TracebackType

from aiohttp import web

from cvsync.emulator import control, serving
from cvsync.emulator.blobs import Blobs
from cvsync.emulator.exporting import Exporter
from cvsync.emulator.fetch import Fetcher
from cvsync.emulator.gate import Gate
from cvsync.emulator.hooks import Hooks
from cvsync.emulator.importing import Importer
from cvsync.emulator.links import Links
from cvsync.emulator.settings import EmulatorSettings
from cvsync.emulator.site import Site
from cvsync.emulator.store import predictions
from cvsync.emulator.store.schema import Store
from cvsync.emulator.training import Trainer

MAX_BODY_BYTES = 256 * 1024 * 1024  # the service took 55 MB; base64 and a margin on top
MAX_LINE_BYTES = 64 * 1024  # 256 ids in a query are about 10 kB
_SHUTDOWN_SECONDS = 2.0


class AddressError(OSError):
    """Nothing can listen at the address that was given."""


class Emulator:
    """A Custom Vision service on this machine, for as long as the `async with` block lasts."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self.settings = settings
        self.url = ""
        """Where it serves, once started; without a slash at the end."""
        self._closing = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Emulator:
        """Start to serve.

        Raises:
            AddressError: Something else listens there already, or it is no address of this machine.
            SchemaError: The folder's state is not one that this version reads.
            OSError: The folder cannot be written to.
        """
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            self._closing = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        settings = self.settings
        await asyncio.to_thread(settings.data.mkdir, parents=True, exist_ok=True, mode=0o700)
        store = Store(settings.data / "state.sqlite")
        stack.callback(store.close)
        predictions.forget_old(store.db)
        blobs = Blobs(settings.data / "images")
        await asyncio.to_thread(blobs.sweep, store.contents())
        fetcher = await stack.enter_async_context(Fetcher(settings.fetch_timeout))
        links = Links("", store.secret(), settings.link_lifetime)
        site = Site(settings, store, blobs, fetcher, links)
        site.hooks = Hooks(site)
        stack.push_async_callback(site.hooks.close)
        site.trainer = Trainer(site)
        stack.push_async_callback(site.trainer.close)
        site.exporter = Exporter(site)
        stack.push_async_callback(site.exporter.close)
        site.importer = Importer(site)
        stack.push_async_callback(site.importer.close)
        runner = web.AppRunner(
            _application(Gate(site)),
            access_log=None,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            shutdown_timeout=_SHUTDOWN_SECONDS,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await self._listen(runner)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        site.trainer.resume()
        site.exporter.resume()
        site.importer.resume()
        self.url = links.base = f"http://{host}:{runner.addresses[0][1]}"

    async def _listen(self, runner: web.AppRunner) -> None:
        host, port = self.settings.host, self.settings.port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            # asyncio says the address in its own text; that of a name which leads nowhere has no number.
            reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
            raise AddressError(f"cannot listen on {host} port {port}: {reason}") from error


def _application(gate: Gate) -> web.Application:
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    control.add_routes(app, gate)

    async def serve_file(request: web.Request) -> web.StreamResponse:
        return await serving.serve_file(request, gate.site)

    async def serve_blob(request: web.Request) -> web.StreamResponse:
        return await serving.serve_blob(request, gate.site)

    app.router.add_get("/files/{path:.*}", serve_file)

    async def serve_copy(request: web.Request) -> web.StreamResponse:
        return await serving.serve_copy(request, gate.site)

    app.router.add_get("/{container:[iem]-[0-9a-f]+}/{blob}", serve_blob)
    app.router.add_get("/{container:prjexp-[0-9a-f]+}/{blob}", serve_copy)
    app.router.add_route("*", "/{path:.*}", gate.handle)
    return app


async def serve(settings: EmulatorSettings, *, ready: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT; `ready` is given the URL once calls are answered."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows has no handlers on the loop
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    async with Emulator(settings) as emulator:
        ready(emulator.url)
        await stop.wait()
