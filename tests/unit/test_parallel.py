from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make import make_labels, make_snapshot

from cvsync import parallel
from cvsync.errors import ManifestError
from cvsync.known import KnownImages
from cvsync.manifest import parquet, read
from cvsync.model import ProjectType
from cvsync.parallel import each, look_up, slices, threads, together
from cvsync.plan import Plan, Prune, diff


@contextmanager
def computing(count: int, *, step: int = 1 << 16) -> Iterator[None]:
    """So many threads, and rows in a slice."""
    before = pa.cpu_count()
    pa.set_cpu_count(count)
    try:
        with mock.patch.object(parallel, "STEP", step), mock.patch.object(parquet, "_ROWS", step):
            yield
    finally:
        pa.set_cpu_count(before)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_answers_come_in_the_order_of_the_questions(count: int) -> None:
    with computing(count):
        assert each(lambda n: n * n, range(20)) == [n * n for n in range(20)]
        assert together(lambda: "a", lambda: 2) == ["a", 2]
        assert each(str, []) == []


def test_what_a_call_raises_is_raised() -> None:
    with computing(2), pytest.raises(ZeroDivisionError):
        each(lambda n: 1 // n, [1, 0, 1])


def test_there_are_never_more_threads_than_the_bound() -> None:
    with computing(64):
        assert threads() < 64

    with computing(2):
        names = each(lambda _: {*each(lambda _: threading.current_thread().name, range(3))}, range(2))
    assert all(len(of_call) == 1 for of_call in names)


def test_slices_are_all_rows_once() -> None:
    assert slices(0) == []
    assert [n for part in slices(10, 4) for n in range(10)[part]] == [*range(10)]


def test_values_are_looked_up_as_by_an_index() -> None:
    positions = np.array([3, -1, 0, 0, 2], np.int32)
    with computing(2, step=2):
        assert look_up(np.array([5, 6, 7, 8]), positions).tolist() == [8, 8, 5, 5, 7]


def images(*tags: str) -> st.SearchStrategy[dict[str, list[Any]]]:
    sides = st.sampled_from([0.0, 0.1, 0.1 + 1e-6]), *[st.just(0.25)] * 3
    labels = st.lists(st.tuples(st.sampled_from(tags), *sides), max_size=4)
    return st.dictionaries(st.sampled_from("abcdef"), labels, max_size=6)


WANTED = images("fork", "Spoon", "spoon")
PRESENT = images("fork", "Spoon")  # two spellings in a project are refused


def told(plan: Plan) -> tuple[Any, ...]:
    return plan.table.to_pylist(), plan.learned.to_pylist(), plan.unchanged, plan.drifted, plan.new_tags


@settings(max_examples=30)
@given(wanted=WANTED, present=PRESENT, twins=st.booleans(), count=st.integers(2, 4), step=st.integers(1, 5))
def test_a_diff_is_the_same_whatever_the_threads(
    wanted: Any, present: Any, twins: bool, count: int, step: int
) -> None:
    rows = [(key, *label) for key, labels in wanted.items() for label in labels or [(None,)]]
    snapshot = make_snapshot({f"id-{key}": labels for key, labels in present.items()}, ProjectType.DETECTION)
    known = KnownImages.of({key: "id-a" if twins and "a" in present else f"id-{key}" for key in present})

    with computing(1):
        plain = told(diff(make_labels(rows), snapshot, known, prune=Prune.DELETE))
    with computing(count, step=step):
        assert told(diff(make_labels(rows), snapshot, known, prune=Prune.DELETE)) == plain


def facts(path: Path) -> tuple[Any, ...]:
    try:
        manifest = read([path])
    except ManifestError as error:
        return (str(error),)
    problems = [str(problem) for problem in manifest.problems]
    return manifest.labels.table.to_pylist(), problems, [str(w) for w in manifest.warnings]


URLS = st.sampled_from(
    [f"https://pictures.test/{n}.jpg" for n in range(5)]
    + [
        "https://pictures.test/1.jpg?sv=1&sig=a%2B",
        "https://pictures.test/1.jpg?page=2",
        "ftp://x",
        "http://",
    ]
    + ["https://pictures.test/1.tiff", "https://pictures.test/a b.jpg", " https://pictures.test/1.jpg", None]
)
SIDES = st.sampled_from([0.25, 0.5, 0.5, 0.75, -1e-6, 7.0, float("nan"), float("inf"), None])
ROWS = st.lists(st.tuples(URLS, st.sampled_from(["fork", "Fork", "spoon", None]), *[SIDES] * 4), max_size=20)


@settings(max_examples=30)
@given(rows=ROWS, in_order=st.booleans(), count=st.integers(2, 4), step=st.integers(1, 5))
def test_a_manifest_is_the_same_whatever_the_threads(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], in_order: bool, count: int, step: int
) -> None:
    path = _write(tmp_path_factory.mktemp("m") / "m.parquet", rows, in_order=in_order)

    with computing(1):
        plain = facts(path)
    with computing(count, step=step):
        assert facts(path) == plain


def _write(path: Path, rows: list[Any], *, in_order: bool) -> Path:
    rows = sorted(rows, key=lambda row: row[0] or "") if in_order else rows
    columns = [*zip(*rows, strict=True)] or [()] * 6
    types = [pa.string()] * 2 + [pa.float32()] * 4
    names = ["url", "tag", "left", "top", "width", "height"]
    table = pa.table(dict(zip(names, map(pa.array, columns, types), strict=True)))
    pq.write_table(table, path, row_group_size=7)
    return path
