"""Pushes that are killed, any number of times and anywhere, and pushed again."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cvsync.emulator.process import EmulatorProcess
from faults.killing import WINDOW, Case, Runner, boxed_rows, wanted


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as made:
        yield made


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with EmulatorProcess(tmp_path / "emulator", fetch=False, latency=0.02, quota="none") as emulator:
        yield Case(tmp_path, emulator)


def crash(case: Case, runner: Runner, *, kills: int, longest: float, seed: int) -> int:
    """Push and kill until a push is through; how many were killed."""
    dice, killed = random.Random(seed), 0
    while True:
        runner.begin(case.order())
        if killed < kills:
            time.sleep(dice.uniform(0.01, longest))
            runner.kill()
        code = runner.end()
        assert code in (0, -9)
        killed += code == -9
        if code == 0:
            return killed


def check(case: Case, rows: list[dict[str, Any]], kills: int) -> None:
    """Nothing missing, nothing twice, no more sent again than was on its way, and counters that are right."""
    images = wanted(rows)
    assert case.labels() == images
    sources = case.sources()
    assert len(sources) == len(images)
    assert all(len(source["sources"]) == 1 for source in sources)
    assert sum(source["submissions"] for source in sources) - len(images) <= kills * WINDOW
    ledger = case.ledger()
    assert len(ledger.known()) == len(images)
    assert ledger.in_doubt() == 0
    ledger.close()
    totals = case.totals()
    assert totals["images_created"] + totals["images_adopted"] == len(images)
    assert totals["images_adopted"] == totals["refused"] == 0  # the markers told them apart
    assert totals["labels_added"] == len(rows)
    done = [facts["done"] / facts["total"] for facts in case.told("status")]
    assert done == sorted(done)
    assert done[-1] == 1


def test_crash_loop(case: Case, runner: Runner) -> None:
    rows = boxed_rows(1500)
    case.write(rows)

    kills = crash(case, runner, kills=9, longest=0.5, seed=5)

    assert kills >= 5
    check(case, rows, kills)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_long_crash_loop(case: Case, runner: Runner) -> None:
    rows = boxed_rows(10_000)
    case.write(rows)
    kills = crash(case, runner, kills=250, longest=1.0, seed=7)

    again = sum(source["submissions"] for source in case.sources()) - 10_000
    bound = again / kills / WINDOW
    sys.stdout.write(f"\n{kills} kills, {again} images sent again, {bound:.0%} of the bound\n")
    assert kills >= 200
    check(case, rows, kills)


def sweep(case: Case, runner: Runner, places: Iterator[int]) -> int:
    """Kill a push of many kinds of change at its n-th step, for each n until one gets through; give that."""
    before = boxed_rows(130)
    after = [
        *boxed_rows(10, left=0.2),  # moved
        *boxed_rows(100, start=20),  # ten of those before are gone, and ten of those after
        *boxed_rows(70, start=200),  # new
    ]
    for n in places:
        case.name = f"project {n}"
        case.write(before)
        runner.begin(case.order())
        assert runner.end() == 0
        case.write(after)
        runner.begin(case.order(failpoint=f"any:{n}", delete=True))
        killed = runner.end()
        runner.begin(case.order(delete=True))
        assert runner.end() == 0, n

        assert case.labels() == wanted(after), n
        ledger = case.ledger()
        assert len(ledger.known()) == 180, n
        assert ledger.in_doubt() == 0, n
        ledger.close()
        totals = case.totals()
        assert totals["images_created"] == 200, n
        assert totals["images_deleted"] == 20, n
        assert sum(source["submissions"] for source in case.sources()) - 180 <= WINDOW, n
        trash = (case.folder / "state").glob(f"*/{case.project}/trash/*/*.png")
        assert len({path.name for path in trash}) == 20, n
        if killed == 0:
            return n
    return 0


def test_killed_at_some_steps(case: Case, runner: Runner) -> None:
    sweep(case, runner, iter(range(3, 28, 6)))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_killed_at_every_step(case: Case, runner: Runner) -> None:
    last = sweep(case, runner, iter(range(1, 10_000)))

    sys.stdout.write(f"\n{last - 1} steps\n")
    assert last > 20
