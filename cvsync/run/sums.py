"""Fingerprints of the few images of a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from cvsync.plan.actions import Box
from cvsync.plan.fingerprint import EMPTY, NO_BOX, label_hashes, sums, tag_hashes

TagAndBox = tuple[str, Box | None]
"""A tag's id, and a box or None."""

_WHOLE = (float(NO_BOX),) * 4


def fingerprints(images: Sequence[Sequence[TagAndBox]]) -> list[int]:
    """Give the fingerprint of each image's labels, all in one pass."""
    labels = [(n, tag, box) for n, image in enumerate(images) for tag, box in image]
    if not labels:
        return [EMPTY] * len(images)
    numbers, tags, boxes = zip(*labels, strict=True)
    hashes = label_hashes(
        np.array([_tag_hash(tag) for tag in tags], np.uint64),
        np.array([box or _WHOLE for box in boxes], np.float32),
    )
    found: list[int] = sums(np.array(numbers, np.int64), hashes, len(images)).tolist()
    return found


@lru_cache(maxsize=4096)
def _tag_hash(tag_id: str) -> int:
    return int(tag_hashes((tag_id,))[0])
