"""Keys that are one image to the service, since their bytes are equal."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cvsync.model import ProjectType
from cvsync.plan.actions import Conflict
from cvsync.plan.match import Rows
from cvsync.plan.sides import Sides

_MESSAGE = "another key is the same picture and has another tag; a multiclass project holds one"


def unite_twins(sides: Sides, rows: Rows) -> tuple[Rows, tuple[Conflict, ...]]:
    """Join the labels of keys that are one image: each label once, and contradictions apart.

    Args:
        sides: Both sides.
        rows: Of the manifest, all of images that the project holds.

    Returns:
        The rows that count, and those that contradict an earlier row of the same image.
    """
    if not sides.twins:
        return rows, ()
    keys = np.bincount(
        sides.key_image[(sides.key_image >= 0) & ~sides.replaced], minlength=len(sides.snapshot)
    )
    is_twin = (keys > 1)[sides.row_image[rows]]
    alone, rows = rows[~is_twin], rows[is_twin]
    labels = sides.wanted(rows)
    columns = np.column_stack([labels.image, labels.tag, labels.box.view(np.int32).astype(np.int64)])
    first = np.sort(np.unique(columns, axis=0, return_index=True)[1])
    rows, labels = rows[first], labels.take(first)
    contradicts = np.zeros(len(rows), bool)
    if sides.snapshot.type is ProjectType.MULTICLASS and len(rows):
        order = np.lexsort((rows, labels.image))
        image, tag = labels.image[order], labels.tag[order]
        is_first = np.r_[True, image[1:] != image[:-1]]
        contradicts[order] = tag != tag[np.maximum.accumulate(np.where(is_first, np.arange(len(image)), 0))]
    return np.sort(np.concatenate([alone, rows[~contradicts]])), _conflicts(sides, rows[contradicts])


def _conflicts(sides: Sides, rows: Rows) -> tuple[Conflict, ...]:
    found = sides.desired.table.select(["key", "tag", "source", "row"]).take(pa.array(rows)).to_pylist()
    return tuple(Conflict(r["key"], r["tag"], r["source"], r["row"], "E121", _MESSAGE) for r in found)
