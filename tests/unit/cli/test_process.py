"""What a command does to its own process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import cvsync.cli.main as main
main.cli.main = lambda **_: print(__import__("pyarrow").default_memory_pool().backend_name) or 0
main.run()
"""


@pytest.mark.parametrize(("chosen", "pool"), [(None, "system"), ("mimalloc", "mimalloc")])
def test_arrow_takes_memory_from_the_system_unless_told_otherwise(chosen: str | None, pool: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    if chosen is not None:
        environment["ARROW_DEFAULT_MEMORY_POOL"] = chosen

    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )

    assert ran.stdout.strip() == pool


THREADS = """
import os, sys
import click
from cvsync.cli.main import cli
cli.get_command(click.Context(cli), sys.argv[1])
import numpy
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are counted in /proc")
@pytest.mark.parametrize("verb", ["push", "validate"])
def test_numpy_starts_no_threads_for_a_verb_that_needs_none(verb: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}

    ran = subprocess.run(
        [sys.executable, "-c", THREADS, verb], env=environment, capture_output=True, text=True, check=True
    )

    assert ran.stdout.strip() == "1"


LATE = """
import atexit, os, signal, sys
import cvsync.cli.main as main
atexit.register(os.kill, os.getpid(), int(sys.argv[1]))
main.cli.main = lambda **_: 7
main.run()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_when_all_is_done_changes_no_exit_code(number: signal.Signals) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LATE, str(int(number))], capture_output=True, text=True, check=False
    )

    assert (ran.returncode, ran.stderr) == (7, "")
