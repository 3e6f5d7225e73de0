"""Memory of a push: what a large manifest takes, and that what is sent does not add to it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def cost(rows: int, *options: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.push_cost", str(rows), *options],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=1500,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    sys.stdout.write(f"\n{found}\n")
    return found


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_plan_of_a_million_rows_leaves_room_to_send_them() -> None:
    found = cost(1_000_000, "--plan")

    assert found["peak_over_imports_mb"] < 300


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_row_costs_less_than_a_hundred_bytes_while_it_is_applied() -> None:
    few, many = cost(100_000), cost(400_000)  # below, what is there once weighs more than what grows

    slope = (many["apply_mb"] - few["apply_mb"]) * 1e6 / (many["rows"] - few["rows"])
    assert slope < 100
