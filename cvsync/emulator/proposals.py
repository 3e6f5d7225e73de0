"""Where something may be in a picture: the parts with the most edges. inferred: any sensible box will do."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

_SIDE = 64  # cells the picture is looked at in
_SIZES = (0.25, 0.4, 0.6)  # sides of the boxes tried, as fractions
_MOST = 5
_OVERLAP = 0.3  # a box that covers another by more says nothing new

Box = tuple[float, float, float, float]


def propose(content: bytes) -> list[tuple[float, Box]]:
    """Boxes with a confidence each, the best first. Blocks."""
    with Image.open(io.BytesIO(content)) as image:
        gray = np.asarray(image.convert("L").resize((_SIDE, _SIDE)), dtype=np.float64)
    edges = np.hypot(*np.gradient(gray))
    total = np.zeros((_SIDE + 1, _SIDE + 1))
    total[1:, 1:] = edges.cumsum(0).cumsum(1)
    mean = total[-1, -1] / _SIDE**2 or 1.0
    tried: list[tuple[float, Box]] = []
    for size in _SIZES:
        cells = int(size * _SIDE)
        for top in range(0, _SIDE - cells + 1, 8):
            for left in range(0, _SIDE - cells + 1, 8):
                inside = (
                    total[top + cells, left + cells] - total[top, left + cells]
                    - total[top + cells, left] + total[top, left]
                )  # fmt: skip
                density = inside / cells**2 / mean
                box = (left / _SIDE, top / _SIDE, cells / _SIDE, cells / _SIDE)
                tried.append((float(density / (1 + density)), box))
    return _apart(sorted(tried, key=lambda one: -one[0]))


def _apart(tried: list[tuple[float, Box]]) -> list[tuple[float, Box]]:
    kept: list[tuple[float, Box]] = []
    for confidence, box in tried:
        if len(kept) < _MOST and all(_overlap(box, other) <= _OVERLAP for _, other in kept):
            kept.append((confidence, box))
    return kept


def _overlap(a: Box, b: Box) -> float:
    width = max(0.0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    shared = width * height
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)
