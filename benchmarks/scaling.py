"""Time, calls and memory of a first push as the manifest grows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from benchmarks.effort import Effort
from benchmarks.scene import open_scene, write_manifest
from benchmarks.tables import Table

ROWS = (1_000, 10_000, 100_000, 1_000_000)
QUICK_ROWS = ROWS[:2]


def exponent(sizes: list[int], values: list[float]) -> float:
    """Give the slope of a line through the logarithms: 1 is linear."""
    slope, _ = np.polyfit([math.log(n) for n in sizes], [math.log(v) for v in values], 1)
    return float(slope)


def tables(effort: Effort) -> Iterator[Table]:
    """Push manifests of every size, each into a project of its own."""
    rows, sizes = [], list(QUICK_ROWS if effort is Effort.QUICK else ROWS)
    seconds = []
    for size in sizes:
        with open_scene() as scene:
            manifest = write_manifest(scene.folder, size)
            ran = scene.run_cvsync("push", manifest, "--quota", "none", "-q")
            calls = sum(sum(by.values()) for by in scene.calls().values())
            held = scene.held().images
        seconds.append(ran.seconds)
        rows.append(
            [size, ran.seconds, ran.cpu, calls, ran.peak / 1e6, size / ran.seconds, size - held, ran.code]
        )
    columns = ["rows", "seconds", "client CPU s", "calls", "peak MB", "images/s", "lost", "exit"]
    note = (
        "The emulator answers as fast as it can, on the same cores. "
        f"Seconds grow with the rows to the power of {exponent(sizes, seconds):.2f} over the whole range, "
        f"{exponent(sizes[-2:], seconds[-2:]):.2f} from the second largest to the largest."
    )
    yield Table("Scaling: a first push, one image a row", columns, rows, [note])
