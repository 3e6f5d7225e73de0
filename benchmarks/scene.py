"""The same work for every client: an emulator, a project in it, a manifest, and what is there at the end."""

from __future__ import annotations

import atexit
import csv
import json
import sqlite3
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import TemporaryDirectory, mkdtemp
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.process import Ran, run
from cvsync.emulator import EmulatorProcess

KEY = "local-training-key"
DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"  # General, object detection
TAGS = 10
BOX = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
COLUMNS = ("url", "tag", *BOX)
_ONE_STARTS = Lock()
"""Scenes that are wanted at the same time start in turn, and so do not hold up each other's clients."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a project holds."""

    images: int
    regions: int


@dataclass(frozen=True)
class Scene:
    """A running emulator with one empty detection project, whose tags are there already."""

    url: str
    project: str
    folder: Path
    data: Path
    """The emulator's own folder."""

    def held(self) -> Held:
        """Count what the project holds, in the emulator's own books: a call would wait and meet the cap."""
        images = "FROM projects p JOIN images i ON i.frame = p.workspace"
        with closing(sqlite3.connect(self.data / "state.sqlite")) as books:
            counts = (
                books.execute(f"SELECT count(*) {images} {more} WHERE p.id = ?", (self.project,)).fetchone()[
                    0
                ]
                for more in ("", "JOIN regions r ON r.image = i.pk")
            )
            return Held(*counts)

    def calls(self) -> dict[str, dict[str, int]]:
        """Give the calls so far: operation, status, number."""
        found: dict[str, dict[str, int]] = _call("GET", f"{self.url}/_emulator/requests")["by_operation"]
        return found

    def forget_calls(self) -> None:
        """Count calls from now on."""
        _call("POST", f"{self.url}/_emulator/reset")

    def run_cvsync(self, *arguments: str | Path, **environment: str) -> Ran:
        """Run a verb of the command line in this scene, as a user would."""
        reach = {
            "CVSYNC_ENDPOINT": self.url,
            "CVSYNC_TRAINING_KEY": KEY,
            "CVSYNC_STATE_DIR": str(self.folder / "state"),
            "CVSYNC_PROJECT": self.project,
        }
        return run([sys.executable, "-m", "cvsync", *arguments], reach | environment)


def write_manifest(folder: Path, images: int, *, base: str = "https://pictures.test", bad: int = 0,
                   column: str = "url") -> Path:  # fmt: skip
    """Write so many rows, an image with a box each; every ``bad``-th URL, or path, leads nowhere."""
    path = folder / "manifest.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((column, *COLUMNS[1:]))
        for n in range(images):
            name = f"missing-{n}" if bad and n % bad == bad - 1 else f"{n:07}"
            writer.writerow((f"{base}/{name}.png", f"tag {n % TAGS}", *BOX.values()))
    return path


def make_folder() -> Path:
    """Make a folder that lasts until this process ends."""
    folder = Path(mkdtemp())
    atexit.register(rmtree, folder)
    return folder


@cache
def make_project() -> tuple[Path, str]:
    """Make a project and its tags, once for all scenes; the emulator's folder and the project's id."""
    data = make_folder()
    with EmulatorProcess(data, quota="none") as emulator:
        base = f"{emulator.url}/customvision/v3.3/training/projects"
        project: str = _call("POST", f"{base}?name=benchmark&domainId={DETECTION}")["id"]
        for n in range(TAGS):
            _call("POST", f"{base}/{project}/tags?name=tag%20{n}")
    return data, project


@contextmanager
def open_scene(*, tps: float | None = None, latency: float | None = None, fetch: bool = False,
               faults: Sequence[str] = (), files: Path | None = None,
               data: Path | None = None) -> Iterator[Scene]:  # fmt: skip
    """Start an emulator in a process of its own, on a copy of a project that is empty.

    Args:
        tps: The rate cap in calls a second, a token bucket; None: no cap.
        latency: Median seconds of an answer.
        fetch: Whether it downloads what is submitted; else the URL stands for the bytes.
        faults: As `cvsync emulate --fault` takes them.
        files: A folder that it serves under ``/files/``.
        data: Where its state stays when it is over; None: nowhere.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        data = data or folder / "emulator"
        emulator = EmulatorProcess(
            data, quota="none", fetch=fetch, files=files, tps=tps, tps_kind="bucket" if tps else None,
            latency=latency, faults=faults,
        )  # fmt: skip
        with _ONE_STARTS:
            made, project = make_project()
            copytree(made, data, dirs_exist_ok=True)
            emulator.start()
        try:
            yield Scene(emulator.url, project, folder, data)
        finally:
            emulator.stop()


def draw_pictures(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Write so many pictures of noise that all differ, named as the manifest names them."""
    chance = np.random.default_rng(0)
    for n in range(count):
        pixels = chance.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{n:07}.png", compress_level=0)  # noise gets no smaller


def _call(method: str, url: str) -> Any:
    headers = {"Training-Key": KEY}
    request = urllib.request.Request(url, b"" if method == "POST" else None, headers, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read() or b"null")
