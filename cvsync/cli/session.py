"""The edge between click and a flow: settings, signals, the one asyncio.run, and the exit code."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cvsync.cli import exits
from cvsync.cli.jsonl import JsonOutput
from cvsync.cli.options import LOCAL, Common
from cvsync.cli.text import TextOutput
from cvsync.errors import CvsyncError, SettingsError
from cvsync.events import Event

if TYPE_CHECKING:
    from cvsync.flows.service import Service
    from cvsync.settings import Settings

Output = TextOutput | JsonOutput
Files = tuple[Path, str]
Flow = Callable[["Service", Files | None], Awaitable[int]]

_KEY_VARIABLES = ("CVSYNC_TRAINING_KEY", "VISION_TRAINING_KEY", "TRAININGKEY")


class InterruptedRunError(Exception):
    """A signal ended the run early."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__("stopped early; run the same command again to go on where it stopped")


def execute(common: Common, flow: Flow, *, command: str, manifests: Sequence[Path] = ()) -> int:
    """Run a flow against the chosen resource and give the exit code; ``run_end`` is told whatever happens."""
    output: Output = JsonOutput() if common.json else TextOutput(quiet=common.quiet, verbose=common.verbose)
    output(Event("run_start", {"command": command, "project": common.project}))
    code, reason = exits.UNEXPECTED, None
    try:
        code = asyncio.run(_drive(common, flow, output, manifests))
    except InterruptedRunError as error:
        code, reason = 128 + error.number, str(error)
    except CvsyncError as error:
        code, reason = exits.exit_code(error), str(error)
    finally:
        facts = {"exit_code": code} | ({"reason": reason} if reason else {})
        output(Event("run_end", facts))
        output.close()
    if reason:
        output.error(reason)
    return code


async def _drive(common: Common, flow: Flow, output: Output, manifests: Sequence[Path]) -> int:
    from cvsync.run.workers import Stop

    stop, task = Stop(), asyncio.current_task()
    assert task is not None
    received: list[int] = []

    def on_signal(number: int) -> None:
        received.append(number)
        if stop.is_draining and not stop.requested:
            stop.request()
            output.error("stopping: requests in flight finish first; once more to cancel them")
        else:
            task.cancel()

    _watch_signals(on_signal)
    try:
        async with _service(common, output, stop, manifests) as (service, files):
            code = await flow(service, files)
    except asyncio.CancelledError:
        if not received:
            raise
        raise InterruptedRunError(received[0]) from None
    if received:
        raise InterruptedRunError(received[0])
    return code


def _watch_signals(handle: Callable[[int], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, handle, number)
        except NotImplementedError:  # Windows has no handlers on the loop
            signal.signal(number, lambda n, _: loop.call_soon_threadsafe(handle, n))


@asynccontextmanager
async def _service(
    common: Common, output: Output, stop: object, manifests: Sequence[Path]
) -> AsyncIterator[tuple[Service, Files | None]]:
    from cvsync.api.retry import RetryPolicy
    from cvsync.flows.service import open_service
    from cvsync.run.workers import Stop

    assert isinstance(stop, Stop)
    policy = RetryPolicy(max_outage=common.max_outage)
    if common.endpoint == LOCAL:
        from cvsync.cli.local import local_emulator

        async with local_emulator(common.local_folder, manifests) as (url, key, files):
            settings = replace(_settings(common, url), training_key=key)
            if common.tps is None and common.tps_max is None:
                settings = replace(settings, tps=math.inf)  # this process has no cap to find
            destination = f"local {common.local_folder}"
            async with open_service(
                settings,
                state=common.state,
                destination=destination,
                observer=output,
                stop=stop,
                policy=policy,
            ) as service:
                yield service, files
        return
    settings = _settings(common, _endpoint(common))
    if common.auth == "azure":
        from cvsync.api.token import azure_tokens

        async with (
            azure_tokens() as token,
            open_service(
                replace(settings, token=token), state=common.state, observer=output, stop=stop, policy=policy
            ) as service,
        ):
            yield service, None
        return
    settings = replace(settings, training_key=_training_key())
    async with open_service(
        settings, state=common.state, observer=output, stop=stop, policy=policy
    ) as service:
        yield service, None


def _settings(common: Common, endpoint: str) -> Settings:
    from cvsync.settings import Settings

    return Settings(
        endpoint=endpoint,
        api_version=common.api_version,
        concurrency=common.concurrency,
        tps=common.tps,
        tps_max=common.tps_max,
    )


def _endpoint(common: Common) -> str:
    if not common.endpoint:
        raise SettingsError(
            "which resource? Give -e/--endpoint URL or set CVSYNC_ENDPOINT; "
            "`--endpoint local` needs no account"
        )
    if not common.endpoint.startswith(("http://", "https://")):
        raise SettingsError(f"--endpoint {common.endpoint!r} is neither `local` nor an http(s) URL")
    return common.endpoint


def _training_key() -> str:
    file = os.environ.get("CVSYNC_TRAINING_KEY_FILE")
    if file:
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise SettingsError(f"CVSYNC_TRAINING_KEY_FILE {file}: {error.strerror}") from error
    for name in _KEY_VARIABLES:
        if os.environ.get(name):
            return os.environ[name]
    raise SettingsError(
        "no training key: set CVSYNC_TRAINING_KEY, or CVSYNC_TRAINING_KEY_FILE to a file with it"
    )
