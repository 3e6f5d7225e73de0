"""What stands in cvsync.toml of a job, and what goes before it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from jobs import configure, job
from terminal import Terminal

from cvsync.cli.config import load_config
from cvsync.cli.jobs.job import read_job
from cvsync.cli.jobs.running import settings_of
from cvsync.errors import SettingsError


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


def test_options_go_before_environment_and_that_before_the_job_and_that_before_its_profile(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[profile.a]\ntps_max = 1\n[job.nightly]\nprofile = "a"\n{}steps = [{{ push = {{}} }}]\n'

    in_profile = read_job(load_config(configure(terminal, text.format(""))), "nightly")
    in_job = read_job(load_config(configure(terminal, text.format("tps_max = 2\n"))), "nightly")

    assert settings_of(in_profile).tps_max == 1
    assert settings_of(in_job).tps_max == 2
    monkeypatch.setenv("CVSYNC_TPS_MAX", "3")
    assert settings_of(in_job).tps_max == 3
    assert settings_of(in_job, ["--tps-max=4"]).tps_max == 4


def test_what_the_environment_says_instead_of_the_file_is_told(terminal: Terminal) -> None:
    configure(terminal, '[job.nightly]\nproject = "other"\nsteps = [{ verify = { manifests = "m.csv" } }]\n')

    err = job(terminal).err

    assert "warning: project is shelf, as the environment says, and not cvsync.toml\n" in err


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
        ('steps = [{ train = {} }, { publish = { nam = "x" } }]', r"step 2 \(publish\): nam: unknown name"),
        ('steps = [{ train = {} }, { judge = { min_a = 1 } }]', r"step 2 \(judge\): min_a: unknown name"),
        ('steps = [{ push = { max_delete = "few" } }]', "max_delete: 'few' is not a valid integer"),
        ('steps = [{ push = { json = true } }]', "json is the job's"),
        ('steps = [{ migrate = { tagged = "yes" } }]', "it is true or false"),
        ('steps = [{ push = { max_delete = 1.5 } }]', "max_delete: '1.5' is not a valid integer"),
        ('steps = [{ push = { max_delete = true } }]', "max_delete: it takes a value; true and false are"),
        ('steps = [{ push = { max_delete = [1] } }]', "max_delete: it takes one value, neither a list nor"),
        ('steps = [{ push = { manifests = { a = 1 } } }]', "manifests: it takes one value, neither a list"),
        ('steps = [{ pull = { output = ["a", "b"] } }]', "output: it takes one value, neither a list nor a"),
        ('steps = [{ pull = { tag = [["fork"]] } }]', "tag: it takes one value, neither a list nor a table"),
        ('deadline = 06:30:00', "deadline: '06:30:00' is neither a number of seconds nor a time as 06:30"),
        ('tps = true', "tps: it takes a value; true and false are for flags"),
        ('state_dir = ["x"]', "state_dir: it takes one value, neither a list nor a table"),
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

    path = configure(
        terminal,
        """
[[job.weekly.steps]]
push = { manifests = ["a.csv", "b.csv"], only = "fork", rename = { spoon = "Spoon" }, map = ["tag=name"] }
[[job.weekly.steps]]
migrate = { source = "a", copy = "b", tagged = true, as-bytes = ["*"] }
[[job.weekly.steps]]
pull = { output = 7, since = 2024-01-01, until = 2025-01-01T02:00:00+02:00 }
""",
    )

    push, migrate, pull = read_job(load_config(path), "weekly").steps

    assert (push.arguments, push.options) == (
        ("a.csv", "b.csv"), {"only": ("fork",), "renames": ("spoon=Spoon",), "map_": ("tag=name",)},
    )  # fmt: skip
    assert (migrate.arguments, migrate.options) == (("a", "b"), {"tagged": True, "as_bytes": ("*",)})
    assert pull.options == {
        "output": terminal.folder / "7", "since": datetime(2024, 1, 1), "until": datetime(2025, 1, 1),
    }  # fmt: skip
