"""How well predictions match labels, in numbers. Pure: no clock, no network, no order.

    hit         Of a classifier: a predicted tag that the image has, once. Of a detector, image by image and
                tag by tag: the most probable prediction first, each takes the box that it overlaps most among
                those not taken yet, if that is at least ``overlap``; overlap is intersection over union.
    precision   hits / predictions, of the predictions of at least ``threshold``
    recall      hits / labels, of the same
    AP          average precision: the area under the curve of precision over recall, all points of it and
                none interpolated: at each probability the rise in recall times the precision there. Over
                predictions of any probability; equal ones are one point.
    overall     precision and recall of all tags together; of AP the mean over the tags that have labels

What would be a division by nothing is None: precision without predictions, recall and AP without labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# cvsync's own: the specification names no default for either of its performance's thresholds.
THRESHOLD = 0.5
OVERLAP = 0.3
Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Truths = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class Truth:
    """The labels of some images, one row each; a classifier's name a tag of an image once."""

    image: Ints
    """A number for each image."""
    tag: Ints
    """A number for each tag, from 0."""
    box: Reals | None = None
    """(rows, 4): left, top, width, height; None: of whole images."""


@dataclass(frozen=True, eq=False, slots=True)
class Said:
    """What a model predicted of the same images, one row a prediction."""

    image: Ints
    tag: Ints
    probability: Reals
    box: Reals | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Of one tag, or of all."""

    labels: int
    predictions: int
    """Of at least the threshold."""
    hits: int
    average_precision: float | None

    @property
    def precision(self) -> float | None:
        """The share of the predictions that is right."""
        return self.hits / self.predictions if self.predictions else None

    @property
    def recall(self) -> float | None:
        """The share of the labels that was found."""
        return self.hits / self.labels if self.labels else None


def match(truth: Truth, said: Said, *, overlap: float = OVERLAP) -> Ints:
    """Give for each prediction the row of the label that it hits, -1 for none.

    Predictions are taken by falling probability, so that leaving out improbable ones changes no other.
    """
    found = np.full(len(said.image), -1)
    groups = _rows_by_key(truth.image, truth.tag)
    for key, rows in _rows_by_key(said.image, said.tag).items():
        there = groups.get(key)
        if there is None:
            continue
        if truth.box is None or said.box is None:
            found[rows[np.argmax(said.probability[rows])]] = there[0]
            continue
        ours, theirs = _ranked(rows, said), _arranged(there, truth.box)
        for row, column in _pairs(overlaps(said.box[ours], truth.box[theirs]), overlap):
            found[ours[row]] = theirs[column]
    return found


def score(truth: Truth, said: Said, found: Ints, *, tags: int, threshold: float) -> tuple[list[Score], Score]:
    """Give the score of each tag, and that of all.

    Args:
        truth: The labels.
        said: The predictions.
        found: What ``match`` gave of the two.
        tags: How many tags there are.
        threshold: Less probable predictions do not count, but for AP they do.
    """
    is_hit = found >= 0
    counted = said.probability >= threshold
    labels = np.bincount(truth.tag, minlength=tags)
    predictions = np.bincount(said.tag[counted], minlength=tags)
    hits = np.bincount(said.tag[counted & is_hit], minlength=tags)
    scores = []
    for tag in range(tags):
        mine = said.tag == tag
        area = average_precision(said.probability[mine], is_hit[mine], int(labels[tag]))
        scores.append(Score(int(labels[tag]), int(predictions[tag]), int(hits[tag]), area))
    areas = [one.average_precision for one in scores if one.average_precision is not None]
    mean = float(np.mean(areas)) if areas else None
    return scores, Score(int(labels.sum()), int(predictions.sum()), int(hits.sum()), mean)


def average_precision(probability: Reals, is_hit: Truths, labels: int) -> float | None:
    """Give the area under the curve of precision over recall; None where there is nothing to recall."""
    if not labels:
        return None
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(is_hit[order])
    ends = np.flatnonzero(np.diff(probability[order], append=-np.inf))  # the last of each run of equal ones
    rise = np.diff(hits[ends], prepend=0) / labels
    return float((rise * (hits[ends] / (ends + 1))).sum())


def overlaps(ours: Reals, theirs: Reals) -> Reals:
    """Give intersection over union of each box of one set with each of another."""
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum((ours[:, :2] + ours[:, 2:])[:, None], (theirs[:, :2] + theirs[:, 2:])[None])
    both = np.clip(high - low, 0, None).prod(axis=2)
    union = ours[:, 2:].prod(axis=1)[:, None] + theirs[:, 2:].prod(axis=1)[None] - both
    result: Reals = np.divide(both, union, out=np.zeros_like(both), where=union > 0)
    return result


def _rows_by_key(image: Ints, tag: Ints) -> dict[tuple[int, int], Ints]:
    """Give the rows of each image and tag."""
    order = np.lexsort((tag, image))
    changes = (np.diff(image[order]) != 0) | (np.diff(tag[order]) != 0)
    runs = np.split(order, np.flatnonzero(changes) + 1) if len(order) else []
    return {(int(image[run[0]]), int(tag[run[0]])): run for run in runs}


def _ranked(rows: Ints, said: Said) -> Ints:
    """Put predictions by falling probability; equal ones by their boxes, so that no order given counts."""
    assert said.box is not None
    ranks: Ints = np.lexsort((*said.box[rows].T, -said.probability[rows]))
    return rows[ranks]


def _arranged(rows: Ints, box: Reals) -> Ints:
    order: Ints = np.lexsort(tuple(box[rows].T))
    return rows[order]


def _pairs(overlap: Reals, least: float) -> list[tuple[int, int]]:
    """Pair rows, the first first, each with the free column that it overlaps most."""
    rows, columns = np.nonzero(overlap >= least)
    order = np.lexsort((columns, -overlap[rows, columns], rows))
    paired: dict[int, int] = {}
    taken: set[int] = set()
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in paired and column not in taken:
            paired[row] = column
            taken.add(column)
    return list(paired.items())
