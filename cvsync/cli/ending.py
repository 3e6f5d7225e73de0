"""What ends a run before it is through: signals, and the deadline."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from cvsync.cli import exits

if TYPE_CHECKING:
    from cvsync.run.workers import Stop

DRAIN_SECONDS = 20.0  # for requests in flight; a container is given 30 between SIGTERM and SIGKILL
CANCEL_SECONDS = 0.9  # for everything else, once a second signal came

_AGAIN = "run the same command again to go on where it stopped"


class EarlyEndError(Exception):
    """A run that something ended early."""

    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(f"{message}; {_AGAIN}")


class Ending:
    """Ends a run in two stages.

    At the first signal, or when the deadline comes, nothing new is sent, and what is in flight has
    ``DRAIN_SECONDS`` to finish. Then, or at the second signal, it is cancelled and stays in the ledger as
    sent.
    """

    def __init__(
        self,
        stop: Stop,
        task: asyncio.Task[int],
        say: Callable[[str], None],
        give_up: Callable[[int], None],
    ) -> None:
        self._stop, self._task, self._say, self._give_up = stop, task, say, give_up
        self._cause: EarlyEndError | None = None
        self._timers: list[asyncio.TimerHandle] = []

    def watch(self, deadline: float | None) -> None:
        """Begin to listen for signals, and to wait for a deadline, in seconds."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self.on_signal, number)
            except NotImplementedError:  # Windows has no handlers on the loop
                signal.signal(number, lambda n, _: loop.call_soon_threadsafe(self.on_signal, n))
        if deadline is not None:
            self._timers.append(loop.call_later(max(0.0, deadline), self.on_deadline))

    def close(self) -> None:
        """Forget the deadline."""
        for timer in self._timers:
            timer.cancel()

    @property
    def cause(self) -> EarlyEndError | None:
        """What ended the run; None: nothing did."""
        return self._cause

    def on_signal(self, number: int) -> None:
        """Take a signal."""
        is_second = self._cause is not None
        if not is_second:
            self._cause = EarlyEndError("stopped early", 128 + number)
        self._end(at_once=is_second)

    def on_deadline(self) -> None:
        """Take the deadline."""
        if self._cause is None:
            self._cause = EarlyEndError("the deadline came", exits.LATER)
            self._end(at_once=False)

    def _end(self, *, at_once: bool) -> None:
        assert self._cause is not None
        if at_once:
            # What cannot be cancelled, as a thread that reads a file, does not hold the exit up.
            watchdog = threading.Timer(CANCEL_SECONDS, self._give_up, [self._cause.exit_code])
            watchdog.daemon = True
            watchdog.start()
        if at_once or not self._stop.is_draining:
            self._task.cancel()
            return
        self._stop.request(str(self._cause))
        self._say("stopping: requests in flight finish first; once more to cancel them")
        self._timers.append(asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._task.cancel))


def exit_now(code: int) -> None:
    """End the process without waiting for anything; the ledger holds all that was answered."""
    os._exit(code)
