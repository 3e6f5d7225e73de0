"""Fingerprints: one number for all labels of an image, whatever their order.

A fingerprint is the sum, modulo 2^64, of a mixed hash of each label, so a label that comes or goes shifts it
by its own hash. It is kept as the signed 64-bit integer that SQLite and Arrow have. Two different sets of
labels share one with a chance of 2^-64. A label is its tag's id and its box, bit for bit (-0.0 is 0.0).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

NO_BOX = np.float32(-1)  # outside 0..1, so no real box looks like it
_ODD = np.uint64(0x9E3779B97F4A7C15)  # splitmix64's, so that zeros are mixed too
_ROUNDS = tuple(
    (np.uint64(shift), np.uint64(factor))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
)
_LAST_SHIFT = np.uint64(31)
EMPTY = 0
"""The fingerprint of an image without labels."""


def tag_hashes(tag_ids: Iterable[str]) -> Hashes:
    """Hash tags by their ids, the same in every run."""
    return np.array(
        [int.from_bytes(blake2b(i.encode(), digest_size=8).digest(), "little") for i in tag_ids], np.uint64
    )


def label_hashes(tags: Hashes, boxes: NDArray[np.float32]) -> Hashes:
    """Hash labels.

    Args:
        tags: A number a label that stands for its tag.
        boxes: n × 4, ``NO_BOX`` where there is none.
    """
    corners = np.ascontiguousarray(boxes + np.float32(0)).view(np.uint64)  # two numbers in each
    return _mix(_mix(tags ^ (corners[:, 0] + _ODD)) ^ (corners[:, 1] + _ODD))


def sums(images: NDArray[np.int64], hashes: Hashes, count: int) -> NDArray[np.int64]:
    """Give each of ``count`` images the fingerprint of its labels; ``images`` tells whose each hash is."""
    total = np.zeros(count, np.int64)
    add_sums(total, images, hashes)
    return total


def add_sums(total: NDArray[np.int64], images: NDArray[np.integer[Any]], hashes: Hashes) -> None:
    """Add the hashes of some labels to the fingerprints of their images, in place."""
    np.add.at(total.view(np.uint64), images, hashes)


def identities(images: NDArray[np.integer[Any]], hashes: Hashes) -> Hashes:
    """Hash labels together with the image that they are on."""
    return _mix(_mix(images.astype(np.uint64) + _ODD) ^ hashes)


def shifted(fingerprint: int, *, added: int = EMPTY, removed: int = EMPTY) -> int:
    """Give a fingerprint after labels came and went; all three are fingerprints."""
    return (fingerprint + added - removed + 2**63) % 2**64 - 2**63


def _mix(x: Hashes) -> Hashes:
    """The finaliser of splitmix64: every input bit reaches every output bit. Changes ``x`` in place."""
    for shift, factor in _ROUNDS:
        x ^= x >> shift
        x *= factor
    x ^= x >> _LAST_SHIFT
    return x
