"""How far boxes cover each other, and the choice of those that stand apart.

Boxes in bulk are rows of left, top, right, bottom.
"""

from __future__ import annotations

import numpy as np

from cvsync.emulator.learn.values import Array


def overlaps(boxes: Array, others: Array) -> Array:
    """What each box shares with each other one, as a part of both together; a row for each box."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    together = _areas(boxes)[:, None] + _areas(others)[None, :] - shared
    share: Array = shared / np.maximum(together, 1e-12)
    return share


def suppress(boxes: Array, scores: Array, most: Array, most_overlap: Array, least_score: Array) -> Array:
    """ONNX's NonMaxSuppression for a batch of one: rows of 0, class, box; the best of a class first.

    Overlaps do not care whether the rows start with x or y.
    """
    found = []
    for number, row in enumerate(scores[0]):
        order = np.argsort(-row, kind="stable")
        order = order[row[order] > least_score[0]]
        kept = 0
        while len(order) and kept < most[0]:
            found.append((0, number, order[0]))
            kept += 1
            near = overlaps(boxes[0, order[:1]], boxes[0, order])[0] > most_overlap[0]
            near[0] = True  # an empty box does not even overlap itself
            order = order[~near]
    return np.array(found, dtype=np.int64).reshape(-1, 3)


def _areas(boxes: Array) -> Array:
    areas: Array = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    return areas
