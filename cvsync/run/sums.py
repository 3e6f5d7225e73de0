"""Fingerprints of the few images of a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, chain

import numpy as np

from cvsync.plan.fingerprint import EMPTY, NO_BOX, label_hashes, sums, tag_hashes
from cvsync.plan.images import SentLabels, TagAndBox, sides_of


def fingerprints(labels: SentLabels) -> list[int]:
    """Give the fingerprint of the labels of each image, all in one pass."""
    count = len(labels.starts) - 1
    if not labels.tag_ids:
        return [EMPTY] * count
    sides = [[NO_BOX if side is None else side for side in column] for column in labels.sides]
    hashes = label_hashes(
        np.array([_tag_hash(tag_id) for tag_id in labels.tag_ids], np.uint64),
        np.array(sides, np.float32).T,
    )
    images = np.repeat(np.arange(count), np.diff(labels.starts))
    found: list[int] = sums(images, hashes, count).tolist()
    return found


def fingerprints_of(images: Sequence[Sequence[TagAndBox]]) -> list[int]:
    """Give the fingerprint of the labels of each image."""
    labels = [*chain.from_iterable(images)]
    tag_ids, sides = [tag_id for tag_id, _ in labels], sides_of([box for _, box in labels])
    return fingerprints(SentLabels(tag_ids, sides, [0, *accumulate(map(len, images))]))


@lru_cache(maxsize=4096)
def _tag_hash(tag_id: str) -> int:
    return int(tag_hashes((tag_id,))[0])
