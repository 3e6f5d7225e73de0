"""What runs of jobs leave behind, and how it is listed."""

from __future__ import annotations

import json
import stat
import sys
from typing import Any

import pytest
from jobs import NIGHTLY, configure, folder_of, job, page, reports
from schema import check_line
from terminal import Terminal

from cvsync.cli.jobs import running
from cvsync.cli.jobs.record import JobRecord, StepRecord, write_private
from cvsync.errors import SettingsError
from cvsync.run.lock import hold_lock


def test_a_report_is_for_its_owner_alone_and_can_be_read_again(terminal: Terminal) -> None:
    configure(terminal)
    terminal.manifest(terminal.rows(2))
    job(terminal)

    (path,) = folder_of(terminal).glob("*.json")
    record = JobRecord.load(path)

    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(path.with_suffix(".md").stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (record.exit_code, [step.verb for step in record.steps]) == (0, ["push", "verify"])
    assert record.steps[0].run_id is not None


def test_without_a_run_there_is_nothing_to_list(terminal: Terminal) -> None:
    assert terminal.run("runs").out == "no job has run yet\n"
    assert terminal.run("runs", "--json").out.count("job_run") == 0


def test_what_a_pull_found_there_and_its_bytes_are_no_changes(terminal: Terminal) -> None:
    terminal.push(terminal.manifest(terminal.rows(3)))
    path = configure(terminal, '[job.nightly]\nproject = "shelf"\nsteps = [{ pull = { output = "out" } }]\n')

    pages = [page(job(terminal)) for _ in range(2)]
    told = terminal.run("runs", "--config", path, "--json").out.splitlines()

    changes = [line["changes"] for line in map(check_line, told) if line["ev"] == "job_run"]
    assert changes == [0, 3]
    assert ["Nothing changed." in text for text in pages] == [False, True]
    assert "| pull | images fetched | 3 |" in pages[0]


def test_jobs_and_their_runs_are_listed(terminal: Terminal) -> None:
    path = configure(terminal, NIGHTLY + '[job.weekly]\nsteps = [{ verify = { manifests = "m.csv" } }]\n')
    terminal.manifest(terminal.rows(2))
    job(terminal)
    job(terminal, name="weekly")
    killed = JobRecord("weekly", "20250101T000000Z-aaaaaa", "2025-01-01T00:00:00+00:00", str(path))
    killed.save(folder_of(terminal, "weekly"))

    jobs = terminal.run("run", "--config", path)
    told = terminal.run("runs", "--config", path, "--json").out.splitlines()
    weekly = terminal.run("runs", "weekly", "--last", "1")

    assert [line.split() for line in jobs.out.splitlines()] == [
        ["job", "profile", "project", "steps"],
        ["nightly", "shelf", "shelf", "push,", "verify"],
        ["weekly", "shelf", "verify"],
    ]
    listed = [line for line in map(check_line, told) if line["ev"] == "job_run"]
    assert [(e["job"], e["exit_code"]) for e in listed] == [("weekly", 0), ("nightly", 0), ("weekly", None)]
    assert (listed[1]["changes"] > 0, listed[2]["verdict"]) == (True, "unfinished")
    assert len(weekly.out.splitlines()) == 2
    with pytest.raises(SettingsError, match="no job 'monthly' has run"):
        terminal.run("runs", "monthly")


DAMAGED = [
    b"", b"[]", b'{"job": "nightly"', b'{"job": "nightly"}', b"\xff",
    b'{"job": "nightly", "run_id": "x", "started": "some day", "steps": []}',
    b'{"job": "nightly", "run_id": "x", "started": "2025-01-01T00:00:00", "steps": [{"verb": "push"}]}',
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_a_report_that_cannot_be_read_hides_no_other(terminal: Terminal, content: bytes) -> None:
    configure(terminal)
    terminal.manifest(terminal.rows(2))
    job(terminal)
    damaged = folder_of(terminal) / "damaged.json"
    damaged.write_bytes(content)

    listed = terminal.run("runs", "nightly")
    with pytest.raises(SettingsError, match=r"no job 'monthly' has run .*damaged.json: it is no report"):
        terminal.run("runs", "monthly")
    again = job(terminal)
    later = terminal.run("runs", "nightly")

    assert (listed.code, len(listed.out.splitlines()), again.code) == (0, 2, 0)
    assert listed.err == f"warning: cannot be read: {damaged}: it is no report of a job\n"
    assert "the run before: " in page(again)
    assert f"{damaged} is no report of a job, or it is damaged; it stands aside as" in again.err
    assert (len(later.out.splitlines()), later.err) == (3, "")
    assert (folder_of(terminal) / "damaged.damaged").read_bytes() == content


def test_the_quota_in_a_report_is_of_what_the_project_holds(terminal: Terminal) -> None:
    """Not of what was refused, nor of what turned out to be there."""
    deleting = NIGHTLY.split("  { verify")[0] + "]\n"
    configure(terminal, deleting.replace(", delete = true, max_delete = 5", ""))
    rows = terminal.rows(4)
    terminal.manifest([*rows, rows[0] | {"url": terminal.url("none.png")}])

    refused = job(terminal)
    terminal.state = terminal.folder / "another"
    there_already = job(terminal)
    configure(terminal, deleting)
    terminal.manifest(rows[:3])
    deleted = job(terminal)

    assert (refused.code, there_already.code, deleted.code) == (3, 3, 0)
    assert "| shelf | images | 4 | 100,000 | 99,996 |" in page(refused)
    assert "| shelf | images | 4 | 100,000 | 99,996 |" in page(there_already)
    assert "| shelf | images | 3 | 100,000 | 99,997 |" in page(deleted)


@pytest.mark.skipif(sys.platform == "win32", reason="not everybody may make links there")
def test_a_folder_that_cannot_be_read_hides_no_run(terminal: Terminal) -> None:
    configure(terminal)
    terminal.manifest(terminal.rows(2))
    job(terminal)
    loop = terminal.state / "jobs" / "loop-12345678"
    loop.symlink_to(loop)
    (folder_of(terminal) / "folder.json").mkdir()
    (terminal.state / "jobs" / "no folder").touch()

    told = [check_line(line) for line in terminal.run("runs", "--json").out.splitlines()]

    assert [event["ev"] for event in told[1:-1]] == ["warning", "warning", "job_run"]
    assert "loop-12345678: " in told[1]["text"] + told[2]["text"]
    assert "folder.json: Is a directory" in told[1]["text"] + told[2]["text"]


def test_a_job_that_is_wrong_in_the_file_hides_no_run(terminal: Terminal) -> None:
    path = configure(terminal, NIGHTLY + "[job.weekly]\nsteps = [{ fly = {} }]\n")
    terminal.manifest(terminal.rows(2))
    job(terminal)

    listed = terminal.run("runs", "--config", path)
    jobs = terminal.run("run", "--config", path)

    assert (jobs.code, len(jobs.out.splitlines())) == (2, 2)
    assert "job.weekly step 1: 'fly' is no step" in jobs.err
    assert (listed.code, len(listed.out.splitlines())) == (0, 2)
    assert "cannot be read: " in listed.err
    assert "job.weekly step 1: 'fly' is no step" in listed.err


def test_jobs_of_one_name_in_two_files_know_nothing_of_each_other(terminal: Terminal) -> None:
    configure(terminal)
    terminal.manifest(terminal.rows(2))
    other = terminal.folder / "other"
    other.mkdir()
    (other / "cvsync.toml").write_text(
        '[job.nightly]\nproject = "shelf"\nsteps = [{ verify = { manifests = "../m.csv" } }]\n'
    )
    terminal.push(terminal.folder / "m.csv")

    with hold_lock(folder_of(terminal), run_id="first"):
        one = terminal.run("run", "nightly", "--config", other / "cvsync.toml")
        same = terminal.run("run", "nightly", "--config", other / ".." / "cvsync.toml")
    two = job(terminal)

    assert (one.code, same.code, two.code) == (0, 8, 0)
    assert "the run before" not in page(two)
    assert len(terminal.run("runs", "nightly").out.splitlines()) == 3


def test_the_run_before_is_one_that_ended(terminal: Terminal) -> None:
    path = configure(terminal)
    terminal.manifest(terminal.rows(2))
    job(terminal)
    killed = JobRecord("nightly", "killed", "2999-01-01T00:00:00+00:00", str(path))
    killed.save(folder_of(terminal))

    assert "the run before: killed" not in page(again := job(terminal))
    assert "the run before: " in page(again)


def test_what_a_step_tells_is_kept_within_bounds() -> None:
    from cvsync.events import Event

    record = StepRecord("push", "2025-01-01T00:00:00+00:00")

    for n in range(500):
        record(Event("item_refused", {"code": "E001", "reason": "x", "image": str(n)}))
        record(Event("warning", {"text": str(n)}))

    assert (record.refused_count, len(record.refused), len(record.facts["warning"])) == (500, 100, 100)


def test_the_reports_of_the_latest_runs_stay(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the model was like that was judged last, though that run's report is gone."""
    monkeypatch.setattr(running, "KEPT", 3)
    path = configure(terminal)
    terminal.manifest(terminal.rows(2))
    judged = StepRecord("train", "2025-01-01T00:00:00+00:00", facts={"judge": {"iteration": "best"}})
    for n in range(5):
        old = JobRecord("nightly", f"old-{n}", f"2025-01-0{n + 1}T00:00:00+00:00", str(path))
        old.steps = [judged] if n == 3 else []
        write_private(old.save(folder_of(terminal)).with_suffix(".md"), b"a page")
    damaged = folder_of(terminal) / "20240101T000000Z-aaaaaa.json"
    write_private(damaged, b"{")
    write_private(damaged.with_suffix(".md"), b"a page")

    for _ in range(3):
        assert job(terminal).code == 0

    left = reports(terminal)
    assert len(left) == 3
    assert not [*folder_of(terminal).glob(f"{damaged.stem}.*")]
    assert not [*folder_of(terminal).glob("old-*")]
    assert [report["model_before"] for report in left] == [{"iteration": "best"}] * 3


@pytest.mark.parametrize("steps", [[], [{"verb": "push", "started": "2025-01-01T00:00:00", "tier": "S0"}]])
def test_reports_of_older_versions_are_listed(terminal: Terminal, steps: list[dict[str, Any]]) -> None:
    """They did not name the file, and steps told of something that they no longer do."""
    written = {"job": "nightly", "run_id": "old", "started": "2025-01-01T00:00:00", "ended": None}
    written |= {"exit_code": 3, "reason": None, "steps": steps}
    write_private(terminal.state / "jobs" / "nightly" / "old.json", json.dumps(written).encode())

    told = terminal.run("runs", "nightly", "--json").out.splitlines()

    (listed,) = [line for line in map(check_line, told) if line["ev"] == "job_run"]
    assert (listed["run_id"], listed["exit_code"]) == ("old", 3)
