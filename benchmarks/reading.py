"""What reading and validating a manifest costs beside pyarrow's bare read of the same file, for many shapes.

    make bench-reading
    python -m benchmarks.reading --rows 1000000 --runs 5 --shapes csv signed

Each read is in a process of its own, the two taking turns; figures are medians. Processor time is that of all
threads together.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from benchmarks.generate import BOX, generate
from benchmarks.memory import peak
from cvsync.cli import process

GOAL = 2
READERS = ("bare", "cvsync")
_SIGNATURE = (
    "?sv=2024-11-04&ss=b&srt=o&sp=r&se=2031-01-01T00%3A00%3A00Z"
    "&sig=3Jq8%2Bx7dVfE5bWkZtq0m6a1r2s3t4u5v6w7x8y9zA%3D"
)


def _paths(table: pa.Table) -> pa.Table:
    paths = pc.replace_substring(table.column("url"), "https://pictures.example/", "")
    return table.set_column(0, "path", paths)


def _shuffled(table: pa.Table) -> pa.Table:
    return table.take(pa.array(np.random.default_rng(1).permutation(len(table))))


def _signed(table: pa.Table) -> pa.Table:
    return table.set_column(0, "url", pc.binary_join_element_wise(table.column("url"), _SIGNATURE, ""))


def _by_image(table: pa.Table) -> pa.Table:
    """One row an image: lists of tags and of boxes."""
    url = table.column("url").combine_chunks()
    starts = np.flatnonzero(np.append(True, np.asarray(pc.not_equal(url[1:], url[:-1]))))
    offsets = pa.array(np.append(starts, len(url)), pa.int32())
    sides = np.stack([np.asarray(table.column(side)) for side in BOX], axis=1)
    boxes = pa.FixedSizeListArray.from_arrays(pa.array(sides.ravel()), len(BOX)).cast(pa.list_(pa.float32()))
    tags = pa.ListArray.from_arrays(offsets, table.column("tag").combine_chunks())
    return pa.table(
        {"url": url.take(pa.array(starts)), "tags": tags, "boxes": pa.ListArray.from_arrays(offsets, boxes)}
    )


def _csv(table: pa.Table, path: Path, *, quotes: str = "none") -> None:
    pa_csv.write_csv(table, path, pa_csv.WriteOptions(quoting_style=quotes))


SHAPES: dict[str, Callable[[pa.Table, Path], None]] = {
    "parquet": pq.write_table,
    "paths": lambda table, path: pq.write_table(_paths(table), path),
    "shuffled": lambda table, path: pq.write_table(_shuffled(table), path),
    "signed": lambda table, path: pq.write_table(_signed(table), path),
    "by-image": lambda table, path: pq.write_table(_by_image(table), path),
    "csv": _csv,
    "quoted-csv": lambda table, path: _csv(table, path, quotes="all_valid"),
}


def read(reader: str, path: Path) -> dict[str, float]:
    """Read a file in this process."""
    run = _with_cvsync(path) if reader == "cvsync" else _bare(path)
    imports, cpu, wall = peak(), time.process_time(), time.perf_counter()
    kept = run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu, "wall": wall, "peak": peak() - imports, "rows": len(kept)}


def _with_cvsync(path: Path) -> Callable[[], Any]:
    from cvsync.manifest import read

    return lambda: read([path]).labels


def _bare(path: Path) -> Callable[[], Any]:
    return lambda: pq.read_table(path) if path.suffix == ".parquet" else pa_csv.read_csv(path)


def measure(path: Path, runs: int) -> dict[str, dict[str, float]]:
    """Read a file by each reader in turn; medians."""
    found: dict[str, list[dict[str, float]]] = {reader: [] for reader in READERS}
    for _ in range(runs):
        for reader in READERS:
            command = [sys.executable, "-m", "benchmarks.reading", "--one", reader, path]
            # As the command has it, which asks before Arrow is loaded; this module loads it first.
            pool = {"ARROW_DEFAULT_MEMORY_POOL": "system"} if reader == "cvsync" else {}
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | pool)
            found[reader].append(json.loads(done.stdout))
    return {
        reader: {name: statistics.median(one[name] for one in of_one) for name in of_one[0]}
        for reader, of_one in found.items()
    }


def row(shape: str, found: dict[str, dict[str, float]]) -> str:
    """Show the two readers side by side."""
    bare, ours = (found[reader] for reader in READERS)
    ratio = ours["cpu"] / bare["cpu"]
    missed = "" if ratio <= GOAL else " MISSED"
    return (
        f"| {shape} | {bare['cpu']:.2f} | {ours['cpu']:.2f} | {ratio:.2f}{missed} |"
        f" {bare['wall']:.2f} | {ours['wall']:.2f} | {bare['peak'] / 1e6:.0f} | {ours['peak'] / 1e6:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=[*SHAPES])
    parser.add_argument("--one", nargs=2, metavar=("READER", "FILE"), help="read once, here")
    chosen = parser.parse_args()
    if chosen.one:
        if chosen.one[0] == "cvsync":
            process.arrange()  # as the command does
        print(json.dumps(read(chosen.one[0], Path(chosen.one[1]))))
        return
    print(f"{chosen.rows:,} labels\n")
    print("| shape | bare CPU s | cvsync CPU s | ratio | bare s | cvsync s | bare MB | cvsync MB |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, chosen.rows)
        table = pq.read_table(folder / "manifest.parquet")
        for shape in chosen.shapes:
            path = folder / f"{shape}.{'csv' if shape.endswith('csv') else 'parquet'}"
            SHAPES[shape](table, path)
            print(row(shape, measure(path, chosen.runs)), flush=True)


if __name__ == "__main__":
    main()
