"""Uploading by URL beside other clients, and what was lost on the way.

Every client runs in a process of its own, from its start to its exit, against an emulator that downloads
nothing, but where URLs lead nowhere, and answers after a lognormal time of the stated median. Project and
tags are there already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.effort import Effort
from benchmarks.process import Ran, run
from benchmarks.scene import Scene, draw_pictures, make_folder, open_scene, write_manifest
from benchmarks.tables import Table, median

CREATE = "CreateImagesFromUrls"
BATCH = 64
SHORT_SECONDS, REPEATS = 10, 3
ONE_A_CALL = "SDK, one image a call"
CLIENTS = ("cvsync", "SDK loop", "SDK, 8 threads", "coco2customvision", ONE_A_CALL)
ONE_AFTER_THE_OTHER = ("SDK loop", "coco2customvision", ONE_A_CALL)
LONG_SECONDS = 2.0
"""Who waits so long for an answer does hardly anything else, whatever the client."""
IDLE_AT_ONCE, WAIT_AT_ONCE = 5, 3
BAD_EVERY = 100
THROTTLED = f"{CREATE}:status,status=429,retry_after=1,rate=0.05,seed=0"
LOST = f"{CREATE}:reset_after,rate=0.01,seed=0"
"""With this seed the 41st call of a hundred is struck, and no other."""
PICTURE = (16, 12)


@dataclass(frozen=True, slots=True)
class Setting:
    """The service that all clients meet."""

    title: str
    images: int
    latency: float
    tps: float | None = None
    faults: tuple[str, ...] = ()
    bad: int = 0
    """Every so many-th URL leads nowhere; 0: none."""
    repeats: int = REPEATS
    alone: int = 64
    """Images that are sent one a call."""
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """One client's run."""

    ran: Ran
    images: int
    """That the manifest named, without those whose URL leads nowhere."""
    missing: int
    boxes_missing: int
    boxes_doubled: int
    calls: int
    throttled: int

    @property
    def rate(self) -> float:
        """Images that arrived, a second."""
        return (self.images - self.missing) / self.ran.seconds


Found = dict[tuple[Setting, str], list[Upload]]
"""The runs of each client in each setting."""


def upload(client: str, setting: Setting) -> Upload:
    """Have a client upload in a scene of its own."""
    if client == ONE_A_CALL:
        setting = replace(setting, images=min(setting.images, setting.alone))
    pictures = draw_once(setting.images) if setting.bad else None
    with open_scene(
        tps=setting.tps,
        latency=setting.latency,
        faults=setting.faults,
        fetch=bool(setting.bad),
        files=pictures,
    ) as scene:
        base = f"{scene.url}/files" if setting.bad else "https://pictures.test"
        manifest = write_manifest(scene.folder, setting.images, base=base, bad=setting.bad)
        return judge(scene, setting, run_client(client, scene, manifest))


@cache
def draw_once(images: int) -> Path:
    """Draw the pictures that clients name, the same for all."""
    folder = make_folder()
    draw_pictures(folder, images, PICTURE)
    return folder


def run_client(client: str, scene: Scene, manifest: Path) -> Ran:
    """Run a client's whole program."""
    if client == "cvsync":
        return scene.run_cvsync("push", manifest, "--quota", "none", "-q")
    command = [sys.executable, "-m", "benchmarks.clients", client, scene.url, scene.project, manifest]
    return run(command)


def judge(scene: Scene, setting: Setting, ran: Ran) -> Upload:
    """Compare what the project holds with what the manifest names."""
    bad = setting.images // setting.bad if setting.bad else 0
    wanted = setting.images - bad
    by_status = scene.calls().get(CREATE, {})
    calls, throttled = sum(by_status.values()), by_status.get("429", 0)
    held = scene.held()
    return Upload(
        ran, wanted, wanted - held.images, max(0, wanted - held.regions), max(0, held.regions - held.images),
        calls, throttled,
    )  # fmt: skip


def repeat(pair: tuple[Setting, str]) -> list[Upload]:
    """Run a client in a setting, three times if a run is short, else once."""
    setting, client = pair
    runs = [upload(client, setting)]
    while len(runs) < setting.repeats and runs[0].ran.seconds < SHORT_SECONDS:
        runs.append(upload(client, setting))
    return runs


class Kind(Enum):
    """How busy a client is in a setting, and so what may run beside it."""

    WORKS = "works"  # nothing: it has the machine to itself
    WAITS = "waits"  # others that do, as it makes one call after the other
    IDLES = "idles"  # whatever waits, as an answer takes seconds, which is long for any client


def kind_of(setting: Setting, client: str) -> Kind:
    """Say how busy a client is; where many calls have the emulator download and decode, it works."""
    if setting.bad:
        return Kind.WAITS if client == ONE_A_CALL else Kind.WORKS
    if setting.latency >= LONG_SECONDS:
        return Kind.IDLES
    return Kind.WAITS if client in ONE_AFTER_THE_OTHER else Kind.WORKS


def measure(given: Sequence[Setting], meanwhile: Callable[[], None]) -> Found:
    """Run all clients in all settings, each with an emulator of its own.

    First those that work, one by one; then those that idle, some at once, and beside them what is to be done
    meanwhile, and those that wait, fewer at once.
    """
    pairs = list(product(given, CLIENTS))
    works, waits, idles = ([pair for pair in pairs if kind_of(*pair) is kind] for kind in Kind)
    found = {pair: repeat(pair) for pair in works}
    idles.sort(key=lambda pair: pair[1] not in ONE_AFTER_THE_OTHER)  # who takes longest begins first
    with ThreadPoolExecutor(IDLE_AT_ONCE) as many, ThreadPoolExecutor(WAIT_AT_ONCE) as few:
        idle = many.map(repeat, idles)
        meanwhile()
        wait = few.map(repeat, waits)
        return found | dict(zip((*idles, *waits), (*idle, *wait), strict=True))


def show(setting: Setting, found: Mapping[str, list[Upload]]) -> Table:
    """Show what all clients did in one setting."""
    figures = {client: _figures(client, runs, setting) for client, runs in found.items()}
    columns = [*next(iter(figures.values()))]
    rows = [[client, *row.values()] for client, row in figures.items()]
    bars = {_arrived(client, found[client]): row["images/s"] for client, row in figures.items()}
    return Table(
        setting.title,
        ["client", *columns],
        rows,
        [*_notes(setting, found)],
        bars,
        "images a second",
        setting.picture,
    )


def _arrived(client: str, runs: list[Upload]) -> str:
    """Name a client in a picture, with what it lost: else who drops most of its images looks fast."""
    share = median([100 * u.missing / u.images for u in runs])
    return f"{client}: {share:.0f} % lost" if share else client


def _figures(client: str, runs: list[Upload], setting: Setting) -> dict[str, Any]:
    """Give the medians, or for one image a call what they come to for all images."""
    images, alone = runs[0].images, client == ONE_A_CALL
    rate = median([u.rate for u in runs])
    cap = {"% of the cap": 100 * rate / (1 if alone else BATCH) / setting.tps} if setting.tps else {}
    seconds = median([u.ran.seconds for u in runs])
    return {
        "images/s": rate,
        **cap,
        "seconds": seconds * (setting.images / setting.alone if alone else 1),
        "runs": len(runs),
        "429s %": median([100 * u.throttled / max(u.calls, 1) for u in runs]),
        "images lost": f"{median([u.missing for u in runs]):,} of {images:,}",
        "boxes lost": median([u.boxes_missing for u in runs]),
        "boxes doubled": median([u.boxes_doubled for u in runs]),
        "exit": runs[0].ran.code,
    }


def _notes(setting: Setting, found: Mapping[str, list[Upload]]) -> Iterator[str]:
    yield f"One image a call: {setting.alone} images, the seconds scaled to {setting.images:,}."
    if setting.bad:
        yield (
            f"One URL in {setting.bad} leads nowhere and does not count as lost; "
            "here the emulator downloads and decodes, from itself."
        )
    waiting = {client: runs for client, runs in found.items() if kind_of(setting, client) is not Kind.WORKS}
    ran = [u.ran for runs in waiting.values() for u in runs]
    share = 100 * sum(r.cpu for r in ran) / sum(r.seconds for r in ran)
    yield (
        f"Clients that mostly wait ran beside others that do, each with its own emulator: "
        f"{'; '.join(waiting)}. Each used {share:.0f} % of a processor, on average."
    )


def settings(effort: Effort) -> Iterator[Setting]:
    """Give the services of a report."""
    if effort is Effort.FULL:
        yield from cross()
        return
    size = 640 if effort is Effort.QUICK else 6_400
    start = f"{size:,} images, answers after 0.2 s"
    clean = Setting(start, size, 0.2, picture="upload.png")
    throttled = Setting(f"{start}, a 429 in 5 % of calls", size, 0.2, faults=(THROTTLED,))
    if effort is Effort.QUICK:
        yield replace(clean, repeats=1, alone=16)
        yield replace(throttled, repeats=1, alone=16)
        return
    yield clean
    yield Setting(f"{size:,} images, answers after 2 s", size, 2.0)
    yield Setting("1,280 images, answers after 0.2 s, a cap of 2 calls a second", 1_280, 0.2, 2)
    yield Setting(f"{start}, a cap of 10 calls a second", size, 0.2, 10, picture="upload_capped.png")
    yield throttled
    yield Setting(f"{start}, 1 % of URLs lead nowhere", size, 0.2, bad=BAD_EVERY)
    yield Setting(f"{start}, a lost answer in 1 % of calls", size, 0.2, faults=(LOST,))


def cross() -> Iterator[Setting]:
    """Give every time of an answer with every cap and every fault."""
    faults: dict[str, dict[str, Any]] = {
        "nothing fails": {},
        "a 429 in 5 % of calls": {"faults": (THROTTLED,)},
        "1 % of URLs lead nowhere": {"bad": BAD_EVERY},
        "a lost answer in 1 % of calls": {"faults": (LOST,)},
    }
    for latency, tps, (said, fault) in product((0.2, 2.0), (None, 2, 10), faults.items()):
        images = 1_280 if tps == 2 else 6_400
        cap = f"a cap of {tps} calls a second" if tps else "no cap"
        title = f"{images:,} images, answers after {latency:g} s, {cap}, {said}"
        yield Setting(title, images, latency, tps, **fault)


def tables(effort: Effort, meanwhile: Callable[[Effort], Iterable[Table]]) -> Iterator[Table]:
    """Measure everything, and meanwhile, as clients wait for seconds, something else whose clients wait."""
    given, others = list(settings(effort)), list[Table]()
    found = measure(given, lambda: others.extend(meanwhile(effort)))
    for setting in given:
        yield show(setting, {client: found[setting, client] for client in CLIENTS})
    yield from others
