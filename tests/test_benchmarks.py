"""The benchmarks' own parts: the same work for all, and figures that are what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks import engines, labels, memory, rate, rate_cold, reading
from benchmarks.generate import generate

ROOT = Path(__file__).parents[1]


def test_generated_files_differ_in_about_one_label_of_a_hundred(tmp_path: Path) -> None:
    generate(tmp_path, 20_000)

    counts = engines.with_cvsync(tmp_path)()

    assert pq.read_metadata(tmp_path / "manifest.parquet").num_rows == 20_000
    assert 50 < counts["remove"] <= counts["add"] < 400
    assert counts["create"] > 0


def test_engines_agree(tmp_path: Path) -> None:
    generate(tmp_path, 5_000)

    assert engines.with_pandas(tmp_path)() == engines.with_cvsync(tmp_path)()


def test_manifests_of_every_shape_hold_the_same_labels(tmp_path: Path) -> None:
    generate(tmp_path, 2_000)
    table = pq.read_table(tmp_path / "manifest.parquet")

    for shape, write in reading.SHAPES.items():
        path = tmp_path / f"{shape}.{'csv' if shape.endswith('csv') else 'parquet'}"
        write(table, path)
        rows = {reader: reading.read(reader, path)["rows"] for reader in reading.READERS}
        images = len({*table.column("url").to_pylist()})
        assert rows == {"bare": images if shape == "by-image" else 2_000, "cvsync": 2_000}


def test_reading_shows_both_readers_and_the_goal_that_is_missed() -> None:
    bare = {"cpu": 1.0, "wall": 0.5, "peak": 4e6, "rows": 1}

    assert reading.row("csv", {"bare": bare, "cvsync": bare}) == (
        "| csv | 1.00 | 1.00 | 1.00 | 0.50 | 0.50 | 4 | 4 |"
    )
    assert "2.10 MISSED" in reading.row("csv", {"bare": bare, "cvsync": bare | {"cpu": 2.1}})


def test_table_shows_medians_and_refuses_engines_that_disagree() -> None:
    run = {"seconds": 1.0, "imports": 10**6, "peak": 5 * 10**6, "counts": {"add": 1}}
    slow = run | {"seconds": 9.0}

    shown = labels.show("diff", {"a": [run, slow, run], "ours": [run, slow, slow]}, best_of=["a"])

    assert shown.rows[0] == ["a", 1.0, 5.0, 1.0]
    assert [(goal.measured, goal.is_met) for goal in shown.goals] == [(9.0, False), (1.0, True)]
    with pytest.raises(AssertionError, match="add"):
        labels.show("diff", {"a": [run], "b": [run | {"counts": {"add": 2}}]}, best_of=["a"])


@pytest.mark.parametrize(
    ("admitted", "throttled", "is_met"), [(2850, 28, True), (2849, 0, False), (2970, 30, False)]
)
def test_goal_of_the_rate_is_95_percent_of_the_cap_with_less_than_1_percent_refused(
    admitted: int, throttled: int, is_met: bool
) -> None:
    use = rate.Use(admitted, throttled, seconds=300, tps=10)

    assert use.meets_the_goal is is_met
    assert ("MISSED" in str(use)) is not is_met


def test_peak_of_a_small_process_is_its_own_however_large_its_parent_is() -> None:
    large = bytearray(400_000_000)
    large[:: 1 << 12] = b"x" * -(-len(large) // (1 << 12))  # each page is there
    code = "from benchmarks import memory; kept = bytearray(b'x') * 50_000_000; print(memory.peak())"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)

    small = int(done.stdout)
    assert memory.peak() > len(large)
    assert 50_000_000 < small < 200_000_000


def event(second: float, name: str, **facts: str) -> str:
    return json.dumps({"ts": f"2026-01-01T00:00:{second:06.3f}+00:00", "ev": name} | facts)


def test_upload_is_timed_from_the_first_batch_sent_to_the_last_one_done() -> None:
    image = {"kind": "create image"}
    lines = [event(1, "run_start"), event(2, "batch_done", kind="create tag")]
    lines += [event(3 + n / 100, "batch_sent", **image) for n in range(10)]
    lines += [event(4 - n / 100, "batch_done", **image) for n in range(10)]

    times = rate_cold.read_times(lines, whole=9.0)

    assert times == pytest.approx((1.0, 2.0, 9.0))
    with pytest.raises(SystemExit, match="9 done"):
        rate_cold.read_times(lines[:-1], whole=9.0)
