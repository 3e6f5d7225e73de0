"""Keys that are one image to the service, since their bytes are equal."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cvsync.model import ProjectType
from cvsync.plan.actions import Conflict
from cvsync.plan.coded import Mask
from cvsync.plan.match import Rows
from cvsync.plan.sides import Sides

_MESSAGE = "another key is the same picture and has another tag; a multiclass project holds one"


def unite_twins(sides: Sides, wanted: Mask) -> tuple[Mask, tuple[Conflict, ...]]:
    """Join the labels of keys that are one image: each label once, and contradictions apart.

    Args:
        sides: Both sides.
        wanted: For each row of the manifest whether it counts: all that do are of images of the project.

    Returns:
        For each row whether it still counts, and those that contradict another row of the same image: one
        that says what is there, or else the first.
    """
    if not sides.twins:
        return wanted, ()
    rows = np.flatnonzero(wanted)
    keys = np.bincount(
        sides.key_image[(sides.key_image >= 0) & ~sides.replaced], minlength=len(sides.snapshot)
    )
    is_twin = (keys > 1)[sides.row_image[rows]]
    rows = rows[is_twin]
    counts = wanted.copy()
    counts[rows] = False
    labels = sides.wanted(rows)
    columns = np.column_stack([labels.image, labels.tag, labels.box.view(np.int32).astype(np.int64)])
    first = np.sort(np.unique(columns, axis=0, return_index=True)[1])
    rows, labels = rows[first], labels.take(first)
    contradicts = np.zeros(len(rows), bool)
    if sides.snapshot.type is ProjectType.MULTICLASS and len(rows):
        held = np.full(len(sides.snapshot), -1, np.int32)
        held[sides.present_image] = sides.present_tag
        order = np.lexsort((rows, labels.tag != held[labels.image], labels.image))  # what is there stays
        image, tag = labels.image[order], labels.tag[order]
        is_first = np.r_[True, image[1:] != image[:-1]]
        contradicts[order] = tag != tag[np.maximum.accumulate(np.where(is_first, np.arange(len(image)), 0))]
    counts[rows[~contradicts]] = True
    return counts, conflicts_of(sides, rows[contradicts], "E121", _MESSAGE)


def conflicts_of(sides: Sides, rows: Rows, code: str, message: str) -> tuple[Conflict, ...]:
    """Name rows of the manifest as contradicting others."""
    found = sides.desired.table.select(["key", "tag", "source", "row"]).take(pa.array(rows)).to_pylist()
    return tuple(Conflict(r["key"], r["tag"], r["source"], r["row"], code, message) for r in found)
