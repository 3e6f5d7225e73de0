"""Rows that stand there before, found without sorting them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MIX = (2654435761, 2246822519, 3266489917, 668265263, 374761393, 2921084033, 1610612741)
_FEW = 4096


def repeats(columns: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Give the positions of rows that equal an earlier one.

    Rows are thrown into slots by a hash; whoever has a slot alone has no equal. A few rounds of that leave
    the repeats and some chance neighbours, and only those are compared.

    Args:
        columns: Numbers of 32 bits each, of one length.
    """
    bits = [column.view(np.uint32) for column in columns]
    size = len(bits[0])
    if not size:
        return np.zeros(0, np.int64)
    mixed = bits[0] * np.uint32(_MIX[0])
    for column, factor in zip(bits[1:], _MIX[1:], strict=False):
        mixed += column * np.uint32(factor)
    # Rows with neighbouring numbers in the first column get neighbouring slots: manifests lie in the order
    # of their images, and memory is quick in order.
    owners = int(bits[0].max()) + 1
    spread = max(0, (4 * size // owners).bit_length() - 1)
    slots = bits[0].astype(np.intp) << spread
    slots |= mixed.astype(np.intp) >> (32 - spread)
    rows = _sharing(slots, owners << spread)
    for factor in _MIX[1:4]:
        if len(rows) <= _FEW:
            break
        width = len(rows).bit_length() + 1
        again = (mixed[rows] ^ (mixed[rows] >> np.uint32(15))) * np.uint32(factor)
        rows = rows[_sharing((again >> np.uint32(32 - width)).astype(np.intp), 1 << width)]
    return _exact([column[rows] for column in bits], rows)


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
