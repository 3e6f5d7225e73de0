"""Which labels of two sets are the same: exact matches in bulk, near ones label by label.

A set of labels is four parallel columns: image code, tag code, and a box of four float32 (all -1 for a
whole-image tag).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvsync.plan.fingerprint import NO_BOX

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LabelSet:
    """Labels as codes."""

    image: Rows
    tag: Rows
    box: NDArray[np.float32]
    """n × 4."""

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: Rows) -> LabelSet:
        """Keep some rows."""
        return LabelSet(self.image[rows], self.tag[rows], self.box[rows])


def unmatched(desired: LabelSet, present: LabelSet, *, tolerance: float) -> tuple[Rows, Rows]:
    """Find the rows of each set that have no partner in the other.

    Multisets: two identical boxes need two partners. Within an image and tag, boxes whose four numbers all
    differ by at most ``tolerance`` are partners, the nearest pairs first.
    """
    left, right = _without_exact(desired, present)
    left, right = _without_near(desired, present, left, right, tolerance)
    return np.sort(left), np.sort(right)


def _without_exact(desired: LabelSet, present: LabelSet) -> tuple[Rows, Rows]:
    both = np.concatenate([_identity(desired), _identity(present)])
    _, code = np.unique(both, return_inverse=True)
    code = code.reshape(-1)
    n = len(desired)
    a, b = _ranked(code[:n]), _ranked(code[n:])
    return np.flatnonzero(~np.isin(a, b)), np.flatnonzero(~np.isin(b, a))


def _identity(labels: LabelSet) -> NDArray[np.void]:
    """One comparable value a label, equal only for equal labels."""
    packed = np.empty((len(labels), 32), np.uint8)
    packed[:, :8] = labels.image.astype(np.int64).view(np.uint8).reshape(-1, 8)
    packed[:, 8:16] = labels.tag.astype(np.int64).view(np.uint8).reshape(-1, 8)
    packed[:, 16:] = np.ascontiguousarray(labels.box + np.float32(0)).view(np.uint8).reshape(-1, 16)
    return packed.view("V32").reshape(-1)


def _ranked(code: Rows) -> Rows:
    """Make repeated codes distinct: the k-th occurrence of a code is the same number on both sides."""
    order = np.argsort(code, kind="stable")
    ordered = code[order]
    starts = np.r_[True, ordered[1:] != ordered[:-1]] if len(code) else np.empty(0, bool)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(code)), 0))
    rank = np.empty(len(code), np.int64)
    rank[order] = np.arange(len(code)) - first
    return code * np.int64(1 << 20) + rank


def _without_near(
    desired: LabelSet, present: LabelSet, left: Rows, right: Rows, tolerance: float
) -> tuple[Rows, Rows]:
    groups: dict[tuple[int, int], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, (labels, rows) in enumerate(((desired, left), (present, right))):
        boxed = rows[labels.box[rows, 2] != NO_BOX]
        for row, image, tag in zip(
            boxed.tolist(), labels.image[boxed].tolist(), labels.tag[boxed].tolist(), strict=True
        ):
            groups[image, tag][side].append(row)
    near_left: set[int] = set()
    near_right: set[int] = set()
    for ours, theirs in groups.values():
        if ours and theirs:
            for i, j in _pairs(desired.box[ours], present.box[theirs], tolerance):
                near_left.add(ours[i])
                near_right.add(theirs[j])
    return _drop(left, near_left), _drop(right, near_right)


def _pairs(ours: NDArray[np.float32], theirs: NDArray[np.float32], tolerance: float) -> list[tuple[int, int]]:
    apart = np.abs(ours[:, None].astype(np.float64) - theirs[None].astype(np.float64)).max(axis=2)
    found, used_i, used_j = [], set(), set()
    for flat in np.argsort(apart, axis=None, kind="stable").tolist():
        i, j = divmod(flat, len(theirs))
        if apart[i, j] > tolerance:
            break
        if i not in used_i and j not in used_j:
            found.append((i, j))
            used_i.add(i)
            used_j.add(j)
    return found


def _drop(rows: Rows, gone: set[int]) -> Rows:
    return rows[~np.isin(rows, list(gone))] if gone else rows
