"""A text column as numbers and distinct texts, so that each text is looked at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.distinct import bytes_of, ends_of
from cvsync.labels import TEXT, as_column, one_chunk
from cvsync.manifest.encode import concat, encode, encode_part, join
from cvsync.parallel import each, look_up, slices

_BLOCK = 1 << 18  # bytes that are looked at together: as many as stay in the cache

Mask = NDArray[np.bool_]
Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of texts."""

    column: pa.DictionaryArray
    """One chunk of type ``TEXT``, no text twice in the dictionary."""

    @classmethod
    def of(cls, column: pa.Array | pa.ChunkedArray) -> Texts:
        """Take a column of any type that can be text."""
        if pa.types.is_string(column.type):
            return cls(encode(column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])))
        if isinstance(column, pa.ChunkedArray):
            if column.num_chunks > 1 and pa.types.is_dictionary(column.type):
                column = column.unify_dictionaries()
            column = one_chunk(column)
        if not pa.types.is_dictionary(column.type):
            return cls.of(as_text(column))
        return cls(as_column(column, TEXT))

    @classmethod
    def nothing(cls, size: int) -> Texts:
        """Give a column of nulls."""
        return cls(pa.DictionaryArray.from_arrays(pa.nulls(size, pa.int32()), pa.array([], pa.string())))

    @classmethod
    def constant(cls, size: int, text: str) -> Texts:
        """Give a column that holds one text."""
        return cls(pa.DictionaryArray.from_arrays(pa.array(np.zeros(size, np.int32)), pa.array([text])))

    @classmethod
    def from_codes(cls, codes: NDArray[np.int32], values: pa.Array) -> Texts:
        """Put a column together; -1 is null."""
        mask = codes < 0
        indices = pa.array(codes, mask=mask) if mask.any() else pa.array(codes)
        return cls(pa.DictionaryArray.from_arrays(indices, values))

    def __len__(self) -> int:
        return len(self.column)

    @property
    def values(self) -> pa.StringArray:
        """The distinct texts."""
        return self.column.dictionary

    @cached_property
    def codes(self) -> NDArray[np.int32]:
        """For each row the position of its text in ``values``; -1 for null."""
        indices = self.column.indices
        if indices.null_count:
            indices = pc.fill_null(indices, -1)
        return np.asarray(indices)

    @property
    def is_empty(self) -> bool:
        """Whether no row has a text."""
        return bool(self.column.null_count == len(self.column))

    @cached_property
    def null(self) -> Mask:
        """Which rows have none."""
        return self.codes < 0 if self.column.null_count else np.zeros(len(self), bool)

    def rows(self, chosen: Mask) -> Positions:
        """Give the rows that hold one of some texts, chosen by a truth value for each of ``values``."""
        if not chosen.any():
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.holding(chosen))

    def holding(self, chosen: Mask) -> Mask:
        """Tell which rows hold one of some texts, chosen as for ``rows``."""
        return np.append(chosen, False)[self.codes]

    def at(self, rows: Positions) -> set[str]:
        """Give the texts of some rows."""
        if not len(rows):
            return set()
        chosen = np.zeros(len(self.values) + 1, bool)
        chosen[self.codes[rows]] = True
        return set(self.values.filter(pa.array(chosen[:-1])).to_pylist())

    def mapped(self, values: pa.Array) -> Texts:
        """Put other texts in the place of the distinct ones; null is allowed, and so is a text twice."""
        new = Texts(join([encode_part(values)]))
        return Texts.from_codes(look_up(np.append(new.codes, np.int32(-1)), self.codes), new.values)

    def changed(self, where: Mask, change: Callable[[str], str | None]) -> Texts:
        """Change some of the distinct texts; what becomes empty is null."""
        if not where.any():
            return self
        at = np.flatnonzero(where)
        new = pa.array(
            [change(text) or None for text in self.values.take(pa.array(at)).to_pylist()], pa.string()
        )
        return self.mapped(pc.replace_with_mask(self.values, pa.array(where), new))

    @cached_property
    def heads(self) -> pa.StringArray:
        """The distinct texts up to their question marks: URLs without their queries."""
        heads = each(lambda part: heads_of(self.values[part]), slices(len(self.values)))
        return concat(heads)

    @cached_property
    def span(self) -> tuple[int, int]:
        """The lowest and the highest byte of all texts: quick, and all that most files need to be asked."""
        raw = self._raw
        ends = each(lambda part: (int(raw[part].min()), int(raw[part].max())), slices(len(raw), _BLOCK))
        return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else (0x30, 0x30)

    def contains(self, letter: str) -> bool:
        """Whether any text holds an ASCII letter."""
        raw = self._raw
        return any((raw[part] == ord(letter)).any() for part in slices(len(raw), _BLOCK))

    def tell(self, question: Callable[[pa.StringArray], Any]) -> Mask:
        """Ask for the truth about each of the distinct texts, of some of them at a time."""
        parts = slices(len(self.values))
        answers = each(lambda part: np.asarray(question(self.values[part])), parts)
        return np.concatenate([*answers, np.zeros(0, bool)])

    def matches(self, pattern: str) -> Mask:
        """Tell which of the distinct texts match a regular expression somewhere."""
        return self.tell(lambda texts: pc.match_substring_regex(texts, pattern))

    @property
    def lengths(self) -> NDArray[np.int32]:
        """The bytes of each distinct text."""
        return np.diff(self._ends)

    @cached_property
    def _ends(self) -> NDArray[np.int32]:
        return ends_of(self.values)

    @cached_property
    def _raw(self) -> NDArray[np.uint8]:
        return bytes_of(self.values)


def first_of(columns: Sequence[Texts]) -> Texts:
    """Give for each row the first text that there is."""
    used = [texts for texts in columns if not texts.is_empty] or [columns[0]]
    if not used[0].null.any() or len(used) == 1:
        return used[0]
    starts = np.cumsum([0, *(len(texts.values) for texts in used)])
    codes = np.full(len(used[0]), -1, np.int64)
    for texts, start in zip(reversed(used), reversed(starts[:-1]), strict=True):
        codes = np.where(texts.null, codes, texts.codes + start)
    values = pa.concat_arrays([texts.values for texts in used])
    return Texts.from_codes(codes.astype(np.int32), values).mapped(values)


def byte_at(texts: pa.StringArray, positions: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Give one byte of each text; 0 behind its end."""
    ends, raw = ends_of(texts), bytes_of(texts)
    if not len(raw):
        return np.zeros(len(texts), np.uint8)
    at = ends[:-1] + (positions - ends[0])
    return np.where(at < ends[1:] - ends[0], raw[np.minimum(at, len(raw) - 1)], 0)


def heads_of(texts: pa.StringArray) -> pa.StringArray:
    """Give texts up to their question marks."""
    return pc.list_element(pc.split_pattern(texts, "?", max_splits=1), 0)


def as_text(column: pa.Array) -> pa.Array:
    """Write a column's values as text; numbers without a needless ``.0``."""
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)  # DataFrames write "nothing" as NaN
        return pc.replace_substring_regex(column.cast(pa.string()), r"\.0$", "")
    if pa.types.is_nested(column.type):
        import orjson

        cells = (None if v is None else orjson.dumps(v, default=str).decode() for v in column.to_pylist())
        return pa.array(cells, pa.string())
    return column.cast(pa.string())
