"""More pictures out of few: the same ones seen from the other side, with their boxes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from cvsync.emulator.learn.data import Array, Box

ENOUGH = 100  # pictures from which on they are taken as they are; training time grows with each
Boxes = list[tuple[int, Box]]


def variants(pictures: Iterable[tuple[Array, Boxes]]) -> Iterator[tuple[Array, Boxes]]:
    """Give each picture, its mirror image, it upside down, and it with its sides exchanged."""
    for pixels, boxes in pictures:
        yield pixels, boxes
        yield _whole(pixels[:, :, ::-1]), [(t, b._replace(left=_other(b.left, b.width))) for t, b in boxes]
        yield _whole(pixels[:, ::-1, ::-1]), [(t, _turned(b)) for t, b in boxes]
        yield (
            _whole(pixels.transpose(0, 2, 1)),
            [(t, Box(b.top, b.left, b.height, b.width)) for t, b in boxes],
        )


def _turned(box: Box) -> Box:
    return box._replace(left=_other(box.left, box.width), top=_other(box.top, box.height))


def _other(start: float, length: float) -> float:
    """Where a stretch begins, counted from the other end."""
    return 1 - start - length


def _whole(pixels: Array) -> Array:
    return np.ascontiguousarray(pixels)
