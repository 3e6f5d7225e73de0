"""What is learnt from, and what is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Kind(Enum):
    """What a model tells of a picture."""

    MULTICLASS = "multiclass"  # which one tag
    MULTILABEL = "multilabel"  # each tag by itself
    DETECTION = "detection"  # where which tags are


class Box(NamedTuple):
    """A box as fractions of the picture."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled picture."""

    read: Callable[[], bytes]
    tags: tuple[int, ...]
    boxes: tuple[tuple[int, Box], ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that a model sees."""

    tag: int
    probability: float
    box: Box | None


def corners(boxes: Array) -> Array:
    """(left, top, width, height) -> (x1, y1, x2, y2)."""
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def overlaps(ours: Array, theirs: Array) -> Array:
    """Intersection over union of each pair of two sets of corner boxes."""
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(b[:, 2:] - b[:, :2]).prod(axis=1) for b in (ours, theirs)]
    union = areas[0][:, None] + areas[1][None] - both
    result: Array = np.where(union > 0, both / np.maximum(union, 1e-12), 0).astype(np.float32)
    return result
