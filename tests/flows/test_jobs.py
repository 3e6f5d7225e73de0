"""Jobs of cvsync.toml: verbs in a row, that can be left alone."""

from __future__ import annotations

import json
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from schema import check_line
from terminal import Ran, Terminal

from cvsync.cli.config import load_config
from cvsync.cli.jobs import running
from cvsync.cli.jobs.job import read_job
from cvsync.cli.jobs.record import JobRecord, StepRecord, jobs_folder
from cvsync.cli.jobs.running import settings_of
from cvsync.cli.offline import Output, run_offline
from cvsync.cli.text import TextOutput
from cvsync.errors import SettingsError
from cvsync.run.lock import hold_lock

NIGHTLY = """
[profile.shelf]
project = "shelf"

[job.nightly]
profile = "shelf"
steps = [
  { push = { manifests = "m.csv", create_project = true, delete = true, max_delete = 5 } },
  { verify = { manifests = ["m.csv"], all_bytes = true } },
]
"""


def configure(terminal: Terminal, text: str = NIGHTLY) -> Path:
    path = terminal.folder / "cvsync.toml"
    path.write_text(text)
    return path


def job(terminal: Terminal, *arguments: object, name: str = "nightly") -> Ran:
    return terminal.run("run", name, "--config", terminal.folder / "cvsync.toml", *arguments)


def folder_of(terminal: Terminal, name: str = "nightly") -> Path:
    return jobs_folder(terminal.state, name, terminal.folder / "cvsync.toml")


def reports(terminal: Terminal, name: str = "nightly") -> list[dict[str, Any]]:
    """What the runs of a job left, the earliest first."""
    paths = folder_of(terminal, name).glob("*.json")
    found = [json.loads(path.read_text()) for path in paths]
    return sorted(found, key=lambda report: str(report["started"]))


def page(ran: Ran) -> str:
    (line,) = [line for line in ran.out.splitlines() if line.startswith("report: ")]
    return Path(line.removeprefix("report: ")).read_text()


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


def test_a_mistake_in_a_step_is_named_with_its_place(terminal: Terminal) -> None:
    configure(
        terminal,
        '[job.nightly]\nproject = "shelf"\nsteps = [{ verify = { source = "x" } }, { push = {} }]\n',
    )

    done = job(terminal)

    assert done.code == 7  # no such project
    configure(terminal, '[job.nightly]\nproject = "shelf"\nsteps = [{ push = {} }]\n')
    done = job(terminal)
    assert (done.code, "job.nightly step 1 (push): Missing argument" in done.err) == (2, True)


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


def test_options_go_before_environment_and_that_before_the_job_and_that_before_its_profile(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[profile.a]\ntps_max = 1\n[job.nightly]\nprofile = "a"\n{}steps = [{{ push = {{}} }}]\n'
    from cvsync.cli.config import load_config
    from cvsync.cli.jobs.job import read_job
    from cvsync.cli.jobs.running import settings_of

    in_profile = read_job(load_config(configure(terminal, text.format(""))), "nightly")
    in_job = read_job(load_config(configure(terminal, text.format("tps_max = 2\n"))), "nightly")

    assert settings_of(in_profile).tps_max == 1
    assert settings_of(in_job).tps_max == 2
    monkeypatch.setenv("CVSYNC_TPS_MAX", "3")
    assert settings_of(in_job).tps_max == 3
    assert settings_of(in_job, ["--tps-max=4"]).tps_max == 4


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


def test_what_the_environment_says_instead_of_the_file_is_told(terminal: Terminal) -> None:
    configure(terminal, '[job.nightly]\nproject = "other"\nsteps = [{ verify = { manifests = "m.csv" } }]\n')

    err = job(terminal).err

    assert "warning: project is shelf, as the environment says, and not cvsync.toml\n" in err


def test_the_run_before_is_one_that_ended(terminal: Terminal) -> None:
    path = configure(terminal)
    terminal.manifest(terminal.rows(2))
    job(terminal)
    killed = JobRecord("nightly", "killed", "2999-01-01T00:00:00+00:00", str(path))
    killed.save(folder_of(terminal))

    assert "the run before: killed" not in page(again := job(terminal))
    assert "the run before: " in page(again)


def test_paths_of_options_and_environment_begin_where_the_command_was_given(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = configure(terminal)
    terminal.manifest(terminal.rows(2))
    here = tmp_path / "here"
    here.mkdir()
    (here / "key").write_text("local-training-key")
    monkeypatch.chdir(here)
    monkeypatch.setenv("CVSYNC_TRAINING_KEY_FILE", "key")

    by_option = terminal.run("run", "nightly", "--config", path, "--state-dir", "one")
    terminal.state = Path("one")
    by_environment = terminal.run("run", "nightly", "--config", path)

    assert (by_option.code, by_environment.code) == (0, 0), by_option.err + by_environment.err
    assert sorted(p.name for p in here.iterdir()) == ["key", "one"]
    assert len(terminal.ledger()) == 2
    assert len(terminal.run("runs", "nightly", "--config", path).out.splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps = []", "write its steps as steps ="),
        ("", "write its steps as steps ="),
        ('steps = [{ push = {}, verify = {} }]', "one verb a step"),
        ('steps = ["push"]', "one verb a step"),
        ('steps = [{ psuh = {} }]', "step 1: 'psuh' is no step; did you mean 'push'"),
        ('steps = [{ push = "m.csv" }]', "write the options of push as a table"),
        ('steps = [{ push = { manifest = "m.csv" } }]', "manifest: unknown name; did you mean 'manifests'"),
        ('steps = [{ push = { delet = true } }]', r"step 1 \(push\): delet: unknown name; did you mean 'del"),
        ('steps = [{ push = { max_delete = "few" } }]', "max_delete: 'few' is not a valid integer"),
        ('steps = [{ push = { json = true } }]', "json is the job's"),
        ('steps = [{ migrate = { tagged = "yes" } }]', "it is true or false"),
        ('profile = "nobody"\nsteps = [{ push = {} }]', r"there is no \[profile.nobody\]"),
        ('training_key_env = "X"\nsteps = [{ push = {} }]', "is said in a profile"),
        ('training_key = "canary"\nsteps = [{ push = {} }]', "a key has no place"),
        ('stepps = []', "stepps: unknown name"),
    ],
)  # fmt: skip
def test_a_job_that_is_written_wrong_is_refused_with_its_place(
    text: str, words: str, terminal: Terminal
) -> None:
    configure(terminal, f"[job.nightly]\n{text}\n")

    with pytest.raises(SettingsError, match=words) as raised:
        job(terminal)

    assert "job.nightly" in str(raised.value) or "nobody" in str(raised.value)
    assert "canary" not in str(raised.value)


def test_every_kind_of_option_can_be_written(terminal: Terminal) -> None:
    from cvsync.cli.config import load_config
    from cvsync.cli.jobs.job import read_job

    path = configure(
        terminal,
        """
[[job.weekly.steps]]
push = { manifests = ["a.csv", "b.csv"], only = "fork", rename = { spoon = "Spoon" }, map = ["tag=name"] }
[[job.weekly.steps]]
migrate = { source = "a", copy = "b", tagged = true, as-bytes = ["*"] }
[[job.weekly.steps]]
pull = { output = "out", from = 1 }
""".replace(", from = 1", ""),
    )

    push, migrate, pull = read_job(load_config(path), "weekly").steps

    assert (push.arguments, push.options) == (
        ("a.csv", "b.csv"), {"only": ("fork",), "renames": ("spoon=Spoon",), "map_": ("tag=name",)},
    )  # fmt: skip
    assert (migrate.arguments, migrate.options) == (("a", "b"), {"tagged": True, "as_bytes": ("*",)})
    assert pull.options == {"output": terminal.folder / "out"}


def test_what_a_step_tells_is_kept_within_bounds() -> None:
    from cvsync.events import Event

    record = StepRecord("push", "2025-01-01T00:00:00+00:00")

    for n in range(500):
        record(Event("item_refused", {"code": "E001", "reason": "x", "image": str(n)}))
        record(Event("warning", {"text": str(n)}))

    assert (record.refused_count, len(record.refused), len(record.facts["warning"])) == (500, 100, 100)


def test_who_interrupts_work_without_a_service_is_told_of_it_as_the_process_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work(_: Output) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_offline(work, command="run nightly", json=True)

    last = check_line(capsys.readouterr().out.splitlines()[-1])
    assert (last["ev"], last["exit_code"], last["reason"]) == ("run_end", 130, "interrupted")
