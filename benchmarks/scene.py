"""The same work for every client: an emulator, a project in it, a manifest, and what is there at the end."""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import numpy as np
from PIL import Image

from benchmarks.process import Ran, run
from cvsync.emulator import EmulatorProcess
from cvsync.limits import MAX_PAGE

KEY = "local-training-key"
DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"  # General, object detection
TAGS = 10
BOX = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
COLUMNS = ("url", "tag", *BOX)
_PAGES_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Held:
    """What a project holds."""

    sources: frozenset[str]
    """The URLs, or names, that its images came from."""
    regions: int
    images: int


@dataclass(frozen=True)
class Scene:
    """A running emulator with one empty detection project, whose tags are there already."""

    url: str
    project: str
    folder: Path

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Make a call of the service, without any client's library."""
        return _call(method, f"{self.url}/customvision/v3.3/training/projects/{self.project}/{path}", body)

    def held(self) -> Held:
        """Look what the project holds: images by the emulator's own account, boxes by the service's."""
        listed = _call("GET", f"{self.url}/_emulator/projects/{self.project}/images")
        skips = range(0, len(listed), MAX_PAGE)
        with ThreadPoolExecutor(_PAGES_AT_ONCE) as pool:  # the service takes its time for whoever looks, too
            pages = pool.map(lambda skip: self.call("GET", f"images?take={MAX_PAGE}&skip={skip}"), skips)
            regions = sum(len(image.get("regions") or ()) for page in pages for image in page)
        return Held(frozenset(s for image in listed for s in image["sources"]), regions, len(listed))

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


def write_manifest(folder: Path, images: int, *, base: str = "https://pictures.test", bad: int = 0) -> Path:
    """Write so many rows, an image with a box each; every ``bad``-th URL leads nowhere."""
    path = folder / "manifest.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for n in range(images):
            name = f"missing-{n}" if bad and n % bad == bad - 1 else f"{n:07}"
            writer.writerow((f"{base}/{name}.png", f"tag {n % TAGS}", *BOX.values()))
    return path


@contextmanager
def open_scene(*, tps: float | None = None, latency: float | None = None, fetch: bool = False,
               faults: Sequence[str] = (), files: Path | None = None,
               data: Path | None = None) -> Iterator[Scene]:  # fmt: skip
    """Start an emulator in a process of its own; faults and rate cap begin once the project is there.

    Args:
        tps: The rate cap in calls a second, a token bucket; None: no cap.
        latency: Median seconds of an answer.
        fetch: Whether it downloads what is submitted; else the URL stands for the bytes.
        faults: As `cvsync emulate --fault` takes them.
        files: A folder that it serves under ``/files/``.
        data: Where its state stays when it is over; None: nowhere.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        where = {"data": data or folder / "emulator", "quota": "none", "fetch": fetch, "files": files}
        with EmulatorProcess(**where) as emulator:
            base = f"{emulator.url}/customvision/v3.3/training/projects"
            project = _call("POST", f"{base}?name=benchmark&domainId={DETECTION}")["id"]
            for n in range(TAGS):
                _call("POST", f"{base}/{project}/tags?name=tag%20{n}")
        with EmulatorProcess(
            **where, tps=tps, tps_kind="bucket" if tps else None, latency=latency, faults=faults
        ) as emulator:
            yield Scene(emulator.url, project, folder)


def draw_pictures(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Write so many pictures of noise that all differ, named as the manifest names them."""
    chance = np.random.default_rng(0)
    for n in range(count):
        pixels = chance.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{n:07}.png", compress_level=1)


def _call(method: str, url: str, body: object = None) -> Any:
    content = json.dumps(body).encode() if body is not None else b"" if method == "POST" else None
    headers = {"Training-Key": KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(url, content, headers, method=method)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.loads(answer.read() or b"null")
        except HTTPError as error:
            if error.code != HTTPStatus.TOO_MANY_REQUESTS:
                raise
            time.sleep(float(error.headers["Retry-After"]))  # the cap holds for whoever looks, too
