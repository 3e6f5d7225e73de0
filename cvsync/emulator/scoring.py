"""How well a model did on the images that its fit did not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cvsync.emulator import worker
from cvsync.emulator.candidates import Candidate
from cvsync.emulator.examples import kind_of
from cvsync.emulator.store.iterations import Iteration


@dataclass(frozen=True, slots=True)
class Score:
    precision: float
    precision_deviation: float
    recall: float
    recall_deviation: float
    average_precision: float


@dataclass(frozen=True, slots=True)
class Scores:
    overall: Score
    tags: list[Score]


def performance(
    iteration: Iteration,
    examples: Sequence[dict[str, Any]],
    said: Sequence[Sequence[Candidate]],
    *,
    threshold: float,
    overlap_threshold: float,
) -> Scores:
    """How well a model did on examples, in the learner's own measure. Blocks."""
    from cvsync.emulator import learn

    number = {tag: index for index, tag in enumerate(iteration.tag_ids)}
    candidates = [
        tuple(learn.Candidate(number[c.tag_id], c.probability, c.box and learn.Box(*c.box)) for c in one)
        for one in said
    ]
    found = learn.performance(
        learn.Kind[kind_of(iteration)],
        len(iteration.tag_ids),
        [worker.example(item) for item in examples],
        candidates,
        threshold=threshold,
        overlap_threshold=overlap_threshold,
    )
    return Scores(_score(found.overall), [_score(score) for score in found.tags])


def _score(score: Any) -> Score:
    return Score(
        score.precision, score.precision_std, score.recall, score.recall_std, score.average_precision
    )
