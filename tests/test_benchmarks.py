"""The benchmarks' own parts: the same work for all, and figures that are what they say."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks import engines, labels
from benchmarks.generate import generate


def test_generated_files_differ_in_about_one_label_of_a_hundred(tmp_path: Path) -> None:
    generate(tmp_path, 20_000)

    counts = engines.with_cvsync(tmp_path)()

    assert pq.read_metadata(tmp_path / "manifest.parquet").num_rows == 20_000
    assert 50 < counts["remove"] <= counts["add"] < 400
    assert counts["create"] > 0


def test_engines_agree(tmp_path: Path) -> None:
    generate(tmp_path, 5_000)

    assert engines.with_pandas(tmp_path)() == engines.with_cvsync(tmp_path)()


def test_table_shows_medians_and_refuses_engines_that_disagree() -> None:
    run = {"seconds": 1.0, "imports": 10**6, "peak": 5 * 10**6, "counts": {"add": 1}}
    slow = run | {"seconds": 9.0}

    lines = [*labels.table({"a": [run, slow, run]})]

    assert lines[2] == "| a | 1.00 | 5 | 1 |"
    with pytest.raises(AssertionError, match="add"):
        [*labels.table({"a": [run], "b": [run | {"counts": {"add": 2}}]})]
