"""Releases that are killed at every step, and started again: trained once, published, exported."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cvsync.emulator import EmulatorThread
from cvsync.flows.archive import why_unusable
from faults.killing import Case, Runner

pytestmark = pytest.mark.usefixtures("quick_learner")


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as made:
        yield made


@pytest.fixture
def case(start_served: Callable[..., EmulatorThread], tmp_path: Path) -> Case:
    """The emulator is in this process, where the stand-in for a learner is: only the client is killed."""
    return Case(tmp_path, start_served(quota="none"))


def rows(count: int) -> list[dict[str, Any]]:
    return [{"url": f"https://pictures.test/{n}", "tag": ("fork", "spoon")[n % 2]} for n in range(count)]


def iterations(case: Case) -> dict[str, str | None]:
    """The name that each is published under."""
    path = f"customvision/v3.3/training/projects/{case.project}/iterations"
    return {found["name"]: found["publishName"] for found in case.ask(path)}


def run(case: Case, runner: Runner, **order: Any) -> int:
    runner.begin(case.order(type="multiclass", **order))
    return runner.end()


def sweep(case: Case, runner: Runner, version: str, places: Iterator[int], *, force: bool) -> int:
    """Kill a release at its n-th step, for each n until one gets through; give that.

    Each begins with a published model and, unless it is forced, data that came since.
    """
    for n in places:
        case.name, folder = f"project {n}", case.folder / f"exports {n}"
        wanted = {
            "train": {}, "publish": ("live", "resource"), "exports": ["onnx"], "export_folder": str(folder),
        }  # fmt: skip
        case.write(rows(10))
        assert run(case, runner) == 0
        assert run(case, runner, release=wanted, api_version=version) == 0
        case.write(rows(10 if force else 12))
        assert run(case, runner) == 0
        again = {"release": wanted | {"train": {"force": force}}, "api_version": version}
        killed = run(case, runner, **again, failpoint=f"any:{n}")
        assert killed in (0, -9)
        if killed and not is_over(case):
            assert run(case, runner, **again) == 0, n

        assert iterations(case) == {"Iteration 1": None, "Iteration 2": "live"}, n
        check_exports(folder, n)
        if not killed:
            return n
    return 0


def is_over(case: Case) -> bool:
    """Whether the release was through when it was killed: its last step is to drop the note of its training.

    To start it again is to ask for another one then, which trains anew if it is forced.
    """
    ledger = case.ledger()
    is_noted = "training" in ledger.notes
    ledger.close()
    return not is_noted and iterations(case) == {"Iteration 1": None, "Iteration 2": "live"}


def check_exports(folder: Path, n: int) -> None:
    sums = {path.name: path for path in folder.iterdir()}
    archives = [f"project_{n}-Iteration_{k}-onnx.zip" for k in (1, 2)]
    assert sorted(sums) == sorted([*archives, *(f"{name}.sha256" for name in archives)]), n
    for name in archives:
        digest = hashlib.sha256(sums[name].read_bytes()).hexdigest()
        assert sums[f"{name}.sha256"].read_text() == f"{digest}  {name}\n", n
        assert why_unusable(sums[name], "ONNX") is None, n


def test_release_killed_at_some_steps_trains_once(case: Case, runner: Runner) -> None:
    sweep(case, runner, "v3.0", iter((2, 4, 11)), force=False)


def test_forced_release_killed_at_some_steps_trains_once(case: Case, runner: Runner) -> None:
    sweep(case, runner, "v3.3", iter((3, 6)), force=True)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("version", ["v3.0", "v3.3"])
def test_release_killed_at_every_step_trains_once(
    case: Case, runner: Runner, version: str, force: bool
) -> None:
    last = sweep(case, runner, version, iter(range(1, 1000)), force=force)

    sys.stdout.write(f"\n{version}, forced: {force}: {last - 1} steps\n")
    assert last > 10
