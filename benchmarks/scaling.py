"""Time, calls and memory of a first push as the manifest grows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from benchmarks.effort import Effort
from benchmarks.process import Ran
from benchmarks.scene import open_scene, write_manifest
from benchmarks.tables import Goal, Table

ROWS = (1_000, 10_000, 100_000, 1_000_000)
QUICK_ROWS = ROWS[:2]
PEAK_GOAL_MB = 300
MB = 1e6


def exponent(sizes: list[int], values: list[float]) -> float:
    """Give the slope of a line through the logarithms: 1 is linear."""
    slope, _ = np.polyfit([math.log(n) for n in sizes], [math.log(v) for v in values], 1)
    return float(slope)


def push(rows: int) -> tuple[Ran, int, int]:
    """Push so many rows into a project of its own; the run, its calls, and the images that are missing."""
    with open_scene() as scene:
        ran = scene.run_cvsync("push", write_manifest(scene.folder, rows), "--quota", "none", "-q")
        calls = sum(sum(by.values()) for by in scene.calls().values())
        return ran, calls, rows - scene.held().images


def tables(effort: Effort) -> Iterator[Table]:
    """Push manifests of every size, and one of a single row, which shows what a push takes at least."""
    sizes = list(QUICK_ROWS if effort is Effort.QUICK else ROWS)
    base = push(1)[0].peak
    found = [push(size) for size in sizes]
    rows: list[list[object]] = [
        [size, ran.seconds, ran.cpu, calls, ran.peak / MB, size / ran.seconds, missing, ran.code]
        for size, (ran, calls, missing) in zip(sizes, found, strict=True)
    ]
    seconds = [ran.seconds for ran, _, _ in found]
    note = (
        "The emulator answers as fast as it can, on the same cores. "
        f"Seconds grow with the rows to the power of {exponent(sizes, seconds):.2f} over the whole range, "
        f"{exponent(sizes[-2:], seconds[-2:]):.2f} from the second largest to the largest. "
        f"A push of one row peaks at {base / MB:.0f} MB."
    )
    what = f"peak of a push of {sizes[-1]:,} rows, over a push of one row, MB"
    goals = [Goal(what, PEAK_GOAL_MB, (found[-1][0].peak - base) / MB)]
    columns = ["rows", "seconds", "client CPU s", "calls", "peak MB", "images/s", "lost", "exit"]
    yield Table("Scaling: a first push, one image a row", columns, rows, [note], goals=goals)
