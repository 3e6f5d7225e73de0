"""Rows of a plan -> actions, a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
import pyarrow as pa

from cvsync.labels import BOX, METADATA
from cvsync.plan.actions import Action, Box, Kind, Label, Origin

T = TypeVar("T", bound=tuple[Any, ...])


def as_actions(table: pa.Table, *, step: int = 1024) -> Iterator[Action]:
    """Turn rows into actions; only about ``step`` rows at a time are Python objects."""
    item = np.asarray(table.column("item"))
    starts = np.flatnonzero(np.r_[True, item[1:] != item[:-1]])  # of each action's rows
    ends = np.r_[starts[1:], len(item)]
    first = 0
    while first < len(starts):
        last = int(np.searchsorted(ends, starts[first] + step))  # whole actions, at least one
        last = min(max(last, first + 1), len(starts))
        begin, end = int(starts[first]), int(ends[last - 1])
        columns = {name: _values(table.column(name).slice(begin, end - begin)) for name in table.column_names}
        yield from _build(columns, (starts[first:last] - begin).tolist(), (ends[first:last] - begin).tolist())
        first = last


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Give a column as Python has it, the fastest way that there is for what it holds."""
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    values: list[Any] = column.to_pylist() if column.null_count else column.to_numpy().tolist()
    return values


def _build(columns: dict[str, list[Any]], heads: list[int], ends: list[int]) -> Iterator[Action]:
    """Build an action of the rows from each head to its end; all are of one kind."""
    rows = list(map(slice, heads, ends))
    boxes = [box if box[0] is not None else None for box in _all(Box, *(columns[name] for name in BOX))]
    labels = [label if label[0] is not None else None for label in _all(Label, columns["tag"], boxes)]
    sources = [source or "" for source in columns["source"]]
    origins = [origin if origin[1] is not None else None for origin in _all(Origin, sources, columns["row"])]
    return _all(
        Action,
        [Kind(columns["kind"][0])] * len(heads),
        _of(heads, columns["key"]),
        _filled(rows, labels),
        *(_of(heads, columns[name]) for name in ("image_id", "url", "path", "version")),
        _metadata(columns, heads),
        _regions(rows, columns),
        _filled(rows, origins),
    )


def _of(heads: list[int], column: list[Any]) -> list[Any]:
    return [column[head] for head in heads]


def _filled(rows: list[slice], column: Iterable[T | None]) -> Iterable[tuple[T, ...]]:
    """Give what the rows of each action hold."""
    whole = tuple(column)
    held = [whole[some] for some in rows]
    return [tuple(filter(None, some)) for some in held] if None in whole else cast(list[tuple[T, ...]], held)


def _regions(rows: list[slice], columns: dict[str, list[Any]]) -> Iterable[tuple[str | None, ...]]:
    regions = tuple(columns["region_id"])
    return [regions[some] for some in rows] if any(regions) else [()] * len(rows)


def _metadata(columns: dict[str, list[Any]], heads: list[int]) -> Iterable[tuple[tuple[str, str], ...]]:
    names = sorted(name for name in columns if name.startswith(METADATA))
    if not names:
        return [()] * len(heads)
    pairs = [(name.removeprefix(METADATA), columns[name]) for name in names]
    return [
        tuple([(name, values[head]) for name, values in pairs if values[head] is not None]) for head in heads
    ]


def _all(kind: type[T], *columns: Iterable[Any]) -> Iterator[T]:
    """Build a NamedTuple of each row of some columns.

    By ``tuple.__new__``, which is all that its own constructor does but for a line of Python.
    """
    return map(partial(tuple.__new__, kind), zip(*columns, strict=True))
