"""What a push costs: memory over the imports, memory a row while a plan is applied, and CPU a batch.

    python -m tests.soak.push_cost ROWS [--profile] [--plan]

Pushes a manifest of ROWS rows, an image each, to an emulator in a process of its own that downloads nothing.
Prints a JSON object with the figures; with --profile also the ten functions that took most of the time. With
--plan it stops where a push would begin to send.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import multiprocessing
import pstats
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import memory
from cvsync import PushRequest, Settings, make_plan, open_service, push
from cvsync.cli import process
from cvsync.emulator.process import EmulatorProcess
from cvsync.flows.project import NewProject
from cvsync.model import ProjectType
from cvsync.plan import Kind
from cvsync.plan.quota import Tier
from cvsync.run.apply import Run
from cvsync.run.outcome import Outcomes

IMAGES_PER_BATCH = 64
TAGS = 10


def write_manifest(path: Path, rows: int) -> None:
    numbers = range(rows)
    table = pa.table(
        {
            "url": pa.array([f"https://pictures.test/shelf/{n:08}.jpg" for n in numbers]),
            "tag": pa.array([f"tag {n * TAGS // rows}" for n in numbers]),
            "left": pa.array([0.1] * rows, pa.float32()), "top": pa.array([0.2] * rows, pa.float32()),
            "width": pa.array([0.3] * rows, pa.float32()), "height": pa.array([0.4] * rows, pa.float32()),
        }
    )  # fmt: skip
    pq.write_table(table, path)


def resident() -> int:
    """Bytes of memory that the process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class Watch:
    """Takes the time and the memory of the part of a push in which the plan is applied."""

    def __init__(self, *, profile: bool) -> None:
        self.profile = cProfile.Profile(time.process_time) if profile else None
        self.cpu = self.wall = 0.0
        self.before = self.peak = 0
        self._apply = Run.apply

    def __enter__(self) -> Watch:
        watch = self

        async def apply(run: Run) -> Outcomes:
            gc.collect()
            pa.default_memory_pool().release_unused()
            watch.before = watch.peak = resident()
            sampler = asyncio.create_task(watch.sample())
            cpu, wall = time.process_time(), time.perf_counter()
            if watch.profile:
                watch.profile.enable()
            try:
                return await watch._apply(run)
            finally:
                if watch.profile:
                    watch.profile.disable()
                watch.cpu, watch.wall = time.process_time() - cpu, time.perf_counter() - wall
                sampler.cancel()

        Run.apply = apply  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Run.apply = self._apply  # type: ignore[method-assign]

    async def sample(self) -> None:
        while True:
            self.peak = max(self.peak, resident())
            await asyncio.sleep(0.05)


async def measure(rows: int, *, profile: bool, plan: bool) -> dict[str, Any]:
    process.arrange()  # as the command does
    imported = resident()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apart = multiprocessing.get_context("spawn")  # so that no memory of it counts
        writer = apart.Process(target=write_manifest, args=(folder / "m.parquet", rows))
        writer.start()
        writer.join()
        assert writer.exitcode == 0
        with (
            EmulatorProcess(folder / "emulator", fetch=False, quota="none") as emulator,
            Watch(profile=profile) as watch,
        ):
            settings = Settings(endpoint=emulator.url, training_key="local-training-key")
            request = PushRequest(
                manifests=(folder / "m.parquet",), project="shelf",
                create=NewProject(type=ProjectType.DETECTION), tier=Tier.NONE,
            )  # fmt: skip
            async with open_service(settings, state=folder / "state") as service:
                if plan:
                    counts = (await make_plan(service, request)).plan.counts
                    assert counts[Kind.CREATE_IMAGE] == rows
                else:
                    assert (await push(service, request)).counts["images_created"] == rows
    if watch.profile:
        pstats.Stats(watch.profile, stream=sys.stderr).sort_stats("tottime").print_stats(10)
    peak = memory.peak()
    batches = -(-rows // IMAGES_PER_BATCH)
    return {
        "rows": rows,
        "batches": batches,
        "imports_mb": round(imported / 1e6, 1),
        "peak_over_imports_mb": round((peak - imported) / 1e6, 1),
        "apply_mb": round((watch.peak - watch.before) / 1e6, 1),
        "apply_seconds": round(watch.wall, 1),
        "apply_cpu_ms_a_batch": round(watch.cpu / batches * 1e3, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=int)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--plan", action="store_true")
    found = asyncio.run(measure(**vars(parser.parse_args())))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
