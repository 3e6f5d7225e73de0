"""Decoding, checking and making pictures with Pillow. Everything here blocks: call it in a thread."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

from PIL import Image, ImageOps

from cvsync.limits import MAX_ASPECT_RATIO, MAX_IMAGE_BYTES, MAX_SIDE_PX

# docs: jpg, png, bmp and gif. MPO is what Pillow calls a JPEG with further pictures behind the first, as
# cameras make them; to any other reader it is a JPEG.
FORMATS = frozenset({"JPEG", "MPO", "PNG", "BMP", "GIF"})
TRAINING_SIDE_PX = 1600  # recorded: up to here the stored copy is the upload itself
THUMBNAIL_SIDE_PX = 256  # inferred

# A larger picture is over the side limit anyway and refused as such.
Image.MAX_IMAGE_PIXELS = MAX_SIDE_PX * MAX_SIDE_PX


@dataclass(frozen=True, slots=True)
class Picture:
    sha: bytes
    width: int
    height: int


class PictureError(Exception):
    """Why bytes are no training image; the argument is a creation status without version."""


def check(content: bytes, *, max_bytes: int = MAX_IMAGE_BYTES, upright: bool = False) -> Picture:
    """Decode a picture whole, as a broken end shows only then; `upright` turns it as its EXIF says."""
    if len(content) > max_bytes:
        raise PictureError("ErrorImageSize")
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.format not in FORMATS:
                raise PictureError("ErrorImageFormat")
            width, height = image.size
            _check_sides(width, height)
            image.load()
            if upright:
                width, height = ImageOps.exif_transpose(image).size
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError("ErrorImageDimensions") from error
    except Exception as error:  # Pillow raises many kinds for broken files
        raise PictureError("ErrorImageFormat") from error
    return Picture(hashlib.sha256(content).digest(), width, height)


def _check_sides(width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE_PX or max(width, height) > MAX_ASPECT_RATIO * min(width, height):
        raise PictureError("ErrorImageDimensions")


def made(text: str) -> Picture:
    """The picture that a URL stands for when nothing is downloaded; its hash decides the size."""
    sha = hashlib.sha256(text.encode()).digest()
    return Picture(sha, 256 + int.from_bytes(sha[:2]) % 1345, 256 + int.from_bytes(sha[2:4]) % 1345)


def made_bytes(sha: bytes, width: int, height: int) -> bytes:
    """A small PNG of the right shape: four coloured quarters told by the hash."""
    scale = 64 / max(width, height)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    quarters = Image.frombytes("RGB", (2, 2), sha[:12])
    return _encoded(quarters.resize(size, Image.Resampling.NEAREST), "PNG")


def resized(content: bytes, side_px: int, *, upright: bool = False) -> bytes:
    """A JPEG copy that fits into a square."""
    with Image.open(io.BytesIO(content)) as image:
        image.draft("RGB", (side_px, side_px))
        copy = (ImageOps.exif_transpose(image) if upright else image).convert("RGB")
    copy.thumbnail((side_px, side_px))
    return _encoded(copy, "JPEG")


def content_type(content: bytes) -> str:
    for start, kind in _SIGNATURES:
        if content.startswith(start):
            return kind
    return "application/octet-stream"


def _encoded(image: Image.Image, format: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format)
    return buffer.getvalue()


_SIGNATURES = (
    (b"\xff\xd8", "image/jpeg"), (b"\x89PNG", "image/png"), (b"BM", "image/bmp"), (b"GIF8", "image/gif"),
    (b"PK\x03\x04", "application/zip"),
)  # fmt: skip
