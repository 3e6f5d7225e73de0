"""An emulator in a thread of this process, for programs that block: test suites above all."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from threading import Thread
from types import TracebackType

from cvsync.emulator.server import Emulator
from cvsync.emulator.settings import EmulatorSettings


class EmulatorThread:
    """Serves for as long as the `with` block lasts, on an event loop of its own.

    A program that already runs on asyncio takes `Emulator` with `async with` instead.
    """

    def __init__(self, settings: EmulatorSettings) -> None:
        self.settings = settings
        self.url = ""
        """Where it serves, once started; without a slash at the end."""
        self._started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = Thread(target=self._run, name="cvsync emulator", daemon=True)

    def __enter__(self) -> EmulatorThread:
        self._thread.start()
        self.url, self._loop, self._stop = self._started.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # handed over to whoever waits for the start
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        stop = asyncio.Event()
        async with Emulator(self.settings) as emulator:
            self._started.set_result((emulator.url, asyncio.get_running_loop(), stop))
            await stop.wait()
