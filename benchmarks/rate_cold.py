"""What a cold start costs `cvsync push`: 640 URLs, and nothing known of a service without a cap.

    make bench-cold

Every answer of the emulator takes 0.2 s. The upload is ten batches with eight in flight, so no client can do
it in less than 0.4 s; the goal is half as much again. What is timed is the upload, from the first batch sent
to the last one done, and the whole command, from start to exit.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.rate_push import start_push, write_manifest
from cvsync.emulator import EmulatorProcess
from cvsync.emulator.routes import ROUTES

REPEATS = 7
BATCHES, IN_FLIGHT, ANSWER_SECONDS = 10, 8, 0.2
FLOOR = math.ceil(BATCHES / IN_FLIGHT) * ANSWER_SECONDS
GOAL = 1.5


class Times(NamedTuple):
    """Seconds of one push."""

    upload: float
    calls_before: float
    """From the first event to the first batch: project, tags, listing, plan."""
    whole: float


def read_times(lines: Iterable[str], whole: float) -> Times:
    """Read the times of a push from its events."""
    events = [json.loads(line) for line in lines]
    at = {id(event): datetime.fromisoformat(event["ts"]).timestamp() for event in events}
    batches = [e for e in events if e.get("kind") == "create image"]
    sent = [at[id(e)] for e in batches if e["ev"] == "batch_sent"]
    done = [at[id(e)] for e in batches if e["ev"] == "batch_done"]
    if len(sent) != BATCHES or len(done) != BATCHES:
        raise SystemExit(f"{len(sent)} batches were sent and {len(done)} done, not {BATCHES}")
    return Times(max(done) - min(sent), min(sent) - at[id(events[0])], whole)


def push_once() -> Times:
    """Push into a new emulator."""
    slow = [f"{route.operation}:slow,seconds={ANSWER_SECONDS}" for route in ROUTES]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = write_manifest(folder, BATCHES)
        with EmulatorProcess(folder / "emulator", quota="none", fetch=False, faults=slow) as emulator:
            began = time.monotonic()
            push = start_push(emulator.url, folder, manifest, calls=IN_FLIGHT)
            out, _ = push.communicate()
            whole = time.monotonic() - began
    if push.returncode:
        raise SystemExit(f"the push ended with exit code {push.returncode}")
    return read_times(out.splitlines(), whole)


def main() -> None:
    times = sorted(push_once() for _ in range(REPEATS))
    upload, before, whole = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = upload / FLOOR
    shown = ", ".join(f"{t.upload:.2f}" for t in times)
    print(f"upload      {upload:.2f} s, median of {REPEATS} ({shown})")
    print(f"floor       {FLOOR:.2f} s: {BATCHES} batches, {IN_FLIGHT} in flight, each {ANSWER_SECONDS} s")
    print(f"ratio       {ratio:.2f}, goal {GOAL} {'met' if ratio <= GOAL else 'MISSED'}")
    print(f"before it   {before:.2f} s from the first event to the first batch")
    print(f"whole push  {whole:.2f} s")
    print(f"machine     load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
