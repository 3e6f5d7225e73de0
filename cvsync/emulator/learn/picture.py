"""From the bytes of a picture to the input of a model, as the export's contract says."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from cvsync.emulator.learn.values import Array


def load(content: bytes, side_px: int) -> Array:
    """A batch of one: float32, 1 x 3 x side x side, channels blue, green, red, values 0 to 255.

    EXIF rotation is not applied, as programs that run the exported model do not apply it either.
    """
    with Image.open(io.BytesIO(content)) as image:
        square = image.convert("RGB").resize((side_px, side_px))
    return np.asarray(square, dtype=np.float32).transpose(2, 0, 1)[None, ::-1]
