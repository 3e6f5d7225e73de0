"""Jobs in processes of their own: killed at every step, started twice, and out of time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from jobs import prepare_job
from terminal import Terminal

from cvsync.cli.jobs.record import history, jobs_folder
from cvsync.run.failpoints import NAMES

JOB = """
[job.nightly]
project = "shelf"
steps = [
  { push = { manifests = "m.csv", create_project = true, domain = "General (compact)" } },
  { train = {} },
  { judge = { min_ap = 0 } },
  { publish = { name = "live", prediction_resource_id = "/subscriptions/s/accounts/a" } },
  { export = { platforms = ["onnx"] } },
  { verify = { manifests = "m.csv", all_bytes = true } },
]
"""
STEPS = 3  # what makes a model is one
KILLED = -9

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def home(terminal: Terminal, quick_learner: None) -> Terminal:
    """A job and its manifest, and nothing done yet."""
    prepare_job(terminal, "m.csv", JOB)
    return terminal


@pytest.fixture
def start(home: Terminal) -> Start:
    """Start the job; with a place where it is to be killed, or more options."""

    def begin(*options: object, failpoint: str = "") -> subprocess.Popen[str]:
        environment = os.environ | {
            "CVSYNC_ENDPOINT": home.emulator.url, "CVSYNC_TRAINING_KEY": "local-training-key",
            "CVSYNC_STATE_DIR": str(home.state), "CVSYNC_SETTLE_GRACE": "0.1", "CVSYNC_FAILPOINT": failpoint,
        }  # fmt: skip
        words = [sys.executable, "-m", "cvsync", "run", "nightly", *map(str, options)]
        return subprocess.Popen(
            words, cwd=home.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    return begin


def end(process: subprocess.Popen[str]) -> int:
    out, err = process.communicate(timeout=100)
    assert process.returncode in (0, 5, 8, KILLED), err + out
    return process.returncode


def assert_whole(home: Terminal) -> None:
    """The state that an undisturbed job leaves: each picture once, one training, in use."""
    calls = home.calls()
    images = home._ask(f"_emulator/projects/{home.project()}/images")
    assert len(images) == 12
    assert calls["TrainProject"] == 1
    assert calls["ExportIteration"] == 1
    found = home._ask(f"customvision/v3.3/training/projects/{home.project()}/iterations")
    assert [one.get("publishName") for one in found] == ["live"]
    assert len([*home.folder.glob("exports/*.zip")]) == 1


def test_a_job_that_is_killed_before_and_after_every_step_ends_as_one_that_was_not(
    home: Terminal, start: Start
) -> None:
    for place in (f"{name}-step:{n}" for n in range(1, STEPS + 1) for name in ("before", "after")):
        assert end(start(failpoint=place)) == KILLED, place

    assert end(start()) == 0
    assert_whole(home)
    assert [
        record.exit_code
        for record in history(jobs_folder(home.state, "nightly", home.folder / "cvsync.toml"))
    ] == [0, *[None] * (2 * STEPS)]


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("place", NAMES)
def test_a_job_that_is_killed_at_any_place_ends_as_one_that_was_not(
    place: str, home: Terminal, start: Start
) -> None:
    """Each time that the place is passed, in one run after the other, until one comes through."""
    for n in range(1, 50):
        if end(start(failpoint=f"{place}:{n}")) == 0:
            break

    assert end(start()) == 0
    assert_whole(home)


def test_of_two_jobs_that_start_together_one_runs(home: Terminal, start: Start) -> None:
    home.order(operation="CreateImagesFromUrls", kind="slow", seconds=3, count=1)
    both = [start(), start()]

    assert sorted(map(end, both)) == [0, 8]
    assert_whole(home)
    assert len(history(jobs_folder(home.state, "nightly", home.folder / "cvsync.toml"))) == 1


def test_a_job_that_runs_out_of_time_in_a_step_goes_on_the_next_night(home: Terminal, start: Start) -> None:
    home.order(operation="CreateImagesFromUrls", kind="slow", seconds=3, count=1)

    assert end(start("--deadline", 2)) == 5
    assert end(start()) == 0

    second, first = history(jobs_folder(home.state, "nightly", home.folder / "cvsync.toml"))
    assert (first.exit_code, second.exit_code) == (5, 0)
    assert "step 1 (push): the deadline came" in str(first.reason)
    assert_whole(home)
