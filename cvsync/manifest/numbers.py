"""Numbers as texts that are read back to the last bit, and boxes as other formats count them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.manifest.by_image import Four

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


def pixels(box: Four, size: tuple[int, int]) -> Four:
    """Give left, top, width and height in pixels: the shortest numbers that are read back to the same box."""
    return (
        _pixel(box[0], size[0]),
        _pixel(box[1], size[1]),
        _pixel(box[2], size[0]),
        _pixel(box[3], size[1]),
    )


def whole_pixels(box: Four, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Give left, top, right and bottom in whole pixels; a box that would vanish is one pixel wide."""
    edges = []
    for start, extent, side in ((box[0], box[2], size[0]), (box[1], box[3], size[1])):
        first = min(round(start * side), side - 1)
        last = max(first + 1, min(round((start + extent) * side), side))
        edges.append((first, last))
    return edges[0][0], edges[1][0], edges[0][1], edges[1][1]


def _pixel(fraction: float, side: int) -> float:
    exact = fraction * side
    wanted = np.float32(fraction)
    for decimals in _DECIMALS:
        short = round(exact, decimals)
        if np.float32(short / side) == wanted:
            return short
    return exact
