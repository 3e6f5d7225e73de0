"""Rows of a plan -> actions, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice, repeat
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cvsync.labels import BOX, METADATA, Codes, codes_of
from cvsync.lean import tuples
from cvsync.plan.actions import Action, Box, Kind, Label, Origin
from cvsync.plan.coded import Coded
from cvsync.plan.fingerprint import tag_hashes

IdOf = Callable[[str], str]

T = TypeVar("T", bound=tuple[Any, ...])


def as_actions(table: pa.Table, *, id_of: IdOf | None = None, step: int = 1024) -> Iterator[Action]:
    """Turn rows of one kind into actions; only about ``step`` rows at a time are Python objects.

    Args:
        table: The rows, at least one.
        id_of: Gives a tag's id by its name; with it the actions know their fingerprints.
        step: How many rows at a time.
    """
    return chain.from_iterable(_blocks(table, id_of, step))


def _blocks(table: pa.Table, id_of: IdOf | None, step: int) -> Iterator[Iterator[Action]]:
    item = np.asarray(table.column("item"))
    is_first = np.append(True, item[1:] != item[:-1])
    starts = np.flatnonzero(is_first)  # of each action's rows
    ends = np.append(starts[1:], len(item))
    prints = None if id_of is None else _fingerprints(table, np.cumsum(is_first) - 1, id_of)
    first = 0
    while first < len(starts):
        last = int(np.searchsorted(ends, starts[first] + step))  # whole actions, at least one
        last = min(max(last, first + 1), len(starts))
        begin, end = int(starts[first]), int(ends[last - 1])
        columns = {name: _values(table.column(name).slice(begin, end - begin)) for name in table.column_names}
        rows = _Rows((starts[first:last] - begin).tolist(), (ends[first:last] - begin).tolist())
        yield _build(columns, rows, repeat(None) if prints is None else prints[first:last].tolist())
        first = last


def _fingerprints(table: pa.Table, numbers: Codes, id_of: IdOf) -> NDArray[np.int64]:
    """Give the fingerprint of each action's labels; ``numbers`` tells whose each row is."""
    codes, names = codes_of(table.column("tag"))
    hashes = tag_hashes(map(id_of, names.to_pylist()))
    labels = Coded(table, numbers, codes, hashes)
    return labels.fingerprints(int(numbers[-1]) + 1, None if (codes >= 0).all() else codes >= 0)


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Give a column as Python has it, the fastest way that there is for what it holds."""
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    values: list[Any] = column.to_pylist() if column.null_count else column.to_numpy().tolist()
    return values


class _Rows:
    """Which rows of some columns are which action's: from each head to its end."""

    def __init__(self, heads: list[int], ends: list[int]) -> None:
        self._heads = heads
        self._slices = None if len(heads) == ends[-1] else [*map(slice, heads, ends)]
        """None: every action has one row."""

    def first(self, column: list[Any]) -> list[Any]:
        """Give what the first row of each action holds."""
        return column if self._slices is None else [column[head] for head in self._heads]

    def all(self, column: Iterable[Any]) -> list[tuple[Any, ...]]:
        """Give what the rows of each action hold."""
        if self._slices is None:
            return [*zip(column, strict=True)]
        held = tuple(column)
        return [held[rows] for rows in self._slices]

    def known(self, column: Iterable[T], told: list[Any]) -> list[tuple[T, ...]]:
        """Give what those rows of each action hold of which something else is known."""
        if None not in told:
            return self.all(column)
        values = [value if known is not None else None for value, known in zip(column, told, strict=True)]
        return [tuple(filter(None, held)) for held in self.all(values)]


def _build(
    columns: dict[str, list[Any]], rows: _Rows, fingerprints: Iterable[int | None]
) -> Iterator[Action]:
    """Build the actions of some rows; all are of one kind."""
    boxes: Iterable[Box | None] = tuples(Box, *(columns[name] for name in BOX))
    if None in columns["left"]:
        boxes = [box if box and box[0] is not None else None for box in boxes]
    sources = [source or "" for source in columns["source"]]
    keys = rows.first(columns["key"])
    none: list[tuple[Any, ...]] = [()] * len(keys)
    return tuples(
        Action,
        [Kind(columns["kind"][0])] * len(keys),
        keys,
        rows.known(tuples(Label, columns["tag"], boxes), columns["tag"]),
        *(rows.first(columns[name]) for name in ("image_id", "url", "path", "version")),
        _metadata(columns, rows) or none,
        rows.all(columns["region_id"]) if any(columns["region_id"]) else none,
        rows.known(tuples(Origin, sources, columns["row"]), columns["row"]),
        islice(fingerprints, len(keys)),
    )


def _metadata(columns: dict[str, list[Any]], rows: _Rows) -> list[tuple[tuple[str, str], ...]]:
    """Give the pairs of each action, by name; nothing where there is no such column."""
    names = sorted(name for name in columns if name.startswith(METADATA))
    values = zip(*(rows.first(columns[name]) for name in names), strict=True)
    plain = [name.removeprefix(METADATA) for name in names]
    return [tuple((n, v) for n, v in zip(plain, held, strict=True) if v is not None) for held in values]
