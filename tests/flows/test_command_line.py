"""The command as a process of its own, against an emulator in another."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from make import make_png, write_csv
from schema import check_line

from cvsync.cli.ending import Ending
from cvsync.cli.main import cli
from cvsync.emulator.process import EmulatorProcess
from cvsync.run.work import Work

COMMAND = [sys.executable, "-m", "cvsync"]


class Desk:
    """A folder with pictures and a manifest, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.emulator: EmulatorProcess | None = None
        self.environment = {k: v for k, v in os.environ.items() if "CVSYNC" not in k}
        self.environment |= {
            "CVSYNC_STATE_DIR": str(folder / "state"),
            "CVSYNC_LOCAL_DATA": str(folder / "local"),
            "CVSYNC_TRAINING_KEY": "local-training-key",
        }

    def manifest(self, count: int, *, path: bool = False) -> Path:
        (self.folder / "in").mkdir(exist_ok=True)
        rows = []
        for n in range(count):
            (self.folder / "in" / f"{n}.png").write_bytes(make_png(n, (8, 6)))
            place = {"path": f"in/{n}.png"} if path else {"url": f"https://pictures.test/{n}.png"}
            rows.append(place | {"tag": f"tag {n % 2}"})
        return write_csv(self.folder / "m.csv", rows)

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        if self.emulator is not None:
            environment.setdefault("CVSYNC_ENDPOINT", self.emulator.url)
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=self.folder, env=self.environment | environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def runs(self) -> list[tuple[str, int | None, str | None]]:
        """Every run that the ledger holds, with its exit code, and what ended it early."""
        (path,) = (self.folder / "state").glob("*/*/ledger.sqlite")
        db = sqlite3.connect(path)
        found = db.execute("SELECT run_id, exit_code, reason FROM runs ORDER BY started_at").fetchall()
        db.close()
        return found

    def start_until_sent(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a push, and return once images are on their way."""
        process = self.start("push", *arguments, "--json")
        assert process.stdout is not None
        for line in process.stdout:
            if check_line(line)["ev"] == "batch_sent" and "image" in line:
                break
        return process

    def in_doubt(self) -> int:
        (path,) = (self.folder / "state").glob("*/*/ledger.sqlite")
        db = sqlite3.connect(path)
        (found,) = db.execute("SELECT count(*) FROM batches WHERE state = 'sent'").fetchone()
        db.close()
        return int(found)

    def ask(self, path: str, body: Any = None) -> Any:
        assert self.emulator is not None
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.emulator.url}/{path}", data,
            {"Training-Key": "local-training-key", "Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def served(desk: Desk) -> Iterator[Desk]:
    """With an emulator that downloads nothing."""
    with EmulatorProcess(desk.folder / "emulator", fetch=False) as emulator:
        desk.emulator = emulator
        yield desk


def test_local_needs_no_account(desk: Desk) -> None:
    manifest = desk.manifest(3, path=True)

    first = desk.run("push", manifest, "-p", "shelf", "-e", "local", "--create-project")
    second = desk.run("push", manifest, "-p", "shelf", "-e", "local")

    assert (first.returncode, first.stdout) == (0, "2 tags created, 3 images created, 3 labels added\n")
    assert (second.returncode, second.stdout) == (0, "nothing to do\n")
    assert "\r" not in first.stderr  # a progress bar is for terminals


def test_events_are_json_and_end_with_run_end(served: Desk) -> None:
    done = served.run("push", served.manifest(3), "-p", "shelf", "--create-project", "--json")

    events = [check_line(line) for line in done.stdout.splitlines()]
    assert [e["ev"] for e in events][:1] == ["run_start"]
    assert {e["run"] for e in events} == {run for run, _, _ in served.runs()}
    assert (events[-1]["ev"], events[-1]["exit_code"]) == ("run_end", 0)
    assert events[-1]["totals"]["images_created"] == 3
    assert {e["dest"] for e in events} == {served.emulator and served.emulator.url}


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        (["push", "m.csv"], {}, 2, "CVSYNC_PROJECT"),
        (["push", "m.csv", "-p", "x"], {"CVSYNC_ENDPOINT": ""}, 2, "CVSYNC_ENDPOINT"),
        (["push", "m.csv", "-p", "x"], {"CVSYNC_TRAINING_KEY": ""}, 2, "CVSYNC_TRAINING_KEY"),
        (["push", "m.csv", "-p", "x"], {"CVSYNC_TRAINING_KEY": "canary"}, 7, "401"),
        (["push", "m.csv", "-p", "x"], {}, 7, "--create-project"),
        (["push", "none.csv", "-p", "x"], {}, 4, "no such file"),
        (["push", "bad.csv", "-p", "x"], {}, 4, "no column 'tag'"),
        (["push", "empty.csv", "-p", "x"], {}, 4, "is empty"),
        (["push", "m.csv", "-p", "x", "--export", "toaster"], {}, 2, "CoreML"),
        (
            ["push", "m.csv", "-p", "x", "--create-project", "--type", "multiclass", "--api-version", "v2.0"],
            {}, 2, "v2.1",
        ),
        (["plan", "m.csv", "-p", "x", "--create-project", "--exit-code"], {}, 10, ""),
        (["plan", "m.csv", "-p", "x", "--create-project", "--domain", "Cars"], {}, 2, "'Cars'"),
        (["push", "m.csv", "-p", "x", "-e", "https://h.test/customvision/v3.3/x"], {}, 2, "h.test alone"),
        (["plan", "m.csv", "-p", "x", "--create-project", "--only", "tga 1"], {}, 0, "has a tag 'tga 1'"),
        (["plan", "m.csv", "-p", "x", "--create-project", "--rename", "tga=t"], {}, 0, "no tag 'tga' that"),
        (["push", "m.csv", "-p", "x", "-e", "https://h.test?sig=canary"], {}, 2, "https://h.test alone"),
        (["push", "m.csv", "-p", "x", "--create-project", "--state-dir", "m.csv/s"], {}, 2, "m.csv/s"),
        (["push", "m.csv", "-p", "x", "-e", "local", "--local-data", "m.csv/data"], {}, 2, "data: Not"),
        (["push", "m.csv", "-p", "x", "--rejects", "m.csv/bad.csv"], {}, 2, "m.csv is no folder"),
        (["plan", "m.csv", "-p", "x", "-o", "m.csv/x.plan"], {}, 2, "m.csv is no folder"),
        (["apply", "none.plan", "-p", "x"], {}, 2, "does not exist"),
        (["push", "m.csv", "-p", "x", "--rejects", "./m.csv"], {}, 2, "one of the manifests"),
        (["plan", "*.csv", "-p", "x", "-o", "m.csv"], {}, 2, "one of the manifests"),
        (["validate", "mixed.csv", "--rejects", "mixed.csv"], {}, 2, "one of the manifests"),
        (["convert", "mixed.csv", "x.parquet", "--rejects", "mixed.csv"], {}, 2, "one of the manifests"),
        (["verify", "m.csv", "-p", "x", "-e", "local", "--local-data", "m.csv/data"], {}, 2, "data: Not"),
        (["validate", "mixed.csv", "--rejects", "new/bad.csv"], {}, 3, ""),
        (["convert", "m.csv", "m.csv/out.csv"], {}, 2, "m.csv"),
        (["emulate", "--data", "m.csv/data", "--port", "0"], {}, 2, "data: Not"),
    ],
)  # fmt: skip
def test_what_goes_wrong_has_a_code_and_a_reason(
    served: Desk, arguments: list[str], environment: dict[str, str], code: int, words: str
) -> None:
    served.manifest(2)
    (served.folder / "bad.csv").write_text("url,left\nhttps://pictures.test/1,0.5\n")
    (served.folder / "empty.csv").write_text("")
    (served.folder / "mixed.csv").write_text("url,tag\nftp://pictures.test/1,fork\n")

    done = served.run(*arguments, **environment)

    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_unreachable_service_is_a_temporary_fault(desk: Desk) -> None:
    done = desk.run(
        "push", desk.manifest(1), "-p", "x", "--max-outage", "0", CVSYNC_ENDPOINT="http://127.0.0.1:9"
    )

    assert done.returncode == 5
    assert "GetProjects" in done.stderr


def test_verify_proves_or_names_what_differs_and_writes_it_down(desk: Desk) -> None:
    manifest = desk.manifest(3, path=True)
    local = ("-p", "shelf", "-e", "local")
    desk.run("push", manifest, *local, "--create-project")

    same = desk.run("verify", manifest, *local, "--all-bytes", "--report", "same.md")
    manifest.write_text(manifest.read_text().replace("tag 1", "tag | 0"))
    other = desk.run("verify", manifest, *local, "--report", "other.md")
    desk.run("verify", manifest, *local, "--report", "other.json")
    told = desk.run("verify", manifest, *local, "--json", "--report", "other.txt")

    assert (same.returncode, same.stdout.splitlines()[-1]) == (0, "equal")
    assert "Equal." in (desk.folder / "same.md").read_text()
    assert (other.returncode, other.stdout.splitlines()[-1]) == (10, "3 differences")
    assert "| label missing | in/1.png |" in (desk.folder / "other.md").read_text()
    assert "| tag \\| 0 | 1 | 0 |" in (desk.folder / "other.md").read_text()
    assert json.loads((desk.folder / "other.json").read_text())["counts"]["label extra"] == 1
    assert "tag missing: 1" in (desk.folder / "other.txt").read_text()
    events = [check_line(line) for line in told.stdout.splitlines()]
    assert [e["kind"] for e in events if e["ev"] == "difference"] == [
        "tag missing", "label missing", "label extra",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("m.csv", "--source", "x"),
        ("m.csv", "--all-bytes", "--sample", "3"),
        ("m.csv", "--report", "r.doc"),
    ],
)
def test_verify_says_what_it_is_missing(desk: Desk, arguments: tuple[str, ...]) -> None:
    done = desk.run("verify", *arguments, "-p", "shelf", "-e", "local")

    assert done.returncode == 2
    assert "Error: " in done.stderr


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
    assert "another run" in done.stderr


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


def test_state_is_for_its_owner_only(served: Desk) -> None:
    served.run("push", served.manifest(2), "-p", "shelf", "--create-project")

    modes = {p.name: p.stat().st_mode & 0o777 for p in (served.folder / "state").rglob("*")}
    assert modes
    assert {mode for name, mode in modes.items() if "." in name} == {0o600}
    assert all(mode & 0o077 == 0 for mode in modes.values())
