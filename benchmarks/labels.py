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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.generate import generate

DIFF = ("pandas", "polars", "duckdb", "cvsync")
READ = ("bare read", "cvsync read")
MB = 1_000_000


def main() -> int:
    """Run, print the tables, and fail if the engines disagree on what changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.processor() or platform.machine()}")
    with tempfile.TemporaryDirectory() as folder:
        for rows in options.rows:
            place = Path(folder) / str(rows)
            place.mkdir()
            generate(place, rows)
            for title, engines in (("read and validate", READ), ("read, validate and diff", DIFF)):
                print(f"\n{rows:,} labels, 1 % changed: {title}\n")
                print("\n".join(table(measure(place, engines, options.runs))), flush=True)
    return 0


def measure(place: Path, engines: tuple[str, ...], runs: int) -> dict[str, list[dict[str, Any]]]:
    """Run the engines in turn, so that a slow minute of the machine hits them all."""
    found: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
    for _ in range(runs):
        for engine in engines:
            command = [sys.executable, "-m", "benchmarks.engines", engine, place]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[engine].append(json.loads(done.stdout))
    return found


def table(found: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Show medians; the counts must be the same for all.

    Raises:
        AssertionError: They are not.
    """
    counts = {json.dumps(run["counts"], sort_keys=True) for runs in found.values() for run in runs}
    assert len(counts) == 1, counts
    yield "| engine | seconds | peak MB | of which imports |"
    yield "|---|---|---|---|"
    for engine, runs in found.items():
        seconds, peak, imports = (
            statistics.median(r[n] for r in runs) for n in ("seconds", "peak", "imports")
        )
        yield f"| {engine} | {seconds:.2f} | {peak / MB:,.0f} | {imports / MB:,.0f} |"
    yield f"\nAll found {counts.pop()}."


if __name__ == "__main__":
    sys.exit(main())
