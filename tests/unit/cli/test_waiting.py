"""What people see of trainings and exports."""

from __future__ import annotations

from typing import Any

import pytest

from cvsync.cli.text import TextOutput
from cvsync.cli.waiting import Waiting
from cvsync.events import Event


def test_a_long_wait_says_a_line_a_minute() -> None:
    said: list[str] = []
    waiting = Waiting(said.append)
    for seconds in (0, 30, 61, 70, 119, 130):
        waiting.show("training Iteration 1", seconds)
    waiting.close()
    waiting.show("exporting for ONNX", 59)

    assert said == [
        "training Iteration 1, 1 minutes so far", "training Iteration 1, 2 minutes so far",
    ]  # fmt: skip


def figures(**more: Any) -> dict[str, Any]:
    return {"precision": 0.5, "recall": 1.0, "ap": None} | more


@pytest.mark.parametrize(
    ("name", "facts", "line"),
    [
        ("train", {"status": "NotNeeded", "iteration": "I"}, "nothing changed since the training of I"),
        ("train", {"status": "Resumed", "iteration": "I"}, "an earlier run asked for the training of I"),
        ("iteration_removed", {"iteration": "I", "iteration_id": "i"}, "removed I, to make room"),
        (
            "publish",
            {
                "status": "Published",
                "publish_name": "live",
                "iteration": "I",
                "iteration_id": "i",
                "before": "H",
            },
            "live is I now, after H",
        ),
        (
            "judge",
            figures(iteration="I", passed=True, failures=[], tags=[figures(tag="fork")], baseline="H"),
            "  fork      50.0%  100.0%       -",
        ),
    ],
)
def test_steps_are_told(name: str, facts: dict[str, Any], line: str, capsys: Any) -> None:
    TextOutput()(Event(name, facts))

    assert line in capsys.readouterr().err.splitlines()
