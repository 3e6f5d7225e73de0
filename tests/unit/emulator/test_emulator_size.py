"""The benchmark of large projects runs, on a small one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_benchmark_prints_a_line_for_each_kind_of_call() -> None:
    command = [sys.executable, "-m", "benchmarks.emulator_size", "--images", "300", "--repeats", "2"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)

    title, head, *lines = done.stdout.splitlines()
    assert title == "300 images in one project"
    assert head.split()[:3] == ["call", "calls", "median"]
    assert len(lines) == 11
    assert {"create batch of 64, last tenth", "last page"} <= {line[:34].strip() for line in lines}


def test_table_says_what_missed_its_goal() -> None:
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks.emulator_size import table
    finally:
        sys.path.remove(str(ROOT))

    fast, slow = table([("fast", [0.001, 0.002, 0.003], 20), ("slow", [0.03, 0.04], 20)]).splitlines()[1:]

    assert fast.split() == ["fast", "3", "2.0", "3.0", "20"]
    assert slow.split() == ["slow", "2", "35.0", "40.0", "20", "missed"]
