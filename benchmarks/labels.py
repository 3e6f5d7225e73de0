"""Read, validate and diff beside pandas, polars and DuckDB: `make bench-labels`.

Engines run one at a time, each in a process of its own, on the same three files; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.effort import Effort
from benchmarks.generate import generate
from benchmarks.tables import Goal, Table

DIFF = ("pandas", "polars", "duckdb", "cvsync")
READ = ("bare read", "cvsync read")
MB = 1_000_000
READ_GOAL = 2.0


def main() -> int:
    """Run, print the tables, and fail if the engines disagree on what changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.processor() or platform.machine()}\n")
    for rows in options.rows:
        for table in compare(rows, options.runs):
            print("\n".join([*table.lines(), ""]), flush=True)
    return 0


def tables(effort: Effort) -> Iterator[Table]:
    """Measure, for a report."""
    if effort is Effort.QUICK:
        yield from compare(100_000, runs=1)
        return
    yield from compare(1_000_000, runs=3)
    if effort is Effort.FULL:
        yield from compare(10_000_000, runs=3)


def compare(rows: int, runs: int) -> Iterator[Table]:
    """Read, and diff, manifests of so many labels."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        generate(place, rows)
        what = f"{rows:,} labels, read and validated"
        yield show(what, measure(place, READ, runs), best_of=READ[:1], times=READ_GOAL)
        what = f"{rows:,} labels, 1 % changed, read, validated and diffed"
        yield show(what, measure(place, DIFF, runs), best_of=DIFF[:-1])


def measure(place: Path, engines: tuple[str, ...], runs: int) -> dict[str, list[dict[str, Any]]]:
    """Run the engines in turn, so that a slow minute of the machine hits them all."""
    found: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
    for _ in range(runs):
        for engine in engines:
            command = [sys.executable, "-m", "benchmarks.engines", engine, place]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[engine].append(json.loads(done.stdout))
    return found


def show(
    what: str, found: dict[str, list[dict[str, Any]]], best_of: Sequence[str], times: float = 1.0
) -> Table:
    """Show medians, and hold ours, which come last, against so many times the best of the others.

    Raises:
        AssertionError: The counts are not the same for all.
    """
    counts = {json.dumps(run["counts"], sort_keys=True) for runs in found.values() for run in runs}
    assert len(counts) == 1, counts
    middle = {
        engine: [statistics.median(run[n] for run in runs) for n in ("seconds", "peak", "imports")]
        for engine, runs in found.items()
    }
    rows = [[engine, s, peak / MB, imports / MB] for engine, (s, peak, imports) in middle.items()]
    ours = middle[[*found][-1]]
    seconds, peak = (min(middle[engine][n] for engine in best_of) for n in (0, 1))
    goals = [Goal(f"{what}: seconds, times the best of the others", times, ours[0] / seconds)]
    if times == 1:
        goals.append(Goal(f"{what}: peak of memory, times the best of the others", times, ours[1] / peak))
    columns = ["engine", "seconds", "peak MB", "of which imports"]
    note = f"Medians of {len(found[best_of[0]])}. All found {counts.pop()}."
    return Table(what, columns, rows, [note], goals=goals)


if __name__ == "__main__":
    sys.exit(main())
