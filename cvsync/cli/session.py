"""The edge between click and a flow: settings, signals, the one asyncio.run, and the exit code."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cvsync.cli import exits, process
from cvsync.cli.common import LOCAL, Common
from cvsync.cli.ending import EarlyEndError, Ending, exit_now
from cvsync.cli.endpoints import endpoint_url
from cvsync.cli.jobs.listening import pass_on
from cvsync.cli.jsonl import JsonOutput
from cvsync.cli.keys import KeyNames, prediction_key, training_key
from cvsync.cli.terminating import Terminated, terminating
from cvsync.cli.text import TextOutput
from cvsync.errors import LockedError, SettingsError
from cvsync.events import Event, Observer, tell
from cvsync.run.names import new_run_id

if TYPE_CHECKING:
    from cvsync.flows.service import Judge, Service
    from cvsync.manifest import Name
    from cvsync.run.workers import Stop
    from cvsync.settings import Settings

Output = TextOutput | JsonOutput
Files = tuple[Path, str]
Flow = Callable[["Service", Files | None], Awaitable[int]]

_FIRST_LOCK_WAIT, _LONGEST_LOCK_WAIT = 1.0, 16.0


def execute(
    common: Common, flow: Flow, *, command: str, manifests: Sequence[Name] = (), keys: KeyNames | None = None
) -> int:
    """Run a flow against the chosen resource and give the exit code; ``run_end`` is told whatever happens.

    Args:
        common: Which resource, and how hard to push.
        flow: What is done.
        command: The verb, for events.
        manifests: The local emulator serves the folder that holds them.
        keys: Where keys stand; None: where the shared options say.
    """
    run_id = new_run_id()
    output: Output = TextOutput(quiet=common.quiet, verbose=common.verbose)
    if common.json:
        output = JsonOutput(run=run_id, destination=common.endpoint)
    told = _Told(output)
    told(Event("run_start", {"command": command, "project": common.project}))
    for name in common.overruled:
        other = "cvsync.toml" if common.profile is None else f"profile {common.profile}"
        text = f"{name} is {getattr(common, name)}, as the environment says, and not {other}"
        tell(told, "warning", text=text)
    code, reason = exits.UNEXPECTED, None
    try:
        with terminating():
            code = asyncio.run(_drive(common, flow, told, manifests, run_id, keys=keys or common.keys))
    except EarlyEndError as error:
        code, reason = error.exit_code, str(error)
    except Exception as error:
        reason = exits.explain(error)
        if reason is None:
            raise
        code = exits.exit_code(error)
    except KeyboardInterrupt:  # before there was a loop that takes it
        code, reason = exits.INTERRUPTED, "interrupted"
    except Terminated:
        code, reason = exits.TERMINATED, "terminated"
    finally:
        told.end(code, reason)
    return code


class _Told:
    """Passes events on to an output, and sees to it that the last one sums the run up."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._totals: dict[str, object] = {}
        self.has_result = False
        """Whether the command came to its end and showed what it did, though it may have been stopped."""
        self.error = output.error

    def __call__(self, event: Event) -> None:
        if event.name == "totals":
            self._totals = {name: fact for name, fact in event.facts.items() if name != "run_id"}
        self._tell(event)

    def end(self, code: int, reason: str | None) -> None:
        """Tell the end, and say what went wrong."""
        facts: dict[str, object] = {"exit_code": code, "totals": self._totals}
        self._tell(Event("run_end", facts | ({"reason": reason} if reason else {})))
        if reason and not self.has_result:
            self._output.until_then(self._totals)
        self._output.close()
        if reason:
            self._output.error(reason)

    def _tell(self, event: Event) -> None:
        self._output(event)
        pass_on(event)

    def give_up(self, code: int) -> None:
        """End the process at once."""
        self.end(code, "cancelled")
        exit_now(code)


async def _drive(
    common: Common, flow: Flow, told: _Told, manifests: Sequence[Name], run_id: str, *, keys: KeyNames
) -> int:
    from cvsync.run.workers import Stop

    stop, task = Stop(), asyncio.current_task()
    assert task is not None
    ending = Ending(stop, task, told.error, told.give_up)
    ending.watch(common.deadline)
    process.arrange()
    try:
        async with open_resource(common, told, stop, manifests, keys=keys) as (service, files):
            free = _when_free(flow, common.lock_timeout, told)
            code = await free(replace(service, run_id=run_id, judge=_judge(ending)), files)
            told.has_result = True
    except asyncio.CancelledError:
        if ending.cause is None:
            raise
        raise ending.cause from None
    finally:
        ending.close()
    if ending.cause is not None:
        raise ending.cause
    if stop.requested:
        told.error(stop.reason)
    return code


def _judge(ending: Ending) -> Judge:
    """Have the ledger note the exit code and the reason with which the command will end."""
    from cvsync.flows.service import End, describe

    def judge(error: BaseException | None) -> End | None:
        early = ending.cause
        if early is not None and (error is None or isinstance(error, asyncio.CancelledError)):
            return End(early.exit_code, str(early))
        return None if error is None else End(exits.exit_code(error), describe(error))

    return judge


def _when_free(flow: Flow, timeout: float, observer: Observer) -> Flow:
    """Have a flow begin anew, for so long, while another run holds the lock."""

    async def wait_for_it(service: Service, files: Files | None) -> int:
        clock = asyncio.get_running_loop().time
        end, wait = clock() + timeout, _FIRST_LOCK_WAIT
        while True:
            try:
                return await flow(service, files)
            except LockedError as error:
                left = end - clock()
                if left <= 0:
                    raise
                tell(observer, "lock", reason=str(error), wait=min(wait, left))
                await asyncio.sleep(min(wait, left))
                wait = min(_LONGEST_LOCK_WAIT, wait * 2)

    return wait_for_it


@asynccontextmanager
async def open_resource(
    common: Common,
    observer: Observer,
    stop: Stop,
    manifests: Sequence[Name] = (),
    *,
    keys: KeyNames | None = None,
) -> AsyncIterator[tuple[Service, Files | None]]:
    """Open the resource that the shared options name, for as long as the block lasts.

    Args:
        common: Which resource, and how hard to push.
        observer: Is told what happens.
        stop: Ends what is under way early.
        manifests: The local emulator serves the folder that holds them.
        keys: Where keys stand; None: where the shared options say.

    Gives:
        The resource for a flow; and, of the local emulator, the folder that it serves with the URL of that.

    Raises:
        SettingsError: An endpoint or a key is missing or wrong.
        LockedError: Another process has the local emulator's data folder.
    """
    from cvsync.api.retry import RetryPolicy
    from cvsync.flows.service import open_service

    async with AsyncExitStack() as stack:
        reached = await _reach(stack, common, manifests, keys or common.keys)
        service = await stack.enter_async_context(
            open_service(
                reached.settings,
                state=common.state,
                destination=reached.destination,
                observer=observer,
                stop=stop,
                policy=RetryPolicy(max_outage=common.max_outage),
            )
        )
        yield service, reached.files


@dataclass(frozen=True)
class _Reached:
    """A resource that answers, and the credentials for it."""

    settings: Settings
    destination: str | None = None
    files: Files | None = None


async def _reach(
    stack: AsyncExitStack, common: Common, manifests: Sequence[Name], keys: KeyNames
) -> _Reached:
    if common.endpoint == LOCAL:
        from cvsync.cli.local import local_emulator

        local = await stack.enter_async_context(local_emulator(common.local_folder, manifests))
        settings = replace(
            _settings(common, local.url),
            training_key=local.training_key,
            prediction_key=local.prediction_key,
        )
        if common.tps is None and common.tps_max is None:
            settings = replace(settings, tps=math.inf)  # this process has no cap to find
        return _Reached(settings, f"local {common.local_folder}", local.files)
    settings = replace(_settings(common, _endpoint(common)), prediction_endpoint=_prediction_endpoint(common))
    if common.auth == "azure":
        from cvsync.api.token import azure_tokens

        return _Reached(replace(settings, token=await stack.enter_async_context(azure_tokens())))
    return _Reached(replace(settings, training_key=training_key(keys), prediction_key=prediction_key(keys)))


def _settings(common: Common, endpoint: str) -> Settings:
    from cvsync.settings import Settings

    return Settings(
        endpoint=endpoint,
        api_version=common.api_version,
        concurrency=common.concurrency,
        tps=common.tps,
        tps_max=common.tps_max,
    )


def _prediction_endpoint(common: Common) -> str | None:
    url = common.prediction_endpoint
    return endpoint_url("--prediction-endpoint", url) if url else None


def _endpoint(common: Common) -> str:
    name = common.endpoint_name
    if not common.endpoint and name != Common.endpoint_name:
        raise SettingsError(f"{name} is missing in cvsync.toml")
    if not common.endpoint:
        raise SettingsError(
            "which resource? Give -e/--endpoint URL or set CVSYNC_ENDPOINT; "
            "`--endpoint local` needs no account"
        )
    return endpoint_url(name, common.endpoint, or_local=True)
