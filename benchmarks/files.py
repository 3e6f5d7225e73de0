"""Uploading bytes: photographs from a folder, beside other clients."""

from __future__ import annotations

import csv
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.effort import Effort
from benchmarks.process import Ran, run
from benchmarks.scene import BOX, COLUMNS, KEY, Scene, draw_pictures, open_scene
from benchmarks.tables import Table, median

IMAGES, QUICK_IMAGES = 640, 64
PICTURE = (365, 365)
"""Noise of this size is a file of 400 KB."""
REPEATS = 3
CLIENTS = ("cvsync", "SDK files", "cvsutils")


def write_inputs(folder: Path, images: int) -> Path:
    """Write pictures, and the same labels as cvsync and cvsutils read them; the folder of the pictures."""
    pictures = folder / "pictures"
    pictures.mkdir()
    draw_pictures(pictures, images, PICTURE)
    names = sorted(path.name for path in pictures.iterdir())
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", *COLUMNS[1:]])
        writer.writerows([f"pictures/{name}", "tag 0", *BOX.values()] for name in names)
    (folder / "labels.txt").write_text("tag 0\n")
    (folder / "images.txt").write_text("".join(f"pictures/{name} 0\n" for name in names))
    return pictures


def upload(client: str, folder: Path) -> tuple[Ran, int, int]:
    """Have a client upload the folder into a scene of its own; images that arrived, and calls."""
    with open_scene(fetch=True) as scene:
        ran = _run(client, scene, folder)
        calls = sum(sum(by.values()) for name, by in scene.calls().items() if name.startswith("Create"))
        made = re.search(r"^Created project.*\s(\S+)$", ran.out, re.MULTILINE)
        return ran, (replace(scene, project=made[1]) if made else scene).held().images, calls


def _run(client: str, scene: Scene, folder: Path) -> Ran:
    if client == "cvsync":
        return scene.run_cvsync("push", folder / "manifest.csv", "--quota", "none", "-q")
    if client == "cvsutils":  # it cannot add to a project of its user's choice, but makes one
        command = [Path(sys.executable).parent / "cvs_create_project", folder / "images.txt"]
        return run(command, {"CVS_ENDPOINT": scene.url, "CVS_TRAINING_KEY": KEY})
    command = [
        sys.executable,
        "-m",
        "benchmarks.clients",
        client,
        scene.url,
        scene.project,
        folder / "pictures",
    ]
    return run(command)


def tables(effort: Effort) -> Iterator[Table]:
    """Measure all clients, in turn."""
    images = QUICK_IMAGES if effort is Effort.QUICK else IMAGES
    found: dict[str, list[tuple[Ran, int, int]]] = {client: [] for client in CLIENTS}
    with TemporaryDirectory() as name:
        folder = Path(name)
        pictures = write_inputs(folder, images)
        size = sum(path.stat().st_size for path in pictures.iterdir())
        for _ in range(1 if effort is Effort.QUICK else REPEATS):
            for client, runs in found.items():
                runs.append(upload(client, folder))
    rows = []
    for client, runs in found.items():
        seconds, cpu, peak = (
            median([getattr(ran, n) for ran, _, _ in runs]) for n in ("seconds", "cpu", "peak")
        )
        held, calls = runs[0][1:]
        rows.append([client, images / seconds, size / 1e6 / seconds, seconds, cpu, peak / 1e6, calls,
                     f"{images - held} of {images}", runs[0][0].code])  # fmt: skip
    columns = [
        "client",
        "images/s",
        "MB/s",
        "seconds",
        "CPU s",
        "peak MB",
        "creating calls",
        "images lost",
        "exit",
    ]
    note = (
        "Each client starts anew, uploads and ends; the emulator decodes every picture, on the same "
        f"{os.cpu_count()} cores. cvsutils makes a project of its own, for classification, and tags in "
        "further calls."
    )
    yield Table(f"{images} pictures of {size / images / 1e3:.0f} KB as bytes", columns, rows, [note])
