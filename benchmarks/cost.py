"""Processor time of a push a batch, by part, beside a bare loop that posts the same bodies.

python -m benchmarks.cost profile URL PROJECT MANIFEST     a push under the profiler, parts as JSON
python -m benchmarks.cost bare URL PROJECT MANIFEST        the bare loop
"""

from __future__ import annotations

import asyncio
import cProfile
import csv
import json
import pstats
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.effort import Effort
from benchmarks.process import Ran, run
from benchmarks.scene import KEY, open_scene, write_manifest
from benchmarks.tables import Goal, Table, median

BATCH = 64
IN_FLIGHT = 16
IMAGES, QUICK_IMAGES = 96_000, 6_400  # so many that what a start takes, now more and now less, hardly counts
PROFILED = 32_000
REPEATS = 3
GOAL_MS = 2.0
PARTS = {
    "plan": ("/cvsync/manifest/", "/cvsync/plan/", "/cvsync/labels", "/cvsync/snapshot", "/numpy/",
             "/pyarrow/"),
    "body": ("orjson.dumps", "/cvsync/api/images", "/cvsync/api/labels", "/cvsync/run/create"),
    "parse": ("orjson.loads", "msgspec", "/cvsync/api/created", "/cvsync/api/wire", "/cvsync/api/reading"),
    "ledger": ("sqlite3", "/cvsync/run/ledger", "/cvsync/run/image_keys", "/cvsync/run/sums"),
    "rate and retries": ("/cvsync/api/pace", "/cvsync/api/law", "/cvsync/api/window", "/cvsync/api/retry",
                         "/cvsync/api/circuit", "/cvsync/api/rates", "/cvsync/api/failures"),
    "HTTP": ("/aiohttp/", "/yarl/", "/multidict/", "/asyncio/", "/selectors", "/ssl", "_socket", "epoll",
             "/cvsync/api/", "_asyncio", "/http/", "/urllib/"),
    "engine": ("/cvsync/",),
}  # fmt: skip
"""A part, and what the place of a function begins with or holds; the first that fits counts."""


def part_of(place: str) -> str:
    """Give the part that a function belongs to, by its file or, if it has none, its name."""
    return next((part for part, marks in PARTS.items() if any(mark in place for mark in marks)), "Python")


def profile(url: str, project: str, manifest: Path) -> dict[str, float]:
    """Push, and give seconds of processor time by part; starting Python and imports are not in it."""
    from cvsync import PushRequest, Settings, open_service, push
    from cvsync.plan.quota import Tier

    async def work() -> None:
        with TemporaryDirectory() as state:
            settings = Settings(endpoint=url, training_key=KEY)
            request = PushRequest(manifests=(manifest,), project=project, tier=Tier.NONE)
            async with open_service(settings, state=Path(state)) as service:
                await push(service, request)

    profiler = cProfile.Profile(time.process_time)
    profiler.runcall(asyncio.run, work())
    parts: Counter[str] = Counter()
    for (file, _, name), (_, _, own, _, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        parts[part_of(name if file == "~" else file)] += own
    return dict(parts)


async def bare(url: str, project: str, manifest: Path) -> None:
    """Post what a push posts, as fast as aiohttp can, and read the answers without a look at them."""
    import aiohttp

    tags_url = f"{url}/customvision/v3.3/training/projects/{project}/tags"
    target = f"{url}/customvision/v3.3/training/projects/{project}/images/urls"
    headers = {"Training-Key": KEY, "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(tags_url) as answer:
            ids = {tag["name"]: tag["id"] for tag in await answer.json()}
        bodies = list(_bodies(manifest, ids))
        began = time.process_time()

        async def work() -> None:
            while bodies:
                async with session.post(target, data=bodies.pop()) as response:
                    assert response.status == 200
                    await response.read()

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    sys.stdout.write(json.dumps(time.process_time() - began))


def _bodies(manifest: Path, ids: dict[str, str]) -> Iterator[bytes]:
    with manifest.open(newline="") as file:
        rows = [*csv.DictReader(file)]
    for start in range(0, len(rows), BATCH):
        images = [
            {"url": r["url"], "regions": [{"tagId": ids[r["tag"]],
             **{name: float(r[name]) for name in ("left", "top", "width", "height")}}]}
            for r in rows[start : start + BATCH]
        ]  # fmt: skip
        yield json.dumps({"images": images}).encode()


def tables(effort: Effort) -> Iterator[Table]:
    """Measure pushes, bare loops and one push under the profiler."""
    images = QUICK_IMAGES if effort is Effort.QUICK else IMAGES
    batches, repeats = images / BATCH, 1 if effort is Effort.QUICK else REPEATS
    starts, pushes, loops = [], [], []
    for _ in range(repeats):  # in turn: the machine may be slower for a while
        starts.append(_push_cpu(1))
        pushes.append(_push_cpu(images))
        loops.append(float(_apart("bare", images)))
    start = median(starts)
    spent, loop = 1e3 * (median(pushes) - start) / batches, 1e3 * median(loops) / batches
    parts: dict[str, float] = json.loads(_apart("profile", min(images, PROFILED)))
    rows: list[list[object]] = [["a push, without its start", spent, "100"]]
    for name in (*PARTS, "Python"):
        share = parts.get(name, 0.0) / sum(parts.values())
        rows.append([f"of it {name}", share * spent, f"{100 * share:.0f}"])
    rows.append(["a bare aiohttp loop", loop, f"{100 * loop / spent:.0f}"])
    notes = [
        f"A push of one image takes {start:.2f} s of processor time, which is not in these figures.",
        "The parts are the shares of a profile, in which small functions look dearer than they are.",
    ]
    goals = [Goal("processor time of the client a batch, ms", GOAL_MS, spent)]
    title = f"Processor time of the client, {images:,} images by URL"
    yield Table(title, ["what", "ms a batch", "%"], rows, notes, goals=goals)


def _push_cpu(images: int) -> float:
    with open_scene() as scene:
        manifest = write_manifest(scene.folder, images)
        return _good(scene.run_cvsync("push", manifest, "--quota", "none", "-q")).cpu


def _apart(what: str, images: int) -> str:
    """Do something of this module in a process and a scene of its own, and give what it printed."""
    with open_scene() as scene:
        manifest = write_manifest(scene.folder, images)
        command = [sys.executable, "-m", "benchmarks.cost", what, scene.url, scene.project, manifest]
        return _good(run(command)).out


def _good(ran: Ran) -> Ran:
    if ran.code:
        raise SystemExit(f"exit code {ran.code}: {ran.err[-500:]}")
    return ran


if __name__ == "__main__":
    what, url, project, manifest = sys.argv[1:]
    if what == "bare":
        asyncio.run(bare(url, project, Path(manifest)))
    else:
        sys.stdout.write(json.dumps(profile(url, project, Path(manifest))))
