"""Columns from values that come one by one, without holding a million of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from cvsync.manifest.columns import NUMBERS
from cvsync.manifest.nested import text_of

_STEP = 1 << 16


class Columns:
    """A table in the making: rows go in as values by field, and become columns a few thousand at a time."""

    def __init__(self, *fields: str) -> None:
        """Start with fields that are there even if no row has them."""
        self._open: dict[str, list[Any]] = {field: [] for field in fields}
        self._done: dict[str, list[pa.Array]] = {field: [] for field in fields}
        self._numbers: list[int] = []
        self._all_numbers: list[np.ndarray[Any, Any]] = []
        self._count = 0

    def add(self, number: int, *parts: Mapping[str, Any]) -> None:
        """Add a row: its number, and its values in any number of parts, of which the last counts."""
        size = len(self._numbers)
        for part in parts:
            for field, value in part.items():
                if field not in self._open:
                    self._open[field] = []
                    self._done[field] = [pa.nulls(self._count)] if self._count else []
                column = self._open[field]
                if len(column) < size:
                    column.extend([None] * (size - len(column)))
                del column[size:]
                column.append(value)
        self._numbers.append(number)
        if size + 1 == _STEP:
            self._flush()

    def extend(self, number: int, common: Mapping[str, Any], labels: Iterable[Mapping[str, Any]]) -> None:
        """Add an image with its labels; without any, it is a row without a tag."""
        empty = True
        for label in labels:
            self.add(number, common, label)
            empty = False
        if empty:
            self.add(number, common)

    def finish(self) -> tuple[pa.Table, np.ndarray[Any, Any]]:
        """Give the table and the numbers of its rows."""
        self._flush()
        arrays = {field: _one(chunks, field) for field, chunks in self._done.items()}
        numbers = np.concatenate(self._all_numbers) if self._all_numbers else np.zeros(0, np.int64)
        if not arrays:
            return pa.table({}), numbers
        return pa.table(arrays), numbers

    def _flush(self) -> None:
        size = len(self._numbers)
        for field, column in self._open.items():
            column.extend([None] * (size - len(column)))
            self._done[field].append(_array(column, field))
            column.clear()
        self._all_numbers.append(np.array(self._numbers, np.int64))
        self._numbers.clear()
        self._count += size


def _array(values: list[Any], field: str) -> pa.Array:
    if field == "box":
        flat = [number for value in values for number in value or (None,) * 4]
        missing = pa.array([value is None for value in values])
        return pa.FixedSizeListArray.from_arrays(_numbers(flat), 4, mask=missing)
    if field in NUMBERS:
        return _numbers(values)
    return pa.array([text_of(value) for value in values], pa.string()).dictionary_encode()


def _numbers(values: list[Any]) -> pa.Array:
    if not any(isinstance(value, bool) for value in values):
        try:
            return pa.array(values, pa.float64())
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass  # some are no numbers: as text, the checks find which
    return pa.array([text_of(value) for value in values], pa.string())


def _one(chunks: list[pa.Array], field: str) -> pa.ChunkedArray:
    types = {chunk.type for chunk in chunks if not pa.types.is_null(chunk.type)}
    if len(types) == 1:
        type_ = types.pop()
    elif field == "box":
        type_ = pa.list_(pa.string(), 4)
    else:
        type_ = pa.string()
    return pa.chunked_array([chunk.cast(type_) for chunk in chunks], type_)
