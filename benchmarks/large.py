"""A hundred thousand images against a cap that nobody states, beside clients that wait for each answer.

The service answers after a median of 0.6 s and takes ten calls a second, from a token bucket. The others are
so slow that each uploads a part, and its seconds are scaled; they run at the same time as cvsync, each with
its own emulator, and mostly wait. In a report the clients that wait 2 s for an answer run beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple

from benchmarks.effort import Effort
from benchmarks.process import Ran
from benchmarks.scene import open_scene, write_manifest
from benchmarks.tables import Goal, Table
from benchmarks.upload import BATCH, CREATE, ONE_A_CALL, run_client

IMAGES, QUICK_IMAGES = 100_000, 6_400
TPS, ANSWER_SECONDS = 10, 0.6
WARM_UP = 60.0
PARTS = {"SDK loop": 6_400, ONE_A_CALL: 64}
TIME_GOAL, USE_GOAL, REFUSED_GOAL = 1.06, 95.0, 1.0


class Use(NamedTuple):
    """What a push made of the cap after its first minute."""

    of_the_cap: float
    """In per cent."""
    refused: float
    """429s among its calls, in per cent."""


def read_use(lines: Iterator[str]) -> Use | None:
    """Read it from the events of a push; None: it was over before."""
    done, refused, first = 0, 0, None
    last = 0.0
    for line in lines:
        event = json.loads(line)
        moment = datetime.fromisoformat(event["ts"]).timestamp()
        if event["ev"] == "batch_sent" and event["kind"] == "create image":
            first = first or moment
        if first is None or moment - first < WARM_UP:
            continue
        if event["ev"] == "batch_done" and event["kind"] == "create image":
            done, last = done + 1, moment
        refused += event["ev"] == "throttle"
    if first is None or not done:
        return None
    return Use(100 * done / (last - first - WARM_UP) / TPS, 100 * refused / (done + refused))


def upload(client: str, images: int) -> tuple[Ran, int]:
    """Have a client upload; its run, and the images that are missing."""
    with open_scene(tps=TPS, latency=ANSWER_SECONDS) as scene:
        manifest = write_manifest(scene.folder, images)
        if client == "cvsync":
            ran = scene.run_cvsync("push", manifest, "--quota", "none", "--json")
        else:
            ran = run_client(client, scene, manifest)
        return ran, images - scene.held().images


def tables(effort: Effort) -> Iterator[Table]:
    """Measure."""
    images = QUICK_IMAGES if effort is Effort.QUICK else IMAGES
    floor = images / BATCH / TPS
    parts = {"cvsync": images} | ({} if effort is Effort.QUICK else PARTS)
    with ThreadPoolExecutor(len(parts)) as pool:
        found = dict(zip(parts, pool.map(upload, parts, parts.values()), strict=True))
    rows: list[list[object]] = []
    for client, (ran, missing) in found.items():
        seconds = ran.seconds * images / parts[client]
        rows.append([client, parts[client], seconds, seconds / floor, f"{missing:,}", ran.code])
    ran = found["cvsync"][0]
    goals = [
        Goal(f"{images:,} images at {TPS} calls a second, times the floor", TIME_GOAL, ran.seconds / floor)
    ]
    use = read_use(iter(ran.out.splitlines()))
    notes = [
        f"The floor is {floor:.0f} s. Seconds of the others are scaled from the images that they uploaded."
    ]
    if effort is not Effort.QUICK:
        notes.append(
            "The three ran at the same time, each with its own emulator, and beside them the clients that "
            "wait 2 s for each answer."
        )
    if use:
        notes.append(
            f"After the first minute cvsync used {use.of_the_cap:.1f} % of the cap, "
            f"with {use.refused:.2f} % 429s."
        )
        goals.append(
            Goal("use of an unknown cap after the first minute, %", USE_GOAL, use.of_the_cap, at_least=True)
        )
        goals.append(Goal("429s after the first minute, %", REFUSED_GOAL, use.refused))
    columns = [
        "client",
        "images uploaded",
        f"seconds for {images:,}",
        "times the floor",
        "images lost",
        "exit",
    ]
    yield Table(
        f"{images:,} images, {CREATE}, a cap of {TPS} calls a second", columns, rows, notes, goals=goals
    )
