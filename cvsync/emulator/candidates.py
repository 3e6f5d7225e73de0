"""What a model says about a picture, and how it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Candidate:
    """One prediction: the tag by its id, the box as left, top, width, height."""

    tag_id: str
    probability: float
    box: tuple[float, float, float, float] | None

    @staticmethod
    def read(text: str) -> list[Candidate]:
        return [Candidate(tag, p, box and tuple(box)) for tag, p, box in orjson.loads(text)]


def as_text(candidates: Sequence[Candidate]) -> str:
    return orjson.dumps([[c.tag_id, c.probability, c.box] for c in candidates]).decode()


def most_probable(candidates: list[Candidate], count: int) -> list[Candidate]:
    """The candidates that an answer has room for, in the order that they had."""
    if len(candidates) <= count:
        return candidates
    by_probability = sorted(range(len(candidates)), key=lambda n: -candidates[n].probability)
    return [candidates[n] for n in sorted(by_probability[:count])]


def in_order(candidates: list[Candidate]) -> list[Candidate]:
    """recorded: classification by probability, detection in no order."""
    if any(candidate.box for candidate in candidates):
        return candidates
    return sorted(candidates, key=lambda candidate: -candidate.probability)


def uncertainty(candidates: Sequence[Candidate]) -> float:
    """How unsure a prediction is, 0 to 1. inferred: the service does not say how it measures."""
    return 1 - max((candidate.probability for candidate in candidates), default=0.0)
