"""Copying a project into another resource, beside the official SDK in a loop.

Both resources are emulators of their own. The target downloads every image from the source's links.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.effort import Effort
from benchmarks.process import Ran, run
from benchmarks.scene import KEY, Scene, open_scene, write_manifest
from benchmarks.tables import Table, median
from benchmarks.upload import SHORT_SECONDS

IMAGES, QUICK_IMAGES = 6_400, 320
ANSWER_SECONDS = 0.2
REPEATS = 3
PEER = "SDK loop, copying"
CLIENTS = ("cvsync", PEER)


def copy(client: str, source: Scene, target: Scene) -> Ran:
    """Have a client copy the project of one scene into that of another."""
    if client == "cvsync":
        return target.run_cvsync(
            "migrate", "--from-endpoint", source.url, source.project, target.project, "--quota", "none", "-q",
            CVSYNC_FROM_TRAINING_KEY=KEY,
        )  # fmt: skip
    where = f"{target.url},{target.project}"
    return run([sys.executable, "-m", "benchmarks.clients", client, source.url, source.project, where])


def tables(effort: Effort) -> Iterator[Table]:
    """Measure both, in turn, and cvsync once more where there is nothing left to copy."""
    images = QUICK_IMAGES if effort is Effort.QUICK else IMAGES
    found: dict[str, list[tuple[Ran, int, int]]] = {client: [] for client in CLIENTS}
    again: list[Ran] = []
    with open_scene(latency=ANSWER_SECONDS) as source:
        manifest = write_manifest(source.folder, images)
        source.run_cvsync("push", manifest, "--quota", "none", "-q")
        for turn in range(1 if effort is Effort.QUICK else REPEATS):
            for client, runs in found.items():
                if turn and runs[0][0].seconds > SHORT_SECONDS:
                    continue  # once is enough of what takes long
                with open_scene(latency=ANSWER_SECONDS, fetch=True) as target:
                    ran, held = copy(client, source, target), target.held()
                    runs.append((ran, images - held.images, images - held.regions))
                    if client == "cvsync":
                        again.append(copy(client, source, target))
    rows = [_row(client, images, runs) for client, runs in found.items()]
    rows.insert(
        1,
        [
            "cvsync, once more",
            None,
            median([ran.seconds for ran in again]),
            len(again),
            None,
            None,
            again[0].code,
        ],
    )
    columns = ["client", "images/s", "seconds", "runs", "images lost", "boxes lost", "exit"]
    note = f"Answers of both services come after {ANSWER_SECONDS} s."
    yield Table(f"Copying a project of {images:,} images", columns, rows, [note])


def _row(client: str, images: int, runs: list[tuple[Ran, int, int]]) -> list[object]:
    seconds = median([ran.seconds for ran, _, _ in runs])
    lost = [median([float(run[n]) for run in runs]) for n in (1, 2)]
    return [client, images / seconds, seconds, len(runs), *map(int, lost), runs[0][0].code]
