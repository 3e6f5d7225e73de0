"""Which labels of two sets are the same: exact matches in bulk, near ones label by label.

A set of labels is four parallel columns: image code, tag code, and a box of four float32 (all -1 for a
whole-image tag).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvsync.labels import Codes
from cvsync.plan.fingerprint import NO_BOX, identities, label_hashes

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LabelSet:
    """Labels as codes."""

    image: Codes
    tag: Codes
    box: NDArray[np.float32]
    """n × 4."""

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: Rows) -> LabelSet:
        """Keep some rows."""
        return LabelSet(self.image[rows], self.tag[rows], self.box[rows])


def unmatched(desired: LabelSet, present: LabelSet, *, tolerance: float) -> tuple[Rows, Rows]:
    """Find the rows of each set that have no partner in the other.

    Multisets: two identical labels that are present need two partners. Of those that are desired all have one
    as soon as a single one is present, since the service adds no box to an image that has the very same one.
    Within an image and tag, boxes whose four numbers all differ by at most ``tolerance`` are partners, the
    nearest pairs first.
    """
    left, right = _without_exact(desired, present)
    left, right = _without_near(desired, present, left, right, tolerance)
    return np.sort(left), np.sort(right)


def _without_exact(desired: LabelSet, present: LabelSet) -> tuple[Rows, Rows]:
    both = np.concatenate([_identity(desired), _identity(present)])
    order = np.argsort(both, kind="stable")  # equal labels lie together, ours first, each side in its order
    ordered, is_ours = both[order], order < len(desired)
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(order)])
    sizes = np.diff(np.append(starts, len(order)))
    ours = np.add.reduceat(is_ours, starts, dtype=np.int64) if len(starts) else sizes
    rank = np.arange(len(order)) - np.repeat(starts, sizes)
    rank -= np.where(is_ours, 0, np.repeat(ours, sizes))
    alone = order[rank >= np.repeat(np.where(ours < sizes, ours, 0), sizes)]
    return alone[alone < len(desired)], alone[alone >= len(desired)] - len(desired)


def _identity(labels: LabelSet) -> NDArray[np.uint64]:
    """One number a label: two different labels share one with a chance of 2^-64."""
    return identities(labels.image, label_hashes(labels.tag.astype(np.uint64), labels.box))


def _without_near(
    desired: LabelSet, present: LabelSet, left: Rows, right: Rows, tolerance: float
) -> tuple[Rows, Rows]:
    """Take out the boxes that have a near one of the same image and tag on the other side."""
    left_group, right_group = _groups(desired, present, left, right)
    size = max(left_group.max(initial=-1), right_group.max(initial=-1)) + 1
    (lefts, i_of, i_end), (rights, j_of, j_end) = (_sorted(g, size) for g in (left_group, right_group))
    near_left, near_right = np.zeros(len(left), bool), np.zeros(len(right), bool)
    single = (lefts == 1) & (rights == 1)  # most groups are one box that moved: compared all at once
    i, j = i_of[i_end[single] - 1], j_of[j_end[single] - 1]
    near = _apart(desired.box[left[i]], present.box[right[j]]) <= tolerance
    near_left[i[near]] = near_right[j[near]] = True
    for group in np.flatnonzero((lefts > 0) & (rights > 0) & ~single).tolist():
        i = i_of[i_end[group] - lefts[group] : i_end[group]]
        j = j_of[j_end[group] - rights[group] : j_end[group]]
        for a, b in _pairs(desired.box[left[i]], present.box[right[j]], tolerance):
            near_left[i[a]] = near_right[j[b]] = True
    return left[~near_left], right[~near_right]


def _groups(desired: LabelSet, present: LabelSet, left: Rows, right: Rows) -> tuple[Rows, Rows]:
    """Number the pairs of image and tag that some boxes are of, the same on both sides; -1 without a box."""
    tags = max(desired.tag.max(initial=0), present.tag.max(initial=0)) + 1
    pair = np.concatenate(
        [s.image[r].astype(np.int64) * tags + s.tag[r] for s, r in ((desired, left), (present, right))]
    )
    boxed = np.concatenate([s.box[r, 2] != NO_BOX for s, r in ((desired, left), (present, right))])
    group = np.where(boxed, np.unique(pair, return_inverse=True)[1], -1)
    return group[: len(left)], group[len(left) :]


def _sorted(group: Rows, size: int) -> tuple[Rows, Rows, Rows]:
    """Give each group's size, all rows group by group, and where each group ends in that order."""
    sizes = np.bincount(group[group >= 0], minlength=size)
    return sizes, np.argsort(group, kind="stable"), np.cumsum(sizes) + int((group < 0).sum())


def _apart(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Give the largest difference of the four numbers of two boxes."""
    apart: NDArray[np.float64] = np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max(axis=-1)
    return apart


def _pairs(ours: NDArray[np.float32], theirs: NDArray[np.float32], tolerance: float) -> list[tuple[int, int]]:
    apart = _apart(ours[:, None], theirs[None])
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
