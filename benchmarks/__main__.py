"""All comparisons, one after the other, into RESULTS.md and the pictures beside it.

    make bench         everything, under half an hour
    make bench-quick   less work of each kind, under three minutes
    make bench-full    the whole cross of settings

Nothing else should run on the machine meanwhile; the load before each part is in the report.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path

from benchmarks import cost, files, labels, large, migrate, nightly, plots, pull, scaling, startup, upload
from benchmarks.effort import Effort
from benchmarks.tables import Table

HERE = Path(__file__).parent
SEED = 0
PARTS: dict[str, Callable[..., Iterator[Table]]] = {
    "start-up": startup.tables,
    "upload by URL": partial(upload.tables, meanwhile=large.tables),
    "upload of bytes": files.tables,
    "nightly": nightly.tables,
    "reading and diffing": labels.tables,
    "migrate": migrate.tables,
    "pull": pull.tables,
    "scaling": scaling.tables,
    "client cost": cost.tables,
}
VERSIONS = ("cvsync", "aiohttp", "pyarrow", "pandas", "polars", "duckdb",
            "azure-cognitiveservices-vision-customvision", "cvsutils", "coco2customvision")  # fmt: skip


def machine() -> Iterator[str]:
    """Say what the figures were measured on."""
    yield f"Measured {date.today().isoformat()} on {os.cpu_count()} cores, {_processor()}, "
    yield f"{_memory():.0f} GB, {platform.system()}, Python {platform.python_version()}; seed {SEED}. "
    yield ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS) + "."


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def measure(effort: Effort, only: Sequence[str] | None, keep: Callable[[Table], None]) -> Iterator[str]:
    """Run the parts; their Markdown, line by line, as it comes to be."""
    for name, tables in PARTS.items():
        if only and name not in only:
            continue
        load, began = os.getloadavg()[0], time.monotonic()
        yield from (f"## {name[0].upper()}{name[1:]}", "")
        for table in tables(effort):
            keep(table)
            yield from (*table.lines(), "")
        yield f"Load of the machine before: {load:.1f}; this part took {time.monotonic() - began:.0f} s."
        yield ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--effort", choices=[e.value for e in Effort], default=Effort.USUAL.value)
    parser.add_argument("--only", choices=PARTS, action="append", help="print these parts, write nothing")
    options = parser.parse_args()
    effort, began = Effort(options.effort), time.monotonic()
    found: list[Table] = []
    lines = []
    for line in measure(effort, options.only, found.append):
        print(line, flush=True)
        lines.append(line)
    head = ["# Results", "", "".join(machine()), ""]
    if effort is not Effort.QUICK:  # which is no measure of anything large
        goals = [goal.row() for table in found for goal in table.goals]
        head += [*Table("Goals", ["what", "goal", "measured", ""], goals).lines(), ""]
    lines.append(f"The whole took {(time.monotonic() - began) / 60:.1f} minutes.")
    print("\n".join([*head, lines[-1]]))
    if effort is Effort.QUICK or options.only:
        return
    name = "RESULTS.md" if effort is Effort.USUAL else "RESULTS_FULL.md"
    (HERE / name).write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
    for table in found:
        if table.picture:
            plots.draw_bars(HERE / table.picture, table.title, table.unit, table.bars)


if __name__ == "__main__":
    main()
