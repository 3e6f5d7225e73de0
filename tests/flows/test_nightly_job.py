"""From data to a model in use, every night: push, train, judge, publish, export, verify."""

from __future__ import annotations

import csv
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from jobs import prepare_job
from make import write_csv
from terminal import Ran, StartServed, Terminal

from cvsync.cli.jobs.record import JobRecord, history, jobs_folder

JOB = """
[job.nightly]
project = "shelf"
steps = [
  { push = { manifests = "manifest.csv", create_project = true, domain = "General (compact)" } },
  { train = { keep_iterations = 3 } },
  { judge = { min_ap = 0.3, no_worse_than = "published", tolerance = 0.05 } },
  { publish = { name = "live", prediction_resource_id = "/subscriptions/s/accounts/a" } },
  { export = { platforms = ["onnx"], export_dir = "models" } },
  { evaluate = { manifests = "manifest.csv" } },
  { verify = { manifests = "manifest.csv", all_bytes = true } },
]
"""


class Night(Terminal):
    """A folder with a job and its manifest."""

    def job(self) -> Ran:
        self.forget()
        return self.run("run", "nightly", "--config", self.folder / "cvsync.toml")

    def published(self) -> dict[str, str]:
        """Which iteration answers under which name."""
        found = self._ask(f"customvision/v3.3/training/projects/{self.project()}/iterations")
        return {i["publishName"]: i["name"] for i in found if i.get("publishName")}

    def reports(self) -> list[str]:
        """What the runs left for people, the latest first."""
        folder = jobs_folder(self.state, "nightly", self.folder / "cvsync.toml")
        return [(folder / f"{r.run_id}.md").read_text() for r in self.records()]

    def records(self) -> list[JobRecord]:
        """What the runs left for programs, the latest first."""
        return history(jobs_folder(self.state, "nightly", self.folder / "cvsync.toml"))

    def row(self, number: int, **changes: Any) -> None:
        """Change a row of the manifest."""
        path = self.folder / "manifest.csv"
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        rows[number] |= changes
        write_csv(path, rows)


@pytest.fixture
def night(terminal: Terminal, quick_learner: None) -> Night:
    prepare_job(terminal, "manifest.csv", JOB)
    return Night(**vars(terminal))


def test_a_night_makes_a_model_of_the_data_and_the_next_finds_nothing_to_do(night: Night) -> None:
    first = night.job()
    again = night.job()
    writes = night.writes()

    assert (first.code, again.code) == (0, 0), first.err
    assert writes == {}
    assert night.published() == {"live": "Iteration 1"}
    assert len([*(night.folder / "models").glob("*.zip")]) == 1
    second, earlier = night.reports()
    assert "| publication | Iteration 1 | Published as live |" in earlier
    assert "| publication | Iteration 1 | AlreadyPublished as live |" in second
    assert "| this run | Iteration 1 |" in second
    assert "| the last one judged | Iteration 1 |" in second
    assert "Nothing changed." in second
    assert "| Iteration 1 | 12 |" in second.split("## Evaluation")[1]


def test_a_project_that_a_job_makes_can_be_exported_by_its_later_steps(night: Night) -> None:
    (night.folder / "cvsync.toml").write_text(JOB.replace(', domain = "General (compact)"', ""))

    ran = night.job()

    assert ran.code == 0, ran.err
    assert len([*(night.folder / "models").glob("*.zip")]) == 1


EXPORT = 'export = { platforms = ["onnx"], export_dir = "models" }'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('domain = "General (compact)"', 'domain = "General"'),
        (
            f"{{ {EXPORT} }},",
            '{ verify = { manifests = "manifest.csv" } },\n  { train = { export = "onnx" } },',
        ),
    ],
)
def test_a_project_whose_models_a_later_step_cannot_export_is_not_made(
    night: Night, before: str, after: str
) -> None:
    general = JOB.replace('domain = "General (compact)"', 'domain = "General"')
    (night.folder / "cvsync.toml").write_text(general.replace(before, after))

    ran = night.job()

    assert ran.code == 2
    assert "no multiclass domain 'General' whose models can be exported; this API version has: " in ran.err
    assert night.writes() == {}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("create_project", "no multiclass domain 'General' whose models can be exported"),
        ("server_side", "project shelf starts from domain General, whose models cannot be exported"),
    ],
)
def test_a_copy_whose_models_a_later_step_cannot_export_is_not_made(
    night: Night, how: str, words: str
) -> None:
    assert night.run("push", night.folder / "manifest.csv", "--create-project").code == 0
    migrate = f'migrate = {{ source = "shelf", copy = "copy", {how} = true }}'
    steps = f'steps = [{{ {migrate} }}, {{ train = {{ export = "onnx" }} }}]'
    (night.folder / "cvsync.toml").write_text(f"[job.nightly]\n{steps}\n")
    night.forget()

    ran = night.run("run", "nightly", "-p", "copy", "--config", night.folder / "cvsync.toml")

    assert (ran.code, night.writes()) == (2, {})
    assert words in ran.err


def test_a_model_that_is_not_good_enough_leaves_the_published_one_alone(night: Night) -> None:
    night.job()
    night.row(0, tag="tag 1")
    (night.folder / "cvsync.toml").write_text(JOB.replace("min_ap = 0.3", 'min_recall = "tag 1=0.3"'))
    refused = night.job()
    calls = night.writes()
    once_more = night.job()

    assert (refused.code, once_more.code) == (9, 9)
    assert calls.keys() == {"CreateImageTags", "DeleteImageTags", "TrainProject"}
    assert "TrainProject" not in night.writes()
    assert night.published() == {"live": "Iteration 1"}
    report = night.reports()[0]
    assert "# Job nightly: training, the gate or an export failed; the data is in" in report
    assert "Not good enough: recall of tag 1 is 0.2500, below 0.3." in report
    assert [len(record.steps) for record in night.records()] == [2, 2, 4]


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_ruined_labels_of_real_photographs_do_not_reach_the_endpoint(
    cutlery: Path, start_served: StartServed, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(cutlery, home)
    (home / "cvsync.toml").write_text(JOB)
    night = Night(start_served(fetch=True), home, home, tmp_path / "state")

    codes = [night.job().code, night.job().code]
    assert night.writes() == {}
    sound, dice = (home / "manifest.csv").read_text(), random.Random(1)
    for n in range(40):
        left, top = dice.uniform(0, 0.8), dice.uniform(0, 0.8)
        night.row(n, tag=dice.choice(["fork", "scissors"]), left=left, top=top, width=0.15, height=0.15)
    codes.append(night.job().code)
    assert night.published() == {"live": "Iteration 1"}
    (home / "manifest.csv").write_text(sound)
    codes.append(night.job().code)

    assert codes == [0, 0, 9, 0]
    assert night.published() == {"live": "Iteration 3"}
    figures = [record.model["ap"] for record in night.records() if record.model]
    assert figures[0] == figures[2] > 0.5 > figures[1]
