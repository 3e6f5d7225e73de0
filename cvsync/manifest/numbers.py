"""Numbers as texts that are read back to the last bit, and boxes as other formats count them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.labels import BOX, Labels, with_column
from cvsync.manifest.by_image import Four
from cvsync.manifest.columns import SIZE

_DECIMALS = range(7)


def number_texts(column: pa.Array) -> pa.Array:
    """Write single-precision numbers as short as can be.

    A reader may round twice, to double precision first. Where that would end elsewhere, and only there, all
    digits are written.
    """
    texts = column.cast(pa.string())
    again = texts.cast(pa.float64()).cast(pa.float32())
    wrong = pc.fill_null(pc.not_equal(again, column), False)
    if not pc.any(wrong).as_py():
        return texts
    return pc.if_else(wrong, column.cast(pa.float64()).cast(pa.string()), texts)


def corners(box: Four) -> Four:
    """Give left, top, right and bottom, in double precision, within the image."""
    left, top, width, height = box
    return left, top, min(left + width, 1.0), min(top + height, 1.0)


def centre(box: Four) -> Four:
    """Give the centre, across and down, and width and height."""
    left, top, width, height = box
    return left + width / 2, top + height / 2, width, height


def pixels(fractions: NDArray[np.float32], sides: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give fractions of sides in pixels: the shortest numbers that are read back to the same fractions."""
    exact = fractions.astype(np.float64) * sides
    found = exact.copy()
    left = np.arange(len(exact))
    for decimals in _DECIMALS:
        short = np.round(exact[left], decimals)
        is_same = (short / sides[left]).astype(np.float32) == fractions[left]
        found[left[is_same]] = short[is_same]
        left = left[~is_same]
    return found


def in_pixels(labels: Labels) -> Labels:
    """Give labels with their boxes in pixels; an image's size may stand in any of its rows."""
    table = labels.table
    if any(name not in table.column_names for name in SIZE):
        return labels
    keys = labels.key_codes
    sides = []
    for name in SIZE:
        sizes = np.asarray(pc.fill_null(table.column(name), 0)).astype(np.float64)
        of_key = np.ones(len(labels.keys))
        known = sizes > 0
        of_key[keys[known]] = sizes[known]
        sides.append(of_key[keys])
    for n, name in enumerate(BOX):
        column = table.column(name)
        values = np.asarray(pc.fill_null(column, 0)).astype(np.float32)
        mask = np.asarray(pc.is_null(column))
        table = with_column(table, name, pa.array(pixels(values, sides[n % 2]), mask=mask))
    return Labels(table)


def whole_pixels(box: Four, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Give left, top, right and bottom in whole pixels; a box that would vanish is one pixel wide."""
    edges = []
    for start, extent, side in ((box[0], box[2], size[0]), (box[1], box[3], size[1])):
        first = min(round(start * side), side - 1)
        last = max(first + 1, min(round((start + extent) * side), side))
        edges.append((first, last))
    return edges[0][0], edges[1][0], edges[0][1], edges[1][1]
