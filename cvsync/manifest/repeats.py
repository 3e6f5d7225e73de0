"""Rows that stand there before, found without sorting them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvsync.parallel import each, slices

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
    mixed = _mixed(bits)
    rows = _among_neighbours(columns[0], mixed)
    if rows is None:
        rows = _sharing_rows(mixed, bits[0])
    return _exact([column[rows] for column in bits], rows)


def has_many(owners: NDArray[Any], most: int) -> bool:
    """Tell whether an owner has more than so many rows; owners are small and not negative."""
    if (owners[1:] >= owners[:-1]).all():
        return bool((owners[most:] == owners[:-most]).any())
    return bool(np.bincount(owners).max(initial=0) > most)


def _mixed(columns: Sequence[NDArray[np.uint32]]) -> NDArray[np.uint32]:
    """Hash rows."""
    mixed = np.empty(len(columns[0]), np.uint32)

    def fill(part: slice) -> None:
        total = columns[0][part] * np.uint32(_MIX[0])
        for column, factor in zip(columns[1:], _MIX[1:], strict=False):
            total += column[part] * np.uint32(factor)
        mixed[part] = total

    each(fill, slices(len(mixed)))
    return mixed


def _among_neighbours(owners: NDArray[Any], mixed: NDArray[np.uint32]) -> NDArray[np.int64] | None:
    """Give rows that may be equal, of owners that lie together and have few rows; None if they do not."""

    def look(part: slice) -> NDArray[np.int64] | None:
        """Compare the rows of a slice with those after them."""
        found = [np.zeros(0, np.int64)]
        if (owners[part.start + 1 : part.stop + 1] < owners[part][: len(owners) - part.start - 1]).any():
            return None
        for lag in range(1, _LAGS + 1):
            later = slice(part.start + lag, part.stop + lag)
            first = slice(part.start, max(part.start, min(part.stop, len(owners) - lag)))
            if not (owners[later] == owners[first]).any():
                return np.concatenate(found)
            same = np.flatnonzero(mixed[later] == mixed[first]) + part.start
            found += [same, same + lag]
        return None

    parts = each(look, slices(len(owners)))
    found = [rows for rows in parts if rows is not None]
    return np.unique(np.concatenate(found)) if len(found) == len(parts) else None


def _sharing_rows(mixed: NDArray[np.uint32], owners: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Give rows that share their slots in a few rounds."""
    size = len(mixed)
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
