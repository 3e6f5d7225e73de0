"""Names on the command line that are not UTF-8."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from jobs import configure
from schema import check_line
from terminal import Terminal

from cvsync.errors import SettingsError

ODD = os.fsdecode(b"caf\xe9")
Run = Callable[..., subprocess.CompletedProcess[bytes]]
pytestmark = [
    pytest.mark.usefixtures("quick_learner"),
    pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names"),
]


@pytest.fixture
def run(terminal: Terminal, python: str) -> Run:
    """The command in a process of its own: what it prints is part of the matter."""
    environment = os.environ | {
        "CVSYNC_ENDPOINT": terminal.emulator.url, "CVSYNC_TRAINING_KEY": "local-training-key",
        "CVSYNC_PROJECT": "shelf", "CVSYNC_STATE_DIR": str(terminal.state),
    }  # fmt: skip

    def start(*words: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [python, "-m", "cvsync", *map(str, words)], cwd=terminal.folder, env=environment, timeout=120,
            check=False, capture_output=True,
        )  # fmt: skip

    return start


@pytest.mark.parametrize(
    ("words", "parameter"),
    [
        (("push", "m.csv", "-p", ODD, "--create-project"), "--project"),
        (("push", "m.csv", "--rename", f"fork={ODD}"), "--rename"),
        (("plan", "m.csv", "--only", ODD), "--only"),
        (("project", "create", ODD), "NAME"),
        (("project", "create", "new", "--description", ODD), "--description"),
        (("tag", "rename", "fork", ODD), "NEW"),
        (("migrate", "shelf", ODD, "--create-project"), "DST"),
        (("migrate", "shelf", "copy", "--create-project", "--tag-map", f"fork={ODD}"), "--tag-map"),
        (("publish", ODD, "--prediction-resource-id", "/r"), "NAME"),
        (("export", f"onnx:{ODD}"), "PLATFORM"),
        (("test", "0.png", "--published", ODD), "--published"),
    ],
)
def test_a_name_of_something_of_the_service_is_refused(
    terminal: Terminal, words: tuple[str, ...], parameter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.push(terminal.manifest(terminal.rows(2)))
    terminal.forget()
    monkeypatch.chdir(terminal.folder)

    with pytest.raises(click.BadParameter) as refused:
        terminal.run(*words)

    assert "is not UTF-8." in refused.value.message
    assert parameter in refused.value.format_message()
    assert terminal.calls() == {}


def test_refusal_is_one_sentence_for_people_and_for_programs(run: Run) -> None:
    done = run("project", "create", ODD, "--json")

    (event,) = map(check_line, done.stdout.decode().splitlines())
    assert (done.returncode, event["exit_code"]) == (2, 2)
    assert done.stderr.decode().splitlines()[-1] == f"Error: {event['reason']}"
    assert event["reason"] == r"Invalid value for 'NAME': 'caf\udce9' is not UTF-8."


def test_a_url_of_a_picture_is_refused(terminal: Terminal) -> None:
    with pytest.raises(SettingsError, match="a URL, and not UTF-8"):
        terminal.run("test", f"http://pictures.test/{ODD}.png")


def test_a_plan_is_saved_and_applied(terminal: Terminal, run: Run) -> None:
    terminal.push(terminal.manifest(terminal.rows(2)))
    terminal.manifest(terminal.rows(4))

    plans = [run("plan", "m.csv", "-o", f"{ODD}/p.plan") for _ in range(2)]
    applied = run("apply", f"{ODD}/p.plan", "--json")

    assert [done.returncode for done in (*plans, applied)] == [0, 0, 0], applied.stderr
    assert len(terminal.images()) == 4


@pytest.mark.parametrize("form", ["parquet", "csv", "coco", "yolo"])
def test_a_project_is_pulled(terminal: Terminal, run: Run, form: str) -> None:
    terminal.push(terminal.manifest(terminal.rows(3)))

    first, again = (run("pull", "-o", ODD, "-f", form, "--json") for _ in range(2))

    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    (terminal.folder / ODD).rename(terminal.folder / "readable")
    verified = terminal.run("verify", terminal.folder / "readable", "--all-bytes")
    assert (verified.code, len([*(terminal.folder / "readable" / "images").iterdir()])) == (0, 3)


def test_models_and_drawings_are_written(terminal: Terminal, run: Run) -> None:
    terminal.push(terminal.manifest(terminal.rows(30)), "--exportable", "--train")

    exported = run("export", "onnx", "--export-dir", ODD, "--json")
    drawn = run("test", terminal.pictures / "0.png", "-o", ODD, "--json")

    assert (exported.returncode, drawn.returncode) == (0, 0), exported.stderr + drawn.stderr
    assert {path.suffix for path in (terminal.folder / ODD).iterdir()} == {".zip", ".sha256", ".png"}
    told = [*map(check_line, (exported.stdout + drawn.stdout).decode().splitlines())]
    assert [e["drawn"] for e in told if e["ev"] == "prediction"] == [r"caf\udce9/0.png"]


def test_the_local_emulator_keeps_its_projects_there(terminal: Terminal, run: Run) -> None:
    terminal.manifest(terminal.rows(30))
    local = ("-e", "local", "--local-data", ODD)

    pushed = run("push", "m.csv", "--create-project", "--train", *local)
    planned = run("plan", "m.csv", "-o", "p.plan", *local)
    applied = run("apply", "p.plan", *local)

    assert [done.returncode for done in (pushed, planned, applied)] == [0, 0, 0], pushed.stderr


def test_state_is_kept_there_but_not_brought_back_from_there(terminal: Terminal, run: Run) -> None:
    state = ("--state-dir", ODD)
    terminal.manifest(terminal.rows(4))
    run("push", "m.csv", "--create-project", *state)
    terminal.manifest(terminal.rows(3))
    deleted = run("push", "m.csv", "--delete", "--max-delete", 1, *state)
    (saved,) = (terminal.folder / ODD).glob("*/*/trash/*")

    refused = run("undo", saved.name, *state)
    (terminal.folder / ODD).rename(terminal.folder / "readable")
    undone = run("undo", saved.name, "--state-dir", "readable", "--json")

    assert (deleted.returncode, refused.returncode, undone.returncode) == (0, 2, 0)
    assert b"rename it, and say so by --state-dir" in refused.stderr
    (held,) = [e for e in map(check_line, undone.stdout.decode().splitlines()) if e["ev"] == "held"]
    assert held["images"] == len(terminal.images()) == 4


def test_a_job_reports_of_what_it_wrote_there(terminal: Terminal, run: Run) -> None:
    terminal.push(terminal.manifest(terminal.rows(2)))
    place = terminal.folder / ODD
    place.mkdir()
    configure(terminal, "[job.nightly]\nsteps = [{ pull = { output = 'out' } }]\n").rename(
        place / "cvsync.toml"
    )

    done = run("run", "nightly", "--config", place / "cvsync.toml", "--json")
    listed = run("runs", "--config", place / "cvsync.toml")

    assert (done.returncode, listed.returncode) == (0, 0), done.stderr
    assert b"nightly" in listed.stdout
