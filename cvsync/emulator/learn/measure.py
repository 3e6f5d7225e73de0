"""How well candidates match the truth: precision, recall and average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cvsync.emulator.learn.data import Candidate, Example, Kind, corners, overlaps


@dataclass(frozen=True, slots=True)
class Score:
    """Of one tag, or of all; 0 where nothing can be said."""

    precision: float
    precision_std: float
    recall: float
    recall_std: float
    average_precision: float


@dataclass(frozen=True, slots=True)
class Performance:
    """Of a model."""

    overall: Score
    tags: tuple[Score, ...]


@dataclass(frozen=True, eq=False)
class _Said:
    """The candidates of one tag, the most probable first, and how many there should be."""

    probability: np.ndarray[tuple[int], np.dtype[np.float64]]
    right: np.ndarray[tuple[int], np.dtype[np.bool_]]
    wanted: int


def performance(
    kind: Kind,
    tag_count: int,
    truth: Sequence[Example],
    candidates: Sequence[Sequence[Candidate]],
    *,
    threshold: float,
    overlap_threshold: float,
) -> Performance:
    """Measure candidates of some pictures.

    Args:
        kind: Of the model.
        tag_count: How many tags it knows.
        truth: The pictures' labels.
        candidates: What was said of each.
        threshold: Less probable candidates do not count (but for average precision they do).
        overlap_threshold: Of a box with the true one, for it to be right.
    """
    tags = [_said(kind, tag, truth, candidates, overlap_threshold) for tag in range(tag_count)]
    whole = _Said(
        np.concatenate([said.probability for said in tags]) if tags else np.empty(0),
        np.concatenate([said.right for said in tags]) if tags else np.empty(0, bool),
        sum(said.wanted for said in tags),
    )
    scores = tuple(_score(said, threshold) for said in tags)
    judged = [score.average_precision for score, said in zip(scores, tags, strict=True) if said.wanted]
    overall = _score(whole, threshold)
    mean = float(np.mean(judged)) if judged else 0.0
    return Performance(Score(overall.precision, 0.0, overall.recall, 0.0, mean), scores)


def _said(
    kind: Kind,
    tag: int,
    truth: Sequence[Example],
    candidates: Sequence[Sequence[Candidate]],
    overlap_threshold: float,
) -> _Said:
    pairs: list[tuple[float, bool]] = []
    wanted = 0
    for example, said in zip(truth, candidates, strict=True):
        mine = sorted((c for c in said if c.tag == tag), key=lambda c: -c.probability)
        if kind is not Kind.DETECTION:
            wanted += tag in example.tags
            pairs += [(c.probability, tag in example.tags) for c in mine]
            continue
        boxes = [box for t, box in example.boxes if t == tag]
        wanted += len(boxes)
        pairs += [*zip((c.probability for c in mine), _hits(mine, boxes, overlap_threshold), strict=True)]
    pairs.sort(key=lambda pair: -pair[0])
    return _Said(np.array([p for p, _ in pairs]), np.array([r for _, r in pairs], bool), wanted)


def _hits(said: Sequence[Candidate], boxes: Sequence[object], overlap_threshold: float) -> list[bool]:
    """Tell which candidates find a box that no better one has found."""
    if not said or not boxes:
        return [False] * len(said)
    match = overlaps(
        corners(np.array([c.box for c in said], np.float32)), corners(np.array(boxes, np.float32))
    )
    taken: set[int] = set()
    hits = []
    for row in match:
        free = [n for n in range(len(boxes)) if n not in taken and row[n] >= overlap_threshold]
        best = max(free, key=lambda n: row[n], default=None)
        hits.append(best is not None)
        if best is not None:
            taken.add(best)
    return hits


def _score(said: _Said, threshold: float) -> Score:
    counted = said.right[said.probability >= threshold]
    right = int(counted.sum())
    precision = right / len(counted) if len(counted) else 0.0
    recall = right / said.wanted if said.wanted else 0.0
    return Score(precision, 0.0, recall, 0.0, average_precision(said.right, said.wanted))


def average_precision(right: np.ndarray[tuple[int], np.dtype[np.bool_]], wanted: int) -> float:
    """The area under the precision-recall curve; each hit counts with the precision at its place."""
    if not wanted:
        return 0.0
    places = np.flatnonzero(right) + 1
    return float((np.arange(1, len(places) + 1) / places).sum() / wanted)
