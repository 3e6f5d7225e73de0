"""A command in a process of its own, and what it took: seconds, processor time, memory."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from benchmarks.memory import peak_of

_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a command."""

    code: int
    seconds: float
    """From start to exit, by the clock on the wall."""
    cpu: float
    """Seconds of processor time, of the command and of what it started and waited for."""
    peak: int
    """Bytes of memory at most, of the command alone; 0 where the system does not tell."""
    out: str
    err: str


def run(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None, *, timeout: float = 900
) -> Ran:
    """Run a command to its end, whatever its exit code; after ``timeout`` seconds it is killed.

    Python keeps what it compiled, as it does of everything that is installed: a checkout that is compiled
    anew at each start would tell of the machine's settings.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            [*map(str, command)], stdout=out, stderr=err, env=inherited | dict(environment or {})
        )
        watch = _Watch(process.pid)
        killer = threading.Timer(timeout, process.kill)
        killer.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        killer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = watch.stop()
        texts = [(file.seek(0), file.read())[1] for file in (out, err)]
    return Ran(process.returncode, seconds, usage.ru_utime + usage.ru_stime, peak, *texts)


class _Watch:
    """Notes a process's peak of memory again and again; it only grows, so the last look has it."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peak = pid, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self._peak = max(self._peak, peak_of(self._pid) or 0)

    def stop(self) -> int:
        self._over.set()
        self._thread.join()
        return self._peak
