"""A night on a large project: nothing to do, and one row in a hundred changed, beside running a peer again.

The project is filled by `cvsync push` of the same manifest; then each client runs on what is there. A peer
knows no other way than sending everything again, so it is run on the whole manifest too.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.scene import COLUMNS, TAGS, Scene, open_scene, write_manifest
from benchmarks.tables import Table
from benchmarks.upload import run_client

IMAGES, QUICK_IMAGES = 100_000, 6_400
CHANGED_EVERY = 100
PEER = "SDK, 8 threads"


def change(manifest: Path) -> None:
    """Give every hundredth image another tag."""
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for n in range(0, len(rows), CHANGED_EVERY):
        rows[n]["tag"] = f"tag {(int(rows[n]['tag'].split()[1]) + 1) % TAGS}"
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def night(title: str, client: str, scene: Scene, manifest: Path) -> list[object]:
    """Run a client once, and say what it took and did."""
    scene.forget_calls()
    ran = run_client(client, scene, manifest)
    calls = scene.calls()
    writes = {name: sum(by.values()) for name, by in calls.items() if not name.startswith(("Get", "Query"))}
    said = ", ".join(f"{name} {n:,}" for name, n in writes.items()) or "none"
    boxes = scene.held().regions
    return [title, client, ran.seconds, ran.cpu, sum(sum(by.values()) for by in calls.values()),
            said, boxes, ran.code]  # fmt: skip


def tables(effort: Effort) -> Iterator[Table]:
    """Measure the nights."""
    images = QUICK_IMAGES if effort is Effort.QUICK else IMAGES
    with open_scene() as scene:
        manifest = write_manifest(scene.folder, images)
        first = scene.run_cvsync("push", manifest, "--quota", "none", "-q")
        if first.code:
            raise SystemExit(f"filling the project ended with exit code {first.code}: {first.err[-500:]}")
        rows = [night("nothing to do", "cvsync", scene, manifest)]
        change(manifest)
        rows.append(night("1 % changed", "cvsync", scene, manifest))
        rows.append(night("the same again", "cvsync", scene, manifest))
        rows.append(night("the same again", PEER, scene, manifest))
    columns = ["night", "client", "seconds", "CPU s", "calls", "writing calls", "boxes afterwards", "exit"]
    note = (
        f"The manifest names {images:,} boxes. The peer sends every image again; the emulator adds the boxes "
        "that come with a duplicate, as the service is said to do."
    )
    yield Table(f"A night on a project of {images:,} images", columns, rows, [note])
