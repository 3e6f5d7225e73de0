"""Copies of projects that are killed, any number of times, while links end and servers fail."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
    "CreateImagesFromUrls", "CreateImageRegions", "GetImages", "GetImagesByIds", "GetTaggedImageCount",
    "GetTaggedImages", "GetTags", "GetUntaggedImages",
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


def crash(case: Case, runner: Runner, order: dict[str, Any], *, kills: int, seed: int) -> list[int]:
    """Copy and kill while images are on their way, until a copy is through.

    Returns:
        For each kill how many batches it left without an answer.
    """
    dice, left = random.Random(seed), list[int]()
    while True:
        runner.begin(order)
        if len(left) < kills:
            kill(case, runner, after=sent(case) + dice.randint(1, 3), dice=dice)
        code = runner.end()
        assert code in (0, -9)
        if code == 0:
            return left
        left.append(case.under_way())


def kill(case: Case, runner: Runner, *, after: int, dice: random.Random) -> None:
    """Kill a copy at some moment when a batch is under way, and so many have been sent."""
    while runner.is_running:
        time.sleep(dice.uniform(0.01, 0.1))
        if sent(case) >= after:
            with runner.still():
                time.sleep(0.01)  # until it stands
                if case.under_way():
                    runner.kill()
                    return


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


@dataclass
class Resources:
    """A source of v2.2 whose links live for two seconds, and a target of v3.3."""

    source: EmulatorProcess
    target: Case

    @property
    def order(self) -> dict[str, Any]:
        origin = {"endpoint": self.source.url, "api_version": "v2.2", "project": "shelf"}
        return self.target.order(source=origin)

    @property
    def places(self) -> tuple[Case, Case]:
        return replace(self.target, emulator=self.source), self.target

    def fail(self, **fault: Any) -> None:
        """Have the calls that a copy is made of fail on both sides, each in its own way."""
        orders = [{"operation": op, "kind": "status", "seed": n} | fault for n, op in enumerate(FAILS)]
        statuses = (500, 502, 503, 504)
        for n, place in enumerate(self.places):
            place.ask("_emulator/faults", [o | {"status": statuses[(o["seed"] + n) % 4]} for o in orders])

    def heal(self) -> Struck:
        """Let no call fail any more; what the resources saw until then."""
        seen = [place.ask("_emulator/requests") for place in self.places]
        for place in self.places:
            place.ask("_emulator/faults", method="DELETE")
        calls = [Counter({n: sum(by.values()) for n, by in of["by_operation"].items()}) for of in seen]
        return Struck(
            calls=sum(of[name] for of in calls for name in FAILS),
            failed=sum(
                number
                for of in seen
                for by in of["by_operation"].values()
                for status, number in by.items()
                if int(status) >= 500
            ),
            renewals=calls[0]["GetImagesByIds"],
            versions=tuple({*of["by_version"]} for of in seen),
        )


@dataclass(frozen=True)
class Struck:
    """What went wrong on the way."""

    calls: int
    """Of the operations that may fail."""
    failed: int
    renewals: int
    """Calls that read links anew, as they were over."""
    versions: tuple[set[str], ...]


@contextmanager
def two_resources(folder: Path, **target: Any) -> Iterator[Resources]:
    with (
        EmulatorProcess(folder / "source", link_lifetime=2.0, quota="none") as source,
        EmulatorProcess(folder / "target", quota="none", **target) as emulator,
    ):
        yield Resources(source, Case(folder, emulator, name="copy"))


def test_killed_copies_are_gone_on_with_while_links_end_and_servers_fail(
    tmp_path: Path, runner: Runner
) -> None:
    """The second call of each operation fails, on either side."""
    with two_resources(tmp_path, latency=0.1, tps=10.0) as resources:
        asyncio.run(fill(source_settings(resources.source), 640))
        resources.fail(skip=1, count=1)

        left = crash(resources.target, runner, resources.order, kills=3, seed=3)

        struck = resources.heal()
        assert (len(left), min(left) > 0) == (3, True), left
        assert (struck.failed >= 6, struck.renewals > 3) == (True, True), struck
        check(resources.target, resources.source, 640, len(left))


def test_a_tag_is_renamed_once_wherever_a_copy_is_cut_off(tmp_path: Path, runner: Runner) -> None:
    """And no other tag is made for it, even if it gets one more name before the next run."""
    with two_resources(tmp_path) as resources:
        settings, target = source_settings(resources.source), resources.target
        asyncio.run(fill(settings, 4))
        runner.begin(resources.order)
        assert runner.end() == 0
        cut, code = 0, -9
        while code == -9:
            cut += 1
            name = asyncio.run(rename(settings, f"number {cut}"))
            runner.begin(resources.order | {"failpoint": f"any:{cut}"})
            code = runner.end()
            if cut % 2:
                name = asyncio.run(rename(settings, f"{name} and a half"))
            runner.begin(resources.order)
            assert runner.end() == 0

            tags = target.ask(f"customvision/v3.3/training/projects/{target.project}/tags")
            assert {tag["name"] for tag in tags} == {name, "Löffel", "nože"}, cut

        assert cut > 8
        assert target.ask("_emulator/requests")["by_operation"]["CreateTag"] == {"200": 3}


async def rename(settings: Settings, name: str) -> str:
    """Give the first tag of the source another name."""
    async with open_client(settings) as (client, _):
        (project,) = await client.get_projects()
        (tag,) = [t for t in await client.get_tags(project.id) if t.name not in ("Löffel", "nože")]
        await client.update_tag(project.id, tag.id, {"name": name})
    return name


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_copies_that_are_killed_five_times_while_a_hundredth_of_all_calls_fails(
    tmp_path: Path, runner: Runner
) -> None:
    """So many images that every link ends some times on the way, and that a hundredth is some calls."""
    count = 16_000
    with two_resources(tmp_path, latency=0.1, tps=10.0) as resources:
        asyncio.run(fill(source_settings(resources.source), count))
        resources.fail(rate=0.01)

        left = crash(resources.target, runner, resources.order, kills=5, seed=5)

        struck = resources.heal()
        sys.stderr.write(f"left {left}, {struck}\n")
        assert (len(left), min(left) > 0) == (5, True), left
        assert 0.003 < struck.failed / struck.calls < 0.03, struck
        assert struck.renewals > 50, struck
        assert struck.versions == ({"v2.2"}, {"v3.3"})
        check(resources.target, resources.source, count, len(left))
