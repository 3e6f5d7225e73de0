"""Rows of a plan -> actions, or new images, a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, pairwise
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.labels import BOX, METADATA, codes_of
from cvsync.lean import tuples
from cvsync.limits import MAX_TAGS_PER_BATCH
from cvsync.plan.actions import Action, Box, Kind, Label, Origin
from cvsync.plan.coded import Coded
from cvsync.plan.fingerprint import tag_hashes
from cvsync.plan.images import Block, Common, Images

T = TypeVar("T", bound=tuple[Any, ...])


def as_actions(table: pa.Table, *, step: int = 1024) -> Iterator[Action]:
    """Turn rows of one kind, at least one, into actions; about ``step`` at a time are Python objects."""
    return chain.from_iterable(_build(columns, rows) for columns, rows, _ in _blocks(table, step))


def as_images(table: pa.Table, ids: Mapping[str, str], *, step: int = 1024) -> Iterator[Images]:
    """Turn rows of new images, all of one kind, into columns, about ``step`` rows at a time.

    Held whole are their fingerprints, 8 bytes an image, and while these are made 12 more a row.

    Args:
        table: The rows, at least one.
        ids: The id of each tag by its name; the images' fingerprints are made of them.
        step: How many rows at a time.
    """
    prints = _fingerprints(table, ids)
    kind = Kind(table.column("kind")[0].as_py())
    for columns, rows, part in _blocks(table, step):
        is_odd = None in columns["tag"] or None in columns["url"] or rows.most > MAX_TAGS_PER_BATCH
        if is_odd or any(name.startswith(METADATA) for name in columns.names):
            yield from Images.alike(_build(columns, rows))
        else:
            yield Images(_block(kind, columns, rows, prints[part].tolist()))


def _block(kind: Kind, columns: _Columns, rows: _Rows, fingerprints: list[int]) -> Block:
    return Block(
        Common(kind, is_by_url=True, metadata=()),
        keys=rows.first(columns["key"]),
        names=rows.first(columns["url"]),
        versions=rows.first(columns["version"]),
        fingerprints=fingerprints,
        tags=columns["tag"],
        sides=[columns[name] for name in BOX],
        starts=rows.starts,
        is_whole=True,
        build=partial(_build, columns, rows),
    )


def _blocks(table: pa.Table, step: int) -> Iterator[tuple[_Columns, _Rows, slice]]:
    """Give some rows at a time as Python has them, which are which item's, and which items these are."""
    starts = np.flatnonzero(_is_first(table))  # of each item's rows
    ends = np.append(starts[1:], len(table))
    first = 0
    while first < len(starts):
        last = int(np.searchsorted(ends, starts[first] + step))  # whole items, at least one
        last = min(max(last, first + 1), len(starts))
        begin, end = int(starts[first]), int(ends[last - 1])
        yield (
            _Columns(table.slice(begin, end - begin)),
            _Rows((ends[first:last] - begin).tolist()),
            slice(first, last),
        )
        first = last


def _is_first(table: pa.Table) -> NDArray[np.bool_]:
    """Tell which rows begin an item."""
    item = np.asarray(table.column("item"))
    return np.append(True, item[1:] != item[:-1])


def _fingerprints(table: pa.Table, ids: Mapping[str, str]) -> NDArray[np.int64]:
    """Give the fingerprint of each item's labels."""
    numbers = np.cumsum(_is_first(table)) - 1
    codes, names = codes_of(table.column("tag"))
    labels = Coded(table, numbers, codes, tag_hashes(map(ids.__getitem__, names.to_pylist())))
    return labels.fingerprints(int(numbers[-1]) + 1, None if (codes >= 0).all() else codes >= 0)


class _Columns(dict[str, list[Any]]):
    """Columns as Python has them, from when they are asked for; where a URL is the key, it is one object."""

    def __init__(self, table: pa.Table) -> None:
        self.names: list[str] = table.column_names
        self._table = table

    def __missing__(self, name: str) -> list[Any]:
        column = self._table.column(name)
        is_key = name == "url" and column.equals(self._table.column("key"))
        values = self[name] = self["key"] if is_key else _values(column)
        return values


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Give a column as Python has it, the fastest way that there is for what it holds."""
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_dictionary(column.type):
        if all(len(chunk.dictionary) <= len(chunk) for chunk in column.chunks):
            return [*chain.from_iterable(map(_coded, column.chunks))]
        column = column.cast(pa.string())
    values: list[Any] = column.to_pylist() if column.null_count else column.to_numpy().tolist()
    return values


def _coded(column: pa.DictionaryArray) -> Iterable[str | None]:
    """Give a column of few distinct values; equal ones are one object."""
    values, codes = [*column.dictionary.to_pylist(), None], column.indices
    if codes.null_count:
        codes = pc.fill_null(codes.cast(pa.int64()), -1)
    return map(values.__getitem__, codes.to_numpy().tolist())


class _Rows:
    """Which rows of some columns are which item's: they follow on each other, at least one for each."""

    def __init__(self, ends: list[int]) -> None:
        self.starts = [0, *ends]
        """Where each item's rows begin, and where the last one's end."""
        self.is_single = len(ends) == ends[-1]
        """Whether every item has one row."""

    @property
    def most(self) -> int:
        """The most rows that an item has."""
        return 1 if self.is_single else max(end - start for start, end in pairwise(self.starts))

    def first(self, column: list[Any]) -> list[Any]:
        """Give what the first row of each item holds."""
        return column if self.is_single else [column[start] for start in self.starts[:-1]]

    def all(self, column: Iterable[Any]) -> list[tuple[Any, ...]]:
        """Give what the rows of each item hold."""
        if self.is_single:
            return [*zip(column, strict=True)]
        held = tuple(column)
        return [held[start:end] for start, end in pairwise(self.starts)]

    def where_told(self, column: Iterable[T], told: list[Any]) -> list[tuple[T, ...]]:
        """Give what those rows of each item hold of which another column tells something."""
        if None not in told:
            return self.all(column)
        values = [value if known is not None else None for value, known in zip(column, told, strict=True)]
        return [tuple(filter(None, held)) for held in self.all(values)]


def _boxes(columns: _Columns) -> list[Box | None]:
    boxes = tuples(Box, *(columns[name] for name in BOX))
    return [box if box[0] is not None else None for box in boxes] if None in columns["left"] else [*boxes]


def _build(columns: _Columns, rows: _Rows) -> Iterator[Action]:
    """Build the actions of some rows; all are of one kind."""
    sources = [source or "" for source in columns["source"]]
    keys = rows.first(columns["key"])
    none: list[tuple[Any, ...]] = [()] * len(keys)
    return tuples(
        Action,
        [Kind(columns["kind"][0])] * len(keys),
        keys,
        rows.where_told(tuples(Label, columns["tag"], _boxes(columns)), columns["tag"]),
        *(rows.first(columns[name]) for name in ("image_id", "url", "path", "version")),
        _metadata(columns, rows) or none,
        rows.all(columns["region_id"]) if any(columns["region_id"]) else none,
        rows.where_told(tuples(Origin, sources, columns["row"]), columns["row"]),
    )


def _metadata(columns: _Columns, rows: _Rows) -> list[tuple[tuple[str, str], ...]]:
    """Give the pairs of each action, by name; nothing where there is no such column."""
    names = sorted(name for name in columns.names if name.startswith(METADATA))
    values = zip(*(rows.first(columns[name]) for name in names), strict=True)
    plain = [name.removeprefix(METADATA) for name in names]
    return [tuple((n, v) for n, v in zip(plain, held, strict=True) if v is not None) for held in values]
