"""The comparison of pulls: every client takes all images out, and none is left out of the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import pull
from benchmarks.pull import AGAIN, BARE, LABELS, OTHERS, OURS, measure


@pytest.mark.soak
def test_every_client_takes_all_images_out(tmp_path: Path) -> None:
    found = measure(tmp_path, 12, 1)

    assert {client: [t.images for t in runs] for client, runs in found.items()} == {
        BARE: [12], OURS: [12], AGAIN: [12], LABELS: [0], **{client: [12] for client in OTHERS},
    }  # fmt: skip
    assert all(t.ran.peak for runs in found.values() for t in runs)


def test_a_bare_loop_and_a_pull_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    run = pull.Ran(0, 1.0, 0.5, 50_000_000, "", "")
    slow = pull.Ran(0, 2.0, 0.5, 60_000_000, "", "")
    found = {BARE: [pull.Taken(run, 2_000)], OURS: [pull.Taken(slow, 2_000)], LABELS: [pull.Taken(run, 0)]}
    monkeypatch.setattr(pull, "measure", lambda *_: found)
    monkeypatch.setattr(pull, "fill", lambda *_: "project")

    (table,) = pull.tables(pull.Effort.QUICK)

    assert "50 % of the bare loop's speed" in table.notes[0]
    assert [(goal.measured, goal.is_met) for goal in table.goals] == [(0.5, False)]
