from __future__ import annotations

from pathlib import Path

import pytest

from cvsync.cli.config import load_config
from cvsync.cli.jobs.exporting import ready_to_export
from cvsync.cli.jobs.job import read_job
from cvsync.cli.jobs.running import settings_of

PUSH = 'push = { manifests = "m.csv", create_project = true }'
MIGRATE = 'migrate = { source = "shelf", copy = "copy", create_project = true }'


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((PUSH, "train = {}", 'export = { platforms = "onnx" }'), True),
        ((PUSH, 'train = { export = "onnx" }'), True),
        ((PUSH, "train = {}"), None),
        ((PUSH, 'train = { project = "another" }', 'export = { platforms = "onnx" }'), False),
        ((PUSH, 'train = { profile = "far", export = "onnx" }'), False),
        ((MIGRATE, 'train = { export = "onnx" }'), False),
        ((MIGRATE, 'train = { project = "copy", export = "onnx" }'), True),
        ((MIGRATE.replace("{ ", '{ to = "far", '), 'train = { project = "copy", export = "onnx" }'), False),
        (
            (
                MIGRATE.replace("{ ", '{ to = "far", '),
                'train = { project = "copy", profile = "far", export = "onnx" }',
            ),
            True,
        ),
        ((PUSH.replace("true }", "true, exportable = false }"), 'train = { export = "onnx" }'), False),
    ],
)
def test_a_project_is_made_for_the_steps_that_export_its_models(
    steps: tuple[str, ...],
    expected: bool | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CVSYNC_PROJECT", raising=False)
    path = tmp_path / "cvsync.toml"
    path.write_text(
        '[profile.near]\nendpoint = "near.test"\nproject = "shelf"\n'
        '[profile.far]\nendpoint = "far.test"\nproject = "shelf"\n'
        f'[job.nightly]\nprofile = "near"\nsteps = [{", ".join(f"{{ {step} }}" for step in steps)}]\n'
    )
    job = read_job(load_config(path), "nightly")

    first, *_ = ready_to_export(job.steps, lambda step: settings_of(job, (), step.options))

    assert first.options.get("exportable") is expected
