"""Jobs of cvsync.toml: verbs in a row, that can be left alone."""

from __future__ import annotations

import signal
import time

import pytest
from jobs import NIGHTLY, configure, folder_of, job, page, reports
from schema import check_line
from terminal import Terminal

from cvsync.cli.config import load_config
from cvsync.cli.jobs import running
from cvsync.cli.jobs.job import read_job
from cvsync.cli.jobs.record import JobRecord
from cvsync.cli.jobs.running import settings_of
from cvsync.cli.offline import Output, run_offline
from cvsync.cli.text import TextOutput
from cvsync.run.lock import hold_lock


def test_a_job_runs_its_steps_and_then_finds_nothing_to_do(terminal: Terminal) -> None:
    configure(terminal)
    terminal.manifest(terminal.rows(4))

    first = job(terminal)
    terminal.forget()
    second = job(terminal)

    assert (first.code, second.code) == (0, 0)
    assert "step 1 of 2: push" in first.err
    assert "4 images created" in first.out
    assert terminal.writes() == {}
    assert "| push | images created | 4 |" in page(first)
    assert "| shelf | images | 4 | 100,000 | 99,996 |" in page(first)
    assert "Nothing changed." in page(second)
    assert "Nothing was refused." in page(second)
    assert f"the run before: {reports(terminal)[0]['run_id']}" in page(second)


def test_events_of_a_job_stand_around_those_of_its_steps(terminal: Terminal) -> None:
    configure(terminal)
    terminal.manifest(terminal.rows(2))

    lines = [check_line(line) for line in job(terminal, "--json").out.splitlines()]

    outer = lines[0]["run"]
    assert [(e["ev"], e.get("step")) for e in lines if e["run"] == outer] == [
        ("run_start", None), ("job_start", None), ("step_start", "push"), ("step_end", "push"),
        ("step_start", "verify"), ("step_end", "verify"), ("job_end", None), ("run_end", None),
    ]  # fmt: skip
    assert len({e["run"] for e in lines}) == 3
    assert lines[-1]["exit_code"] == 0


def test_a_refused_row_does_not_end_a_job_but_is_its_code(terminal: Terminal) -> None:
    configure(
        terminal,
        NIGHTLY.replace('verify = { manifests = ["m.csv"], all_bytes = true }', 'pull = { output = "out" }'),
    )
    rows = terminal.rows(3)
    terminal.manifest([*rows, rows[0] | {"tag": ""}])

    done = job(terminal)

    (report,) = reports(terminal)
    assert done.code == report["exit_code"] == 3
    assert len(report["steps"]) == 2
    assert report["steps"][0]["refused_count"] == 1
    assert "## Refused: 1" in page(done)


def test_the_first_step_that_fails_ends_a_job(terminal: Terminal) -> None:
    configure(terminal, NIGHTLY.replace("  { verify", '  { pull = { output = "out" } },\n  { verify', 1))
    (terminal.folder / "m.csv").write_text("url\n")

    done = job(terminal)

    (report,) = reports(terminal)
    assert done.code == report["exit_code"] == 4
    assert [step["verb"] for step in report["steps"]] == ["push"]
    assert report["reason"].startswith("step 1 (push): ")
    assert "# Job nightly: a manifest cannot be read" in page(done)


def test_a_job_that_is_terminated_between_two_steps_still_reports(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(terminal)
    terminal.manifest(terminal.rows(2))
    before = signal.getsignal(signal.SIGTERM)

    def end(name: str) -> None:
        if name == "after-step":
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(running, "failpoint", end)
    ran = job(terminal)
    monkeypatch.undo()

    assert ran.code == 143
    (report,) = reports(terminal)
    assert (report["exit_code"], [step["verb"] for step in report["steps"]]) == (143, ["push"])
    assert "terminated between two steps" in page(ran)
    assert "terminated between two steps" in ran.err
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_run_of_a_job_exits_with_8_and_leaves_no_trace(terminal: Terminal) -> None:
    configure(terminal)
    terminal.manifest(terminal.rows(2))
    folder = folder_of(terminal)

    with hold_lock(folder, run_id="first", what="job nightly"):
        second = job(terminal)

    assert (second.code, "another run is at work on job nightly: run first" in second.err) == (8, True)
    assert reports(terminal) == []
    assert job(terminal).code == 0


def test_a_job_past_its_deadline_ends_with_5_and_the_next_one_goes_on(terminal: Terminal) -> None:
    configure(terminal)
    terminal.manifest(terminal.rows(4))

    late = job(terminal, "--deadline", "0", "--quiet")
    next_night = job(terminal)

    assert (late.code, next_night.code) == (5, 0)
    assert "the deadline came before step 1 (push)" in reports(terminal)[0]["reason"]
    assert late.err == f"cvsync: {reports(terminal)[0]['reason']}\n"
    assert len(terminal.images()) == 4


def test_the_time_that_a_job_waits_for_another_counts_for_its_deadline(terminal: Terminal) -> None:
    configure(terminal)

    with hold_lock(folder_of(terminal), run_id="first", what="job nightly"):
        late = job(terminal, "--deadline", "0", "--lock-timeout", "600")

    assert (late.code, "another run is at work on job nightly" in late.err) == (8, True)
    began = time.monotonic() - 100
    made = read_job(load_config(terminal.folder / "cvsync.toml"), "nightly")
    record = JobRecord("nightly", "x", "2025-01-01T00:00:00+00:00", str(made.file.path))
    common = settings_of(made, ["--deadline=50", f"--state-dir={terminal.state}"])
    assert running._Run(made, [], common, record, TextOutput(quiet=True), began).to_the_end() == 5


def test_differences_are_said_even_if_quiet(terminal: Terminal) -> None:
    configure(terminal, '[job.nightly]\nproject = "shelf"\nsteps = [{ verify = { manifests = "m.csv" } }]\n')
    terminal.push(terminal.manifest(terminal.rows(3)))
    terminal.manifest(terminal.rows(2))

    ran = job(terminal, "--quiet")

    assert (ran.code, ran.err) == (10, "cvsync: step 1 (verify): differences found\n")
    assert reports(terminal)[0]["reason"] == "step 1 (verify): differences found"


def test_who_interrupts_work_without_a_service_is_told_of_it_as_the_process_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work(_: Output) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_offline(work, command="run nightly", json=True)

    last = check_line(capsys.readouterr().out.splitlines()[-1])
    assert (last["ev"], last["exit_code"], last["reason"]) == ("run_end", 130, "interrupted")
