from __future__ import annotations

from typing import Any

import pytest

from cvsync.cli.jobs.releases import as_one_release
from cvsync.errors import SettingsError

Steps = list[tuple[str, dict[str, Any]]]
JUDGE = ("judge", {"min_ap": 0.5})
PUBLISH = ("publish", {"name": "live", "prediction_resource_id": "/r"})
EXPORT = ("export", {"platforms": ["onnx"], "export_dir": "out"})


def released(steps: Steps) -> Steps:
    parts = [(f"step {number}", verb, table) for number, (verb, table) in enumerate(steps, 1)]
    return [(verb, dict(table)) for _, verb, table in as_one_release(parts)]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("push", {"a": 1}), ("verify", {})], [("push", {"a": 1}), ("verify", {})]),
        ([("train", {}), ("train", {}), JUDGE], [("train", {}), ("train", JUDGE[1])]),
        (
            [("push", {}), ("train", {"keep_iterations": 3}), JUDGE, PUBLISH, EXPORT, ("verify", {})],
            [
                ("push", {}),
                (
                    "train",
                    {
                        "keep_iterations": 3, "min_ap": 0.5, "publish": "live",
                        "prediction_resource_id": "/r", "export": ["onnx"], "export_dir": "out",
                    },
                ),
                ("verify", {}),
            ],
        ),
        (
            [JUDGE, PUBLISH, EXPORT],
            [("publish", {"min_ap": 0.5, **PUBLISH[1]}), ("export", {"min_ap": 0.5, **EXPORT[1]})],
        ),
        ([PUBLISH, ("train", {}), JUDGE], [PUBLISH, ("train", JUDGE[1])]),
    ],
)  # fmt: skip
def test_steps_that_make_a_model_of_a_training_are_one(steps: Steps, expected: Steps) -> None:
    assert released(steps) == expected


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([JUDGE], "step 1: put it after a train step"),
        ([PUBLISH, JUDGE], "step 2: put it after a train step"),
        ([("train", {"min_ap": 0.4}), JUDGE], "step 2: min_ap is said twice"),
        ([("train", {}), PUBLISH, PUBLISH], "step 3: name is said twice"),
    ],
)
def test_what_makes_no_sense_is_refused(steps: Steps, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        released(steps)
