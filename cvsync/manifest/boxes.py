"""Box conventions, and exact conversions to single-precision fractions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.manifest.columns import CORNERS, SIDES
from cvsync.manifest.table import Rows

OVERHANG = 1e-5  # of the image's side: what rounding leaves, clamped in reading
NOISE = 2.0**-22  # what two single-precision numbers next to 1 may add up to beyond it: no overhang at all
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"

Mask = NDArray[np.bool_]


@dataclass(eq=False)
class Boxes:
    """The boxes of a file's rows."""

    values: NDArray[np.float32]
    """n × 4: left, top, width, height; 0 where there is none."""
    present: Mask
    clamped: Mask
    problems: list[tuple[str, str, Mask]] = field(default_factory=list)
    """Code, column, and the rows that have it."""


def read_boxes(rows: Rows, columns: dict[str, int]) -> Boxes:
    """Read the boxes of rows; a box with a problem is not to be used."""
    size = len(rows.numbers)
    names = next((group for group in (CORNERS, SIDES) if set(group) <= columns.keys()), None)
    boxes = Boxes(np.zeros((size, 4), np.float32), np.zeros(size, bool), np.zeros(size, bool))
    if names is None:
        return boxes
    # Sides are rounded once, straight to what the service stores; corners only after the subtraction.
    type_ = pa.float32() if names == SIDES else pa.float64()
    numbers = np.zeros((size, 4), np.float32 if names == SIDES else np.float64)
    filled = np.zeros((size, 4), bool)
    is_number: Mask = np.ones(size, bool)
    for n, name in enumerate(names):
        values, bad = _numbers(rows.column(columns[name]), type_)
        boxes.problems.append(("E010", name, bad))
        is_number = is_number & ~bad
        filled[:, n] = bad | ~np.asarray(pc.is_null(values))
        numbers[:, n] = np.asarray(pc.fill_null(values, 0))
    boxes.present = np.asarray(filled.any(axis=1))
    is_whole = filled.all(axis=1)
    boxes.problems.append(("E011", names[0], boxes.present & ~is_whole))
    if names == CORNERS:
        numbers[:, 2:] -= numbers[:, :2]
    boxes.values = numbers.astype(np.float32)
    _check_extent(boxes, names, is_whole & is_number)
    return boxes


def _check_extent(boxes: Boxes, names: tuple[str, ...], usable: Mask) -> None:
    wide = boxes.values.astype(np.float64)
    start, extent = wide[:, :2], wide[:, 2:]
    beyond = np.maximum(-start, start + extent - 1).max(axis=1)
    empty = usable & ~(extent > 0).all(axis=1)
    boxes.problems.append(("E013", names[2], empty))
    boxes.problems.append(("E012", names[0], usable & ~empty & ~(beyond <= OVERHANG)))
    boxes.clamped = usable & (beyond > NOISE) & (beyond <= OVERHANG)
    rows = np.flatnonzero(boxes.clamped)
    if len(rows):
        first = np.clip(start[rows], 0, 1)
        last = np.clip(start[rows] + extent[rows], 0, 1)
        boxes.values[rows] = np.hstack([first, last - first]).astype(np.float32)


def _numbers(column: pa.ChunkedArray, type_: pa.DataType) -> tuple[pa.Array, Mask]:
    """Read a column as numbers; which cells are none."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(array.type):
        array = array.cast(pa.string())
    if not pa.types.is_string(array.type) and not pa.types.is_large_string(array.type):
        values = array.cast(type_, safe=False)
        if pa.types.is_floating(values.type):  # DataFrames write "no box" as NaN
            values = pc.if_else(pc.fill_null(pc.is_nan(values), False), None, values)
        return values, np.asarray(pc.fill_null(pc.is_inf(values), False))
    try:
        values = array.cast(type_)
        bad = np.asarray(pc.invert(pc.fill_null(pc.is_finite(values), True)))
    except pa.ArrowInvalid:
        array = pc.utf8_trim_whitespace(array)
        array = pc.if_else(pc.equal(array, ""), None, array)
        bad = np.asarray(pc.invert(pc.fill_null(pc.match_substring_regex(array, _NUMBER), True)))
        values = pc.if_else(pa.array(bad), None, array).cast(type_)
        bad |= ~np.asarray(pc.fill_null(pc.is_finite(values), True))
    return pc.if_else(pa.array(bad), None, values), bad
