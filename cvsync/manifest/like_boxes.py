"""Columns that are most likely the sides of boxes, under names that do not say so for sure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from cvsync.manifest.reading import Box

_STARTS = (("left", "top"), ("x", "y"), ("xmin", "ymin"), ("x0", "y0"), ("x1", "y1"), ("xtl", "ytl"))
_CENTRES = (("cx", "cy"), ("xcenter", "ycenter"), ("xcentre", "ycentre"), ("centerx", "centery"))
_EXTENTS = (("width", "height"), ("w", "h"))
_ENDS = (("right", "bottom"), ("xmax", "ymax"), ("x2", "y2"), ("x1", "y1"), ("xbr", "ybr"))
_AROUND = frozenset(  # words beside a side's name that say nothing of which side it is
    {"bbox", "box", "bb", "bounding", "region", "rect", "px", "pixel", "pixels", "norm", "normalized", "rel"}
    | {"relative", "abs", "absolute", "object", "label"}
)


def like_boxes(names: Iterable[str]) -> tuple[Box, Sequence[str]] | None:
    """Tell which four columns look like a box, and what their numbers are by their names.

    Args:
        names: Of columns, in small letters.
    """
    columns: dict[str, str] = {}
    for name in names:
        words = (word for word in re.split(r"[^a-z0-9]+", name) if word not in _AROUND)
        columns.setdefault("".join(words), name)
    for box, starts, ends in (
        (Box.CXCYWH, _CENTRES, _EXTENTS),
        (Box.LTWH, _STARTS, _EXTENTS),
        (Box.XYXY, _STARTS, _ENDS),
    ):
        for four in (start + end for start in starts for end in ends if start != end):
            if {*four} <= columns.keys():
                return box, [columns[side] for side in four]
    return None
