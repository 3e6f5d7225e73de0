"""Outlines -> the boxes around them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cvsync.manifest.nested import OutlineError

_LEAST = 6  # numbers of the smallest polygon


def box_around(outline: Any) -> tuple[float, float, float, float]:
    """Give the left, top, right and bottom edge of polygons: numbers across and down by turns, in lists.

    Raises:
        OutlineError: It is something else, such as a mask.
    """
    numbers = [*_numbers(outline)]
    if len(numbers) < _LEAST or len(numbers) % 2:
        raise OutlineError
    across, down = numbers[::2], numbers[1::2]
    return min(across), min(down), max(across), max(down)


def _numbers(outline: Any) -> Iterator[float]:
    if isinstance(outline, list):
        for part in outline:
            yield from _numbers(part)
    elif isinstance(outline, int | float) and not isinstance(outline, bool):
        yield outline
    else:
        raise OutlineError
