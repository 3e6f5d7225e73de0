"""Pictures as people see them: turned upright as their EXIF says, and boxes with them.

Boxes are fractions of the picture as its pixels are stored, which is what the service counts from.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Four = tuple[float, float, float, float]
Turn = Callable[[float, float], tuple[float, float]]
"""Gives where a spot of the stored pixels is in the upright picture; fractions both."""

_TURNS: dict[int, Turn] = {  # by EXIF orientation
    1: lambda x, y: (x, y),
    2: lambda x, y: (1 - x, y),
    3: lambda x, y: (1 - x, 1 - y),
    4: lambda x, y: (x, 1 - y),
    5: lambda x, y: (y, x),
    6: lambda x, y: (1 - y, x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (y, 1 - x),
}
_ORIENTATION = 0x0112


class DrawError(Exception):
    """Why nothing can be drawn into a picture."""


def open_upright(content: bytes) -> tuple[Picture, Turn]:
    """Decode a picture and turn it upright; give where its spots went, too.

    Raises:
        DrawError: It cannot be decoded.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(content)) as image:
            turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1), _TURNS[1])
            return ImageOps.exif_transpose(image).convert("RGB"), turn
    except Exception as error:  # Pillow raises many kinds for broken files
        raise DrawError(f"it cannot be decoded: {type(error).__name__}") from error


def corners(box: Four, turn: Turn, size: tuple[int, int]) -> Four:
    """Give a box's corners in pixels of the upright picture; what is outside of it ends at its edge."""
    left, top, width, height = box
    ends = turn(left, top), turn(left + width, top + height)
    across, down = ([min(max(spot[n], 0.0), 1.0) for spot in ends] for n in (0, 1))
    wide, tall = size[0] - 1, size[1] - 1
    return min(across) * wide, min(down) * tall, max(across) * wide, max(down) * tall
