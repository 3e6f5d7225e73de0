"""How fast the emulator answers when a project is large.

    make bench-emulator                              100,000 images, as the goals have it
    python -m benchmarks.emulator_size --images 10000

The emulator runs in a process of its own (`--no-fetch --quota none`); what is timed is one call after the
other, from the first byte sent to the last byte read, on one kept-alive connection.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from cvsync.emulator import EmulatorProcess
from cvsync.limits import MAX_IMAGES_PER_BATCH, MAX_PAGE

KEY = {"Training-Key": "local-training-key", "Content-Type": "application/json"}
PAGE_GOAL_MS = 30
BATCH_GOAL_MS = 20
Measured = tuple[str, Sequence[float], int | None]
"""What was measured, seconds, and the goal for the median in milliseconds."""


class Caller:
    """Makes calls on one connection."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def call(self, method: str, path: str, body: object = None) -> bytes:
        content = None if body is None else json.dumps(body).encode()
        self._connection.request(method, f"/customvision/v3.3/training/{path}", content, KEY)
        answer = self._connection.getresponse()
        found = answer.read()
        if answer.status not in (200, 207):
            raise RuntimeError(f"{method} {path}: {answer.status} {found[:200]!r}")
        return found


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def fill(caller: Caller, project: str, tags: Sequence[str], images: int) -> list[float]:
    """Create images in full batches, each with a tag; the seconds of each call."""
    seconds = []
    for start in range(0, images, MAX_IMAGES_PER_BATCH):
        numbers = range(start, min(start + MAX_IMAGES_PER_BATCH, images))
        entries = [
            {"url": f"https://pictures.test/{n}.jpg", "tagIds": [tags[n % len(tags)]]} for n in numbers
        ]
        path = f"projects/{project}/images/urls"
        seconds.append(timed(partial(caller.call, "POST", path, {"images": entries})))
    return seconds


def read_pages(caller: Caller, project: str, images: int, repeats: int) -> list[Measured]:
    """Read pages at the start, in the middle and at the end, in each way that there is."""
    path = f"projects/{project}/images"
    tag = json.loads(caller.call("GET", f"projects/{project}/tags"))[0]["id"]
    last = max(0, images - MAX_PAGE)
    pages = [
        ("first page", f"{path}?take={MAX_PAGE}", PAGE_GOAL_MS),
        ("middle page", f"{path}?take={MAX_PAGE}&skip={last // 2}", PAGE_GOAL_MS),
        ("last page", f"{path}?take={MAX_PAGE}&skip={last}", PAGE_GOAL_MS),
        ("last page, oldest first", f"{path}?take={MAX_PAGE}&skip={last}&orderBy=Oldest", PAGE_GOAL_MS),
        ("last page of tagged", f"{path}/tagged?take={MAX_PAGE}&skip={last}", PAGE_GOAL_MS),
        ("last page of one tag", f"{path}/tagged?take={MAX_PAGE}&skip={last // 4}&tagIds={tag}", None),
        ("count", f"{path}/count", None),
        ("count of one tag", f"{path}/tagged/count?tagIds={tag}", None),
    ]
    return [
        (name, [timed(partial(caller.call, "GET", page)) for _ in range(repeats)], goal)
        for name, page, goal in pages
    ]


def measure(images: int, repeats: int) -> list[Measured]:
    with (
        tempfile.TemporaryDirectory() as folder,
        EmulatorProcess(Path(folder), fetch=False, quota="none") as emulator,
    ):
        caller = Caller(emulator.url)
        project = json.loads(caller.call("POST", "projects?name=large"))["id"]
        tags = [json.loads(caller.call("POST", f"projects/{project}/tags?name=t{n}"))["id"] for n in range(4)]
        batches = fill(caller, project, tags, images)
        again = fill(caller, project, tags, min(images, repeats * MAX_IMAGES_PER_BATCH))
        return [
            ("create batch of 64, first tenth", batches[: max(1, len(batches) // 10)], BATCH_GOAL_MS),
            ("create batch of 64, last tenth", batches[-max(1, len(batches) // 10) :], BATCH_GOAL_MS),
            ("create batch of 64 duplicates", again, None),
            *read_pages(caller, project, images, repeats),
        ]


def table(measured: Sequence[Measured]) -> str:
    lines = [f"{'call':<34}{'calls':>6}{'median ms':>11}{'p90 ms':>9}{'goal ms':>9}"]
    for name, seconds, goal in measured:
        milliseconds = sorted(1000 * s for s in seconds)
        median, p90 = statistics.median(milliseconds), milliseconds[math.ceil(0.9 * len(milliseconds)) - 1]
        says = "" if goal is None else f"{goal:>9}{'' if median <= goal else '  missed'}"
        lines.append(f"{name:<34}{len(milliseconds):>6}{median:>11.1f}{p90:>9.1f}{says}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=50)
    chosen = parser.parse_args()
    print(f"{chosen.images} images in one project")
    print(table(measure(chosen.images, chosen.repeats)))


if __name__ == "__main__":
    main()
