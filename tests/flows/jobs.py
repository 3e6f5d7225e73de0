"""A job in the folder of a command line, its runs, and what they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from make import make_png, write_csv
from terminal import Ran, Terminal

from cvsync.cli.jobs.record import jobs_folder

NIGHTLY = """
[profile.shelf]
project = "shelf"

[job.nightly]
profile = "shelf"
steps = [
  { push = { manifests = "m.csv", create_project = true, delete = true, max_delete = 5 } },
  { verify = { manifests = ["m.csv"], all_bytes = true } },
]
"""


def configure(terminal: Terminal, text: str = NIGHTLY) -> Path:
    path = terminal.folder / "cvsync.toml"
    path.write_text(text)
    return path


def prepare_job(terminal: Terminal, manifest: str, text: str) -> None:
    """Make twelve pictures of two tags, a manifest of them, and a job."""
    for n in range(12):
        (terminal.pictures / f"{n}.png").write_bytes(make_png(n))
    rows = [{"url": terminal.url(f"{n}.png"), "tag": f"tag {n % 2}"} for n in range(12)]
    write_csv(terminal.folder / manifest, rows)
    configure(terminal, text)


def job(terminal: Terminal, *arguments: object, name: str = "nightly") -> Ran:
    return terminal.run("run", name, "--config", terminal.folder / "cvsync.toml", *arguments)


def folder_of(terminal: Terminal, name: str = "nightly") -> Path:
    return jobs_folder(terminal.state, name, terminal.folder / "cvsync.toml")


def reports(terminal: Terminal, name: str = "nightly") -> list[dict[str, Any]]:
    """What the runs of a job left, the earliest first."""
    paths = folder_of(terminal, name).glob("*.json")
    found = [json.loads(path.read_text()) for path in paths]
    return sorted(found, key=lambda report: str(report["started"]))


def page(ran: Ran) -> str:
    (line,) = [line for line in ran.out.splitlines() if line.startswith("report: ")]
    return Path(line.removeprefix("report: ")).read_text()
