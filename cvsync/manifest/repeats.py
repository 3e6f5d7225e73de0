"""Rows that stand there before, found without sorting them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MIX = (2654435761, 2246822519, 3266489917, 668265263, 374761393, 2921084033, 1610612741)
_FEW = 4096
_LAGS = 24


def repeats(columns: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Give the positions of rows that equal an earlier one.

    Where rows lie in the order of their images, a row is compared with its neighbours. Else rows are thrown
    into slots by a hash, and whoever has a slot alone has no equal. Either leaves the repeats and some chance
    neighbours, and only those are compared as a whole.

    Args:
        columns: Numbers of 32 bits each, of one length; those of the first are small and not negative.
    """
    bits = [column.view(np.uint32) for column in columns]
    if len(bits[0]) < 2:
        return np.zeros(0, np.int64)
    mixed = bits[0] * np.uint32(_MIX[0])
    for column, factor in zip(bits[1:], _MIX[1:], strict=False):
        mixed += column * np.uint32(factor)
    rows = _among_neighbours(columns[0], mixed)
    if rows is None:
        rows = _sharing_rows(mixed, bits[0])
    return _exact([column[rows] for column in bits], rows)


def has_repeats(numbers: NDArray[np.uint64]) -> bool:
    """Tell whether a number comes twice."""
    mixed = (numbers ^ (numbers >> np.uint64(29))).astype(np.uint32)
    rows = _sharing_rows(mixed, None)
    left = np.sort(numbers[rows])
    return bool((left[1:] == left[:-1]).any())


def _among_neighbours(owners: NDArray[Any], mixed: NDArray[np.uint32]) -> NDArray[np.int64] | None:
    """Give rows that may be equal, of owners that lie together and have few rows; None if they do not."""
    if (owners[1:] < owners[:-1]).any():
        return None
    longest = int(np.bincount(owners).max())
    if longest > _LAGS:
        return None
    found = np.zeros(len(mixed), bool)
    for lag in range(1, longest):
        same = mixed[lag:] == mixed[:-lag]
        if same.any():
            found[lag:] |= same
            found[:-lag] |= same
    return np.flatnonzero(found)


def _sharing_rows(mixed: NDArray[np.uint32], owners: NDArray[np.uint32] | None) -> NDArray[np.int64]:
    """Give rows that share their slots in a few rounds."""
    size = len(mixed)
    if owners is None:
        width = min(24, size.bit_length() + 1)
        rows = _sharing((mixed >> np.uint32(32 - width)).astype(np.intp), 1 << width)
    else:
        # Rows with neighbouring owners get neighbouring slots: memory is quick in order.
        count = int(owners.max()) + 1
        spread = max(0, (4 * size // count).bit_length() - 1)
        slots = owners.astype(np.intp) << spread
        slots |= mixed.astype(np.intp) >> (32 - spread)
        rows = _sharing(slots, count << spread)
    for factor in _MIX[1:4]:
        if len(rows) <= _FEW:
            break
        width = len(rows).bit_length() + 1
        again = (mixed[rows] ^ (mixed[rows] >> np.uint32(15))) * np.uint32(factor)
        rows = rows[_sharing((again >> np.uint32(32 - width)).astype(np.intp), 1 << width)]
    return rows


def _sharing(slots: NDArray[np.intp], count: int) -> NDArray[np.int64]:
    """Give the rows that share their slot."""
    numbers = np.arange(len(slots), dtype=np.int32)
    taken = np.empty(count, np.int32)
    taken[slots] = numbers
    winner = taken[slots]
    losers = winner != numbers
    losers[winner[losers]] = True
    return np.flatnonzero(losers)


def _exact(columns: Sequence[NDArray[np.uint32]], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    keys: list[Any] = [rows, *columns]
    order = np.lexsort(keys)
    same = np.ones(max(0, len(rows) - 1), bool)
    for column in columns:
        same &= column[order[1:]] == column[order[:-1]]
    return np.sort(rows[order[1:][same]])
