"""The ready files of `examples`: each is read as its reader would, and its command is run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from make import make_png, write_csv

from cvsync.cli.config import load_config
from cvsync.cli.jobs.job import read_job
from cvsync.cli.profiles import load_profile
from cvsync.emulator import EmulatorThread

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEMPORARY = {1, 5, 8, 130, 143}  # another try may help


def text(name: str) -> str:
    return (EXAMPLES / name).read_text(encoding="utf-8")


class Stage:
    """The places that the ready files name, in a folder of the test's, and an emulator as the service."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder, self.endpoint = folder, endpoint
        self.etc, self.bin, self.state = folder / "etc", folder / "bin", folder / "state"
        self.etc.mkdir()
        self.bin.mkdir()
        shutil.copy(EXAMPLES / "cvsync.toml", self.etc)
        (self.etc / "training-key").write_text("local-training-key\n")
        self.command = self.bin / "cvsync"
        self.command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m cvsync "$@"\n')
        self.command.chmod(0o755)

    def here(self, line: str) -> str:
        """Put the test's places in a line of a ready file."""
        for place, instead in (
            ("/opt/cvsync/bin", self.bin), ("/etc/cvsync", self.etc), ("/var/lib/cvsync", self.state),
            ("/config", self.etc), ("/secrets", self.etc), ("/state/cvsync", self.state),
            ("/state/models", self.state / "models"), ("%d", self.etc), ("%S/cvsync", self.state),
        ):  # fmt: skip
            line = re.sub(f"(^|[ =]){re.escape(place)}(?![\\w-])", f"\\g<1>{instead}", line)
        return line

    def run(self, command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command of a ready file as a shell does, with the environment that the file gives."""
        given = {name: self.here(value) for name, value in environment.items()}
        assert all(name.startswith("CVSYNC_") for name in given)
        system = {"PATH": f"{self.bin}:{os.environ['PATH']}", "HOME": str(self.folder)}
        return subprocess.run(
            ["/bin/sh", "-c", self.here(command)],
            check=False, capture_output=True, text=True, timeout=100, cwd=self.folder,
            env=system | given | {"CVSYNC_ENDPOINT": self.endpoint},
        )  # fmt: skip

    def report(self) -> str:
        (page,) = (self.state / "jobs").glob("nightly-*/*.md")
        return page.read_text()


@pytest.fixture
def stage(start_served: Callable[..., EmulatorThread], tmp_path: Path, quick_learner: None) -> Stage:
    """With a project `shelf` to which the manifest belongs, so that the job has all to do."""
    (tmp_path / "pictures").mkdir()
    emulator = start_served(fetch=True, files=tmp_path / "pictures")
    made = Stage(tmp_path, emulator.url)
    for n in range(12):
        (tmp_path / "pictures" / f"{n}.png").write_bytes(make_png(n))
    rows = [{"url": f"{emulator.url}/files/{n}.png", "tag": ("fork", "spoon")[n % 2]} for n in range(12)]
    write_csv(made.etc / "manifest.csv", rows)
    key = {"CVSYNC_TRAINING_KEY": "local-training-key"}
    create = "cvsync project create shelf --domain 'General (compact)' --type multiclass"
    assert made.run(create, key).returncode == 0
    return made


def assert_done(stage: Stage, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr + done.stdout
    assert "| push | images created | 12 |" in stage.report()
    assert "| publication | Iteration 1 | Published as production |" in stage.report()
    assert len([*stage.folder.glob("*/models/*.zip")]) == 1


def test_every_ready_file_is_named_in_the_readme() -> None:
    assert [path.name for path in EXAMPLES.iterdir() if f"examples/{path.name}" not in README] == []


def test_profile_and_job_of_the_readme_are_read(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "cvsync.toml").write_text("\n".join(blocks))
    file = load_config(tmp_path / "cvsync.toml")

    assert load_profile(file.path, "shop").keys.is_said
    assert [step.verb for step in read_job(file, "nightly").steps] == ["push", "train", "verify"]


def test_cron_line_runs_the_job_and_says_nothing_when_all_is_well(stage: Stage) -> None:
    lines = [line for line in text("crontab").splitlines() if line and not line.startswith("#")]
    environment = dict(line.split("=", 1) for line in lines[:-1])
    *times, command = lines[-1].split(None, 5)

    assert all(re.fullmatch(r"\*|\d+", part) for part in times)
    assert "%" not in command  # cron would make a line break of it
    done = stage.run(command, environment)
    assert_done(stage, done)
    assert (done.stdout, done.stderr) == ("", "")


def test_systemd_units_are_sound_and_run_the_job(stage: Stage) -> None:
    units = [EXAMPLES / "cvsync-nightly.service", EXAMPLES / "cvsync-nightly.timer"]
    lines = [line.split("=", 1) for unit in units for line in unit.read_text().splitlines() if "=" in line]
    (command,) = [value for name, value in lines if name == "ExecStart"]
    environment = dict(value.split("=", 1) for name, value in lines if name == "Environment")

    assert_done(stage, stage.run(command, environment))
    if shutil.which("systemd-analyze") is None:
        pytest.skip("the job ran; whether the units are sound is not known without systemd-analyze")
    for unit in units:
        (stage.folder / unit.name).write_text(unit.read_text().replace("/opt/cvsync/bin", str(stage.bin)))
    verify = ["systemd-analyze", "verify", *(str(stage.folder / unit.name) for unit in units)]
    found = subprocess.run(verify, check=False, capture_output=True, text=True, timeout=60)
    assert [line for line in found.stderr.splitlines() if "cvsync" in line] == []


def test_kubernetes_runs_the_job_with_its_state_on_a_block_volume(stage: Stage) -> None:
    claim, cron = yaml.safe_load_all(text("cronjob.yaml"))
    pod = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = {one["name"]: one["value"] for one in container["env"]}
    mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}

    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert (claim["spec"]["storageClassName"], cron["spec"]["concurrencyPolicy"]) == ("managed-csi", "Forbid")
    assert mounted.keys() == {volume["name"] for volume in pod["volumes"]}
    assert environment["CVSYNC_STATE_DIR"].startswith(f"{mounted['state']}/")
    assert pod["terminationGracePeriodSeconds"] > 20
    done = stage.run(" ".join([*container["command"], *container["args"]]), environment)
    assert_done(stage, done)
    assert '"ev":"run_end"' in done.stdout.splitlines()[-1]


def test_kubernetes_tries_again_what_may_help_and_nothing_else() -> None:
    _, cron = yaml.safe_load_all(text("cronjob.yaml"))
    job = cron["spec"]["jobTemplate"]["spec"]
    by_action: dict[str, set[int]] = {}
    for rule in job["podFailurePolicy"]["rules"]:
        if "onExitCodes" in rule:
            assert rule["onExitCodes"]["containerName"] == job["template"]["spec"]["containers"][0]["name"]
            by_action.setdefault(rule["action"], set()).update(rule["onExitCodes"]["values"])
    table = re.findall(r"^\| (\d+)(?:, (\d+))? \|", README, re.MULTILINE)
    codes = {int(code) for row in table for code in row if code} - {0}

    assert job["template"]["spec"]["restartPolicy"] == "Never"  # the policy asks for it
    assert by_action == {"FailJob": codes - TEMPORARY, "Count": TEMPORARY}


def test_workflow_runs_the_job_and_shows_the_report(stage: Stage) -> None:
    workflow: dict[Any, Any] = yaml.safe_load(text("github-actions.yml"))
    job = workflow["jobs"]["nightly"]
    steps = {step["name"]: step for step in job["steps"] if "name" in step}
    key = {
        "CVSYNC_TRAINING_KEY": "local-training-key", "CVSYNC_STATE_DIR": str(stage.state),
        "CVSYNC_PREDICTION_RESOURCE_ID": "/subscriptions/s/accounts/a",
    }  # fmt: skip
    summary = stage.folder / "summary.md"

    assert workflow[True]["schedule"] == [{"cron": "15 2 * * *"}]  # YAML reads the name `on` as true
    assert job["env"].keys() | steps["job"]["env"].keys() == {"CVSYNC_ENDPOINT", *key}
    assert [step for step in [job, *job["steps"]] if "CVSYNC_TRAINING_KEY" in step.get("env", ())] == [
        steps["job"]
    ]
    (kept,) = [step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    deadline = float(steps["job"]["run"].split()[-1])
    assert deadline < job["timeout-minutes"] * 60
    places = f"export RUNNER_TEMP={stage.folder} GITHUB_STEP_SUMMARY={summary}"
    report = f"{places}\n{steps['report']['run']}"
    none = stage.run(report, key)
    assert (none.returncode, none.stderr, summary.exists()) == (0, "", False)
    old = stage.state / "jobs" / "nightly-0" / "yesterday.md"
    old.parent.mkdir(parents=True)
    old.write_text("yesterday")
    os.utime(old, (0, 0))
    done = stage.run(f"{places}\ncd {stage.etc}\n{steps['job']['run']}", key)
    shown = stage.run(report, key)
    old.unlink()
    assert_done(stage, done)
    assert [*(stage.etc / kept).glob("*.zip")]
    assert (shown.returncode, summary.read_text()) == (0, stage.report())
