"""How long commands take to start."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.effort import Effort
from benchmarks.process import run
from benchmarks.scene import open_scene, write_manifest
from benchmarks.tables import Goal, Table, median

REPEATS = 9
ROWS = 10


def tables(effort: Effort) -> Iterator[Table]:
    """Measure, in turn, so that a slow moment of the machine hits all."""
    with open_scene() as scene:
        manifest = write_manifest(scene.folder, ROWS)
        python = [sys.executable]
        commands = {
            "python -c 'import click'": lambda: run([*python, "-c", "import click"]),
            "cvsync --version": lambda: run([*python, "-m", "cvsync", "--version"]),
            "cvsync --help": lambda: run([*python, "-m", "cvsync", "--help"]),
            f"cvsync plan, {ROWS} rows": lambda: scene.run_cvsync("plan", manifest),
        }
        found: dict[str, list[float]] = {name: [] for name in commands}
        for command in commands.values():
            command()  # so that all have their byte code and files at hand
        for _ in range(3 if effort is Effort.QUICK else REPEATS):
            for name, command in commands.items():
                ran = command()
                if ran.code:
                    raise SystemExit(f"{name} ended with exit code {ran.code}: {ran.err[-500:]}")
                found[name].append(ran.seconds)
    base = median(found["python -c 'import click'"])
    rows = [[name, 1e3 * median(times), median(times) / base] for name, times in found.items()]
    goal = Goal("`cvsync --version`, times `import click`", 2, median(found["cvsync --version"]) / base)
    yield Table("Start-up", ["command", "ms", "times `import click`"], rows, goals=[goal])
