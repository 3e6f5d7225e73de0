"""One run at a time: many that start together, one that is paused, one that dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from cvsync.errors import LockedError
from cvsync.run.lock import hold_lock

# Forks so many processes, lets them go at once, and tells their exit codes: 0 for who entered, 8 for who
# could not. Who enters stays until all others are through.
RACE = """
import os, sys
from pathlib import Path
from cvsync.cli.exits import exit_code
from cvsync.errors import LockedError
from cvsync.run.lock import hold_lock
folder, processes, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for _ in range(rounds):
    start, go = os.pipe()
    stay, leave = os.pipe()
    children = {}
    for number in range(processes):
        pid = os.fork()
        if pid == 0:
            os.close(go), os.close(leave)
            os.read(start, 1)
            try:
                with hold_lock(folder, run_id=f"run-{number}"):
                    sys.stdout.write(f"entered {os.getpid()}\\n")
                    sys.stdout.flush()
                    os.read(stay, 1)
            except LockedError as error:
                os._exit(exit_code(error))
            os._exit(0)
        children[pid] = None
    os.close(start), os.close(stay), os.close(go)
    for _ in range(processes - 1):
        pid, status = os.wait()
        children[pid] = os.waitstatus_to_exitcode(status)
    os.close(leave)
    pid, status = os.wait()
    children[pid] = os.waitstatus_to_exitcode(status)
    sys.stdout.write(" ".join(map(str, children.values())) + "\\n")
"""

HOLD = """
import sys, time
from pathlib import Path
from cvsync.run.lock import hold_lock
with hold_lock(Path(sys.argv[1]), run_id="holder"):
    print("holding", flush=True)
    sys.stdin.read()
"""


def race(folder: Path, *, processes: int, rounds: int) -> list[Counter[str]]:
    command = [sys.executable, "-c", RACE, str(folder), str(processes), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    lines = [line for line in done.stdout.splitlines() if not line.startswith("entered")]
    return [Counter(line.split()) for line in lines]


def test_of_fifty_that_start_together_one_enters(tmp_path: Path) -> None:
    assert race(tmp_path, processes=50, rounds=3) == [Counter({"8": 49, "0": 1})] * 3


@pytest.mark.soak
@pytest.mark.timeout(0)  # 50,000 processes take what they take; only a round that hangs is an error
def test_of_fifty_that_start_together_one_enters_a_thousand_times(tmp_path: Path) -> None:
    for _ in range(100):
        assert race(tmp_path, processes=50, rounds=10) == [Counter({"8": 49, "0": 1})] * 10


@pytest.fixture
def holder(tmp_path: Path) -> object:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        yield process
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)


def test_holder_that_is_paused_keeps_the_lock_and_is_named(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    os.kill(holder.pid, signal.SIGSTOP)

    with pytest.raises(LockedError, match=f"run holder, process {holder.pid} on"):
        hold_lock(tmp_path, run_id="second").__enter__()

    os.kill(holder.pid, signal.SIGCONT)
    holder.communicate("")
    assert holder.returncode == 0
    with hold_lock(tmp_path, run_id="third"):
        pass


def test_lock_of_a_holder_that_died_is_free(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()

    with hold_lock(tmp_path, run_id="next"):
        assert "run next" in (tmp_path / "holder").read_text()
