"""An emulator in a process of its own, so that whoever kills a client never kills the service."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar

_LINE = "cvsync emulator listening on "
_STOP_SECONDS = 10.0


class EmulatorProcessError(Exception):
    """The emulator ended before it served."""


class EmulatorProcess:
    """Runs `cvsync emulate` for as long as the `with` block lasts; may be killed and started again.

    Safe to start twice one after the other: the state is in the folder, so it goes on where it was.
    """

    program: ClassVar[Sequence[str]] = (sys.executable, "-m", "cvsync")
    """What has the command `emulate`."""

    def __init__(
        self,
        data: Path,
        *,
        port: int = 0,
        tps: float | None = None,
        tps_kind: str | None = None,
        latency: float | None = None,
        quota: str | None = None,
        files: Path | None = None,
        link_lifetime: float | None = None,
        fetch: bool = True,
        faults: Sequence[str] = (),
        quirks: Sequence[str] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        options = {
            "--port": port, "--data": data, "--tps": tps, "--tps-kind": tps_kind, "--latency": latency,
            "--quota": quota, "--files": files, "--link-lifetime": link_lifetime,
        }  # fmt: skip
        self._command = [*self.program, "emulate"]
        for name, value in options.items():
            if value is not None:
                self._command += [name, str(value)]
        if not fetch:
            self._command.append("--no-fetch")
        for fault in faults:
            self._command += ["--fault", fault]
        for quirk in quirks:
            self._command += ["--quirk", quirk]
        self._environment = os.environ | (environment or {})
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        """Where it serves, once started."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start and wait until it serves."""
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            self._command, stdout=subprocess.PIPE, text=True, env=self._environment
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith(_LINE):
            self.stop()
            raise EmulatorProcessError(f"the emulator did not start: {line.strip() or 'it said nothing'}")
        self.url = line.removeprefix(_LINE).strip()

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        self._end(hard=True)

    def stop(self) -> int | None:
        """End it cleanly; its exit code, or None if it had ended before."""
        return self._end(hard=False)

    def _end(self, *, hard: bool) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if hard:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        return process.returncode

    def __enter__(self) -> EmulatorProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
