"""Copies of projects that are killed, any number of times, while links end and servers fail."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from emulator_fixtures import DETECTION
from make import make_png

from cvsync import Settings, open_service
from cvsync.api.client import open_client
from cvsync.api.images import FileEntry
from cvsync.emulator.process import EmulatorProcess
from cvsync.flows.verify import Verification, VerifyRequest, verify
from cvsync.model import Region
from faults.killing import WINDOW, Case, Runner

FAILS = (
    "CreateImagesFromUrls", "CreateImageRegions", "GetImages", "GetImagesByIds", "GetTaggedImages", "GetTags",
)  # fmt: skip


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as made:
        yield made


def source_settings(source: EmulatorProcess) -> Settings:
    return Settings(endpoint=source.url, training_key="local-training-key", api_version="v2.2")


async def fill(settings: Settings, count: int) -> None:
    """A project with pictures of none to three boxes."""
    async with open_client(settings) as (client, _):
        project = await client.create_project("shelf", domain_id=DETECTION)
        tags = [(await client.create_tag(project.id, name)).id for name in ("fork", "Löffel", "nože")]
        for start in range(0, count, 64):
            numbers = range(start, min(start + 64, count))
            await client.create_images_from_files(project.id, [_file(n, tags) for n in numbers])


def _file(n: int, tags: Sequence[str]) -> FileEntry:
    boxes = [Region(tags[box], 0.1 * box, 0.25, 0.5, 0.5) for box in range(n % 4)]
    return FileEntry(f"{n}.png", make_png(n, (8, 6)), (), boxes)


def crash(case: Case, runner: Runner, order: dict[str, Any], *, kills: int, seed: int) -> int:
    """Copy and kill while images are on their way, until a copy is through; how many were killed."""
    dice, killed = random.Random(seed), 0
    while True:
        runner.begin(order)
        if killed < kills:
            enough = sent(case) + dice.randint(1, 3)
            while runner.is_running and sent(case) < enough:
                time.sleep(0.01)
            time.sleep(dice.uniform(0.0, 0.2))
            runner.kill()
        code = runner.end()
        assert code in (0, -9)
        killed += code == -9
        if code == 0:
            return killed


def sent(case: Case) -> int:
    """How many batches have left, of all runs."""
    events = case.folder / "events"
    return events.read_bytes().count(b'["batch_sent"') if events.exists() else 0


def check(case: Case, source: EmulatorProcess, count: int, kills: int) -> None:
    """Equal to the byte, nothing stored twice, and no more sent again than was on its way."""
    found = asyncio.run(_verify(case, source))
    assert found.differences == ()
    assert found.compared == count
    images = case.ask(f"_emulator/projects/{found.project_id}/images")  # no call that the cap may refuse
    stored = Counter(image["sha256"] for image in images)
    assert (len(stored), max(stored.values())) == (count, 1)
    submissions = sum(image["submissions"] for image in images)
    assert submissions - count <= kills * WINDOW


async def _verify(case: Case, source: EmulatorProcess) -> Verification:
    target = Settings(endpoint=case.emulator.url, training_key="local-training-key")
    request = VerifyRequest(project=case.name, source="shelf", sample=None)
    state = case.folder / "state"
    async with (
        open_service(source_settings(source), state=state) as origin,
        open_service(target, state=state) as service,
    ):
        return await verify(service, request, source=origin)


@contextmanager
def two_resources(folder: Path, **target: Any) -> Iterator[tuple[EmulatorProcess, Case]]:
    """A source whose links live for two seconds, and a target."""
    with (
        EmulatorProcess(folder / "source", link_lifetime=2.0, quota="none") as source,
        EmulatorProcess(folder / "target", quota="none", **target) as emulator,
    ):
        case = Case(folder, emulator, name="copy")
        yield source, case


def order_of(case: Case, source: EmulatorProcess) -> dict[str, Any]:
    origin = {"endpoint": source.url, "api_version": "v2.2", "project": "shelf"}
    return case.order(source=origin)


def test_killed_copies_are_gone_on_with(tmp_path: Path, runner: Runner) -> None:
    with two_resources(tmp_path, latency=0.1, tps=10.0) as (source, case):
        asyncio.run(fill(source_settings(source), 1000))

        kills = crash(case, runner, order_of(case, source), kills=3, seed=3)

        assert kills == 3
        check(case, source, 1000, kills)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_killed_copies_are_gone_on_with_while_links_end_and_servers_fail(
    tmp_path: Path, runner: Runner
) -> None:
    """2,500 images at two calls a second, so that every link ends some times on the way."""
    count = 2500
    with two_resources(tmp_path, latency=0.1, tps=2.0) as (source, case):
        asyncio.run(fill(source_settings(source), count))
        faults = [
            {"operation": name, "kind": "status", "status": 503, "rate": 0.01, "seed": n}
            for n, name in enumerate(FAILS)
        ]
        for emulator in (source, case.emulator):
            Case(tmp_path, emulator).ask("_emulator/faults", faults)

        kills = crash(case, runner, order_of(case, source), kills=5, seed=5)

        assert kills == 5
        failed = Counter[str]()
        for emulator in (source, case.emulator):
            calls = Case(tmp_path, emulator).ask("_emulator/requests")["by_operation"]
            failed += Counter({name: by["503"] for name, by in calls.items() if "503" in by})
            sys.stderr.write(f"{calls}\n")
            Case(tmp_path, emulator).ask("_emulator/faults", [])
        assert failed
        check(case, source, count, kills)
