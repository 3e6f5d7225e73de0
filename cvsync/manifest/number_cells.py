"""Cells -> numbers, and which cells are none."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.manifest.texts import Mask, Positions
from cvsync.parallel import slices

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_COMMA = r"^[+-]?\d*,\d+$"
_ENDLESS = r"(?i)^[+-]?(nan|inf|infinity)$"

Numbers = NDArray[np.float32] | NDArray[np.float64]
Marks = list[tuple[str, str, Positions]]
"""Code, field, and the rows that have it."""


@dataclass(eq=False)
class NumberColumn:
    """The numbers of a column."""

    values: Numbers
    empty: Mask | None = None
    """None: no cell is."""
    bad: Mask | None = None
    """Cells that are no number; None: no cell is."""
    marks: Marks = field(default_factory=list)

    @property
    def is_blank(self) -> bool:
        """Whether no cell has anything in it."""
        return not len(self.values) or (self.empty is not None and bool(self.empty.all()))


def read_numbers(array: pa.Array, field: str, type_: pa.DataType, *, nan_is_null: bool) -> NumberColumn:
    """Read a column as numbers, and mark the cells that are none.

    Args:
        array: As written: numbers or texts.
        field: Whose column it is.
        type_: Single or double precision.
        nan_is_null: Whether NaN is an empty cell; of texts it never is.
    """
    if pa.types.is_dictionary(array.type) or pa.types.is_decimal(array.type):
        array = array.cast(pa.string())  # Arrow makes a single-precision number of a decimal with an error
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _read_text(array, field, type_)
    values = array.cast(type_, safe=False)
    empty = None
    if values.null_count:
        empty = np.asarray(pc.is_null(values))
        values = pc.fill_null(values, np.nan)
    numbers = values.to_numpy(zero_copy_only=False)
    if empty is None and all(_is_finite(numbers[part]) for part in slices(len(numbers))):
        return NumberColumn(numbers)
    endless = ~np.isfinite(numbers)
    if nan_is_null:
        empty = np.isnan(numbers)
    if empty is not None:
        endless &= ~empty
    return NumberColumn(
        numbers,
        empty if empty is not None and empty.any() else None,
        endless if endless.any() else None,
        [("E020", field, np.flatnonzero(endless))],
    )


def _read_text(array: pa.Array, field: str, type_: pa.DataType) -> NumberColumn:
    array = pc.utf8_trim_whitespace(array)
    array = pc.if_else(pc.equal(array, ""), None, array)
    is_number = np.asarray(pc.fill_null(pc.match_substring_regex(array, _NUMBER), True))
    values = pc.if_else(pa.array(is_number), array, None).cast(type_)
    numbers = pc.fill_null(values, np.nan).to_numpy(zero_copy_only=False)
    empty = np.asarray(pc.is_null(array))
    endless = is_number & np.isinf(numbers) | np.asarray(
        pc.fill_null(pc.match_substring_regex(array, _ENDLESS), False)
    )
    comma = np.asarray(pc.fill_null(pc.match_substring_regex(array, _COMMA), False))
    bad = ~is_number | endless
    marks = [
        ("E020", field, np.flatnonzero(endless)),
        ("E019", field, np.flatnonzero(comma)),
        ("E010", field, np.flatnonzero(bad & ~endless & ~comma)),
    ]
    return NumberColumn(numbers, empty if empty.any() else None, bad if bad.any() else None, marks)


def _is_finite(numbers: Numbers) -> bool:
    """Tell whether all of some numbers are, by the lowest and the highest."""
    return bool(np.isfinite(numbers.min()) and np.isfinite(numbers.max()))
