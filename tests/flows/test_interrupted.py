"""Commands that are interrupted, paused, killed, out of time, or locked out, each a process of its own."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest
from click.testing import CliRunner
from desk import COMMAND, Desk
from schema import check_line

from cvsync.cli.ending import Ending
from cvsync.cli.main import cli
from cvsync.emulator.process import EmulatorProcess
from cvsync.run.work import Work


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_push_goes_on_and_stores_nothing_twice(served: Desk, number: signal.Signals) -> None:
    manifest = served.manifest(640)
    served.ask("_emulator/faults", [{"operation": "CreateImagesFromUrls", "kind": "slow", "seconds": 0.4}])
    push = ["push", manifest, "-p", "shelf", "--create-project", "-c", "2"]
    process = served.start(*push, "--json")
    assert process.stdout is not None
    for line in process.stdout:
        if check_line(line)["ev"] == "batch_done":
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    stopped = process.returncode

    resumed = served.run(*push)

    assert stopped == 128 + number
    assert [check_line(line)["ev"] for line in out.splitlines()][-1] == "run_end"
    assert "run the same command again" in err
    assert resumed.returncode == 0
    assert [end for _, *end in served.runs()] == [
        [128 + number, "stopped early; run the same command again to go on where it stopped"], [0, None],
    ]  # fmt: skip
    (project,) = served.ask("customvision/v3.3/training/projects")
    stored = served.ask(f"_emulator/projects/{project['id']}/images")
    assert len(stored) == 640
    assert {image["submissions"] for image in stored} == {1}


def test_push_whose_reader_goes_away_is_done_and_says_so(served: Desk) -> None:
    manifest = served.manifest(128)
    with served.start_until_sent(manifest, "-p", "shelf", "--create-project") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()

    assert (process.returncode, err) == (0, "")
    assert [end for _, *end in served.runs()] == [[0, None]]
    (project,) = served.ask("customvision/v3.3/training/projects")
    assert len(served.ask(f"_emulator/projects/{project['id']}/images")) == 128


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("status", "-p", "shelf"), 0),
        (("plan", "m.csv", "-p", "shelf", "-v", "--exit-code"), 10),
        (("plan", "m.csv", "-p", "shelf", "--json"), 0),
        (("ledger", "show", "-p", "shelf"), 0),
        (("project", "ls"), 0),
        (("runs",), 0),
        (("validate", "bad.csv"), 3),
        (("convert", "m.csv", "-", "-f", "parquet"), 0),
    ],
)
def test_lists_whose_reader_goes_away_end_quietly_with_their_own_code(
    served: Desk, words: tuple[str, ...], code: int, unread: int
) -> None:
    served.run("push", served.manifest(1), "-p", "shelf", "--create-project")
    served.manifest(400)
    (served.folder / "bad.csv").write_text("url,tag\n" + "ftp://pictures.test/1.png,fork\n" * 2000)
    assert served.emulator is not None
    environment = served.environment | {"CVSYNC_ENDPOINT": served.emulator.url}
    done = subprocess.run(
        [*COMMAND, *words], cwd=served.folder, env=environment,
        stdout=unread, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == code, done.stderr
    assert "Error" not in done.stderr


def test_second_signal_ends_at_once_and_leaves_what_is_in_flight_in_the_ledger(served: Desk) -> None:
    manifest = served.manifest(640)
    served.ask("_emulator/faults", [{"operation": "CreateImagesFromUrls", "kind": "slow", "seconds": 30}])
    process = served.start_until_sent(manifest, "-p", "shelf", "--create-project", "-c", "2")
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    assert "once more to cancel" in process.stderr.readline()
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    took = time.monotonic() - began

    assert process.returncode == 128 + signal.SIGTERM
    assert took < 1.5  # one second, and some for a busy machine
    assert check_line(out.splitlines()[-1])["exit_code"] == 128 + signal.SIGTERM
    assert served.in_doubt() >= 1


@pytest.mark.soak
def test_what_is_in_flight_has_twenty_seconds_after_the_first_signal(served: Desk) -> None:
    manifest = served.manifest(640)
    served.ask("_emulator/faults", [{"operation": "CreateImagesFromUrls", "kind": "slow", "seconds": 90}])
    process = served.start_until_sent(manifest, "-p", "shelf", "--create-project", "-c", "2")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    took = time.monotonic() - began

    assert process.returncode == 130
    assert 19 < took < 23
    assert served.in_doubt() >= 1


def test_deadline_ends_a_run_with_what_is_in_flight_finished(
    served: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes with the first images on their way, however long the machine took until then."""
    assert served.emulator is not None
    endings: list[Ending] = []
    tell = Work.tell

    def tell_and_end(work: Work, name: str, **facts: object) -> None:
        tell(work, name, **facts)
        if name == "batch_sent" and facts["kind"] == "create image":
            endings[0].on_deadline()

    monkeypatch.setattr(Ending, "watch", lambda ending, deadline: endings.append(ending))
    monkeypatch.setattr(Work, "tell", tell_and_end)
    words = ["push", str(served.manifest(640)), "-p", "shelf", "--create-project", "-c", "2"]
    environment = served.environment | {"CVSYNC_ENDPOINT": served.emulator.url}

    done = CliRunner().invoke(cli, words, env=environment, standalone_mode=False)

    assert done.return_value == 5
    assert "the deadline came; run the same command again" in done.stderr
    assert (done.stdout + done.stderr).count("64 images created") == 1
    ((_, code, reason),) = served.runs()
    assert (code, str(reason)[:17]) == (5, "the deadline came")
    assert served.in_doubt() == 0
    (project,) = served.ask("customvision/v3.3/training/projects")
    assert len(served.ask(f"_emulator/projects/{project['id']}/images")) == 64


@pytest.mark.parametrize(("status", "code"), [(401, 7), (503, 5)])
def test_error_that_ends_a_run_is_noted_with_its_exit_code(served: Desk, status: int, code: int) -> None:
    served.ask("_emulator/faults", [{"operation": "CreateTag", "kind": "status", "status": status}])

    push = ["push", served.manifest(1), "-p", "shelf", "--create-project", "--max-outage", "0"]
    done = served.run(*push)

    ((_, noted, reason),) = served.runs()
    assert done.returncode == noted == code
    assert str(reason).startswith(f"CreateTag answered {status}")
    assert str(reason) in done.stderr


def test_push_that_is_paused_keeps_the_project_and_ends_right_once_it_goes_on(served: Desk) -> None:
    manifest = served.manifest(640)
    served.ask("_emulator/faults", [{"operation": "CreateImagesFromUrls", "kind": "slow", "seconds": 0.2}])
    first = served.start_until_sent(manifest, "-p", "shelf", "--create-project", "-c", "2")
    first.send_signal(signal.SIGSTOP)

    second = served.run("push", manifest, "-p", "shelf")
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=60)

    assert second.returncode == 8
    assert f"process {first.pid} on" in second.stderr
    assert first.returncode == 0
    (project,) = served.ask("customvision/v3.3/training/projects")
    stored = served.ask(f"_emulator/projects/{project['id']}/images")
    assert (len(stored), {image["submissions"] for image in stored}) == (640, {1})


def test_killed_run_has_no_end(served: Desk) -> None:
    served.ask("_emulator/faults", [{"operation": "CreateImagesFromUrls", "kind": "slow", "seconds": 30}])
    process = served.start_until_sent(served.manifest(1), "-p", "shelf", "--create-project")

    process.kill()
    process.communicate(timeout=60)

    assert [end for _, *end in served.runs()] == [[None, None]]


def test_deadline_before_anything_is_sent_ends_the_run_too(served: Desk) -> None:
    served.ask("_emulator/faults", [{"operation": "GetTaggedImageCount", "kind": "slow", "seconds": 30}])

    done = served.run("push", served.manifest(2), "-p", "shelf", "--create-project", "--deadline", "1.5")

    assert done.returncode == 5


def test_second_run_on_the_same_local_data_is_locked_out(desk: Desk) -> None:
    manifest = desk.manifest(1, path=True)
    with EmulatorProcess(desk.folder / "local"):
        done = desk.run("push", manifest, "-p", "x", "-e", "local", "--create-project")

    assert done.returncode == 8
    assert f"another run is at work on {desk.folder / 'local'}: run emulator" in done.stderr


def test_paused_run_keeps_the_project_and_ends_right_when_it_goes_on(served: Desk) -> None:
    manifest = served.manifest(100)
    served.ask("_emulator/faults", [{"operation": "CreateImagesFromUrls", "kind": "slow", "seconds": 0.3}])
    push = ["push", manifest, "-p", "shelf", "--create-project"]
    first = served.start(*push, "--json")
    assert first.stdout is not None
    for line in first.stdout:
        if check_line(line)["ev"] == "batch_sent":
            break
    first.send_signal(signal.SIGSTOP)

    second = served.run(*push)
    waiting = served.start(*push, "--lock-timeout", "30", "--json")
    assert waiting.stdout is not None
    for line in waiting.stdout:
        if check_line(line)["ev"] == "lock":
            break
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=60)
    waiting.communicate(timeout=60)

    assert second.returncode == 8
    assert f"process {first.pid} on" in second.stderr
    assert (first.returncode, waiting.returncode) == (0, 0)
    assert [end for _, *end in served.runs()] == [[0, None], [0, None]]
