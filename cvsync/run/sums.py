"""Fingerprints of the few images of a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

import numpy as np

from cvsync.plan.actions import Box
from cvsync.plan.fingerprint import EMPTY, NO_BOX, label_hashes, sums, tag_hashes

TagAndBox = tuple[str, Box | None]
"""A tag's id, and a box or None."""

_WHOLE = (float(NO_BOX),) * 4


def fingerprints(images: Sequence[Sequence[TagAndBox]]) -> list[int]:
    """Give the fingerprint of each image's labels, all in one pass."""
    labels = [*chain.from_iterable(images)]
    if not labels:
        return [EMPTY] * len(images)
    sides = chain.from_iterable([box or _WHOLE for _, box in labels])
    hashes = label_hashes(
        np.array([_tag_hash(tag) for tag, _ in labels], np.uint64),
        np.fromiter(sides, np.float32, 4 * len(labels)).reshape(-1, 4),
    )
    numbers = np.repeat(np.arange(len(images)), [len(image) for image in images])
    found: list[int] = sums(numbers, hashes, len(images)).tolist()
    return found


@lru_cache(maxsize=4096)
def _tag_hash(tag_id: str) -> int:
    return int(tag_hashes((tag_id,))[0])
