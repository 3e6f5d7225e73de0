"""`cvsync pull` beside other ways to take a project's images out.

    make bench-pull

Every client runs in a process of its own, from its start to its exit, against one emulator in a process of
its own that serves small pictures from its disk, as fast as it can; nothing is throttled. Pulls and the bare
loop take turns, so that both meet the same machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from benchmarks.effort import Effort
from benchmarks.process import Ran, run
from benchmarks.scene import Scene, draw_pictures, open_scene, write_manifest
from benchmarks.tables import Goal, Table, median
from cvsync.emulator import EmulatorProcess

IMAGES = {Effort.QUICK: 2_000, Effort.USUAL: 20_000, Effort.FULL: 20_000}
TURNS = {Effort.QUICK: 1, Effort.USUAL: 2, Effort.FULL: 5}
PICTURE = (32, 24)  # about 2,400 bytes of PNG
BARE, OURS, AGAIN, LABELS = "aiohttp loop", "cvsync pull", "cvsync pull, again", "cvsync pull --no-images"
OTHERS = ("SDK loop", "cvsutils")
GOAL = 0.9


@dataclass(frozen=True, slots=True)
class Taken:
    """One client's run."""

    ran: Ran
    images: int
    """Files that are pictures, in the end."""


def take(client: str, scene: Scene, *, keep: Path | None = None) -> Taken:
    """Have a client take a project's images out, into a folder that is new unless ``keep`` names one."""
    folder = keep or scene.folder / "taken"
    if client.startswith("cvsync"):
        more = ["--no-images"] if client == LABELS else []
        ran = scene.run_cvsync("pull", "-o", folder, "-q", *more)
    else:
        folder.mkdir()
        command = [sys.executable, "-m", "benchmarks.pull_clients", client, scene.url, scene.project, folder]
        ran = run(command)
    taken = Taken(ran, _pictures(folder))
    if keep is None:
        rmtree(folder)
    print(f"{client}: {ran.seconds:.1f} s, {ran.cpu:.1f} s of processor time", file=sys.stderr, flush=True)
    if ran.code:
        raise SystemExit(f"{client} ended with exit code {ran.code}: {ran.err[-2000:]}")
    return taken


def _pictures(folder: Path) -> int:
    """Count pictures, in the archive of cvsutils too."""
    packed = sum(len(ZipFile(file).namelist()) for file in folder.glob("images.zip"))
    return packed + sum(1 for file in folder.rglob("*.png") if file.stat().st_size)


def fill(data: Path, images: int) -> str:
    """Fill a project with so many pictures, in a folder that emulators can be started on; give its id.

    What was filled before is used again.
    """
    note = data / "project"
    if not note.exists():
        with TemporaryDirectory() as name:
            draw_pictures(Path(name), images, PICTURE)
            with open_scene(data=data) as scene:
                manifest = write_manifest(scene.folder, images, base=name, column="path")
                filled = scene.run_cvsync("push", manifest, "--quota", "none", "-q")
                if filled.code:
                    raise SystemExit(f"the project could not be filled: {filled.err[-2000:]}")
                note.write_text(scene.project)
    return note.read_text()


def measure(data: Path, images: int, turns: int, others: tuple[str, ...] = OTHERS) -> dict[str, list[Taken]]:
    """Measure all clients on one project of so many images, in a folder of its own."""
    found: dict[str, list[Taken]] = {}
    project = fill(data, images)
    with EmulatorProcess(data, quota="none") as emulator, TemporaryDirectory() as name:
        scene = Scene(emulator.url, project, Path(name), data)
        kept = scene.folder / "kept"
        for turn in range(turns):
            found.setdefault(BARE, []).append(take(BARE, scene))
            found.setdefault(OURS, []).append(take(OURS, scene, keep=kept if turn == turns - 1 else None))
        found[AGAIN] = [take(AGAIN, scene, keep=kept)]
        found[LABELS] = [take(LABELS, scene)]
        for client in others:
            found[client] = [take(client, scene)]
    return found


def tables(effort: Effort, data: Path | None = None) -> Iterator[Table]:
    """Measure everything; projects are filled in a folder of their own, or kept in one that is named."""
    images = IMAGES[effort]
    fewer = images // 10
    with TemporaryDirectory() as name:
        root = data or Path(name)
        for count in (fewer, images):
            fill(root / str(count), count)
        small = measure(root / str(fewer), fewer, 1, ())
        found = measure(root / str(images), images, TURNS[effort])
    seconds = {client: median([t.ran.seconds for t in runs]) for client, runs in found.items()}
    rows = [[client, *_figures(images, seconds[BARE], runs)] for client, runs in found.items()]
    share = seconds[BARE] / seconds[OURS]
    grown = {c: found[c][0].ran.peak - small[c][0].ran.peak for c in (BARE, OURS, LABELS)}
    each = ", ".join(f"{client} {more / (images - fewer):,.0f}" for client, more in grown.items())
    yield Table(
        f"Taking {images:,} small images out",
        ["client", "images/s", "seconds", "% of the bare loop", "runs", "CPU s", "peak MB", "images"],
        rows,
        [
            f"`cvsync pull` runs at {100 * share:.0f} % of the bare loop's speed; it also hashes, names, "
            "records and labels the images.",
            f"Bytes of memory an image, from a project of {fewer:,} to one of {images:,}: {each}.",
        ],
        {client: images / seconds[client] for client in (BARE, OURS, *OTHERS) if client in seconds},
        "images a second",
        "pull.png",
        [Goal("pull, times the speed of a bare loop of downloads", GOAL, share, at_least=True)],
    )


def _figures(images: int, bare: float, runs: Sequence[Taken]) -> list[object]:
    seconds = median([t.ran.seconds for t in runs])
    cpu, peak = median([t.ran.cpu for t in runs]), median([t.ran.peak for t in runs])
    there = median([t.images for t in runs])
    return [
        images / seconds, seconds, 100 * bare / seconds, len(runs), cpu, round(peak / 1e6),
        f"{there:,} of {images:,}",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--effort", choices=[e.value for e in Effort], default=Effort.USUAL.value)
    parser.add_argument("--data", type=Path, help="keep the filled projects here, and use them the next time")
    options = parser.parse_args()
    for table in tables(Effort(options.effort), options.data):
        print("\n".join(table.lines()))


if __name__ == "__main__":
    main()
