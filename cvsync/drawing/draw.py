"""Boxes, with a label at each."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvsync.drawing.fonts import Fonts
from cvsync.drawing.upright import Four, corners, open_upright
from cvsync.errors import SettingsError
from cvsync.labels import fold

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageFont import FreeTypeFont as Font

COLOURS = (
    "#4363d8", "#d0103a", "#1f7a3d", "#911eb4", "#b04f08", "#007373", "#6b5a00", "#a3195b", "#000075",
    "#444444",
)  # fmt: skip
"""All dark enough for white letters."""
LEAST_SIDE = 480  # pixels of the longer side: smaller pictures are enlarged, to have room for letters


@dataclass(frozen=True, slots=True)
class Mark:
    """A tag of a picture."""

    tag: str
    note: str = ""
    """What stands behind it, such as its probability."""
    box: Four | None = None
    """Left, top, width, height as fractions of the stored pixels; None: of the whole picture."""


class Drawing:
    """Draws pictures, each in any thread.

    Args:
        font: A font file to use first.

    Raises:
        SettingsError: Pillow is missing, or the font cannot be read.
    """

    def __init__(self, font: Path | None = None) -> None:
        try:
            import PIL.ImageDraw  # noqa: F401
        except ImportError as error:
            raise SettingsError(
                "drawing needs cvsync's `local` extra: pip install 'cvsync[local]'"
            ) from error
        self._fonts = Fonts(font)
        self._colours: dict[str, str] = {}

    def draw(self, content: bytes, marks: Sequence[Mark], *, side: int | None = None) -> Picture:
        """Draw tags and boxes into a picture; it comes out upright.

        Args:
            content: The picture's file.
            marks: What is drawn.
            side: Pixels of a square that it is to fit into; None: it stays as large as it is, or grows.

        Raises:
            DrawError: It cannot be decoded.
        """
        picture, turn = open_upright(content)
        if side is None:
            picture = _enlarged(picture)
        else:
            picture.thumbnail((side, side))
        sheet = _Sheet(picture)
        boxes = [mark.box and corners(mark.box, turn, sheet.size) for mark in marks]
        for mark, box in zip(marks, boxes, strict=True):
            if box is not None:
                sheet.outline(box, self.colour_of(mark.tag))
        for mark, box in zip(marks, boxes, strict=True):  # above all boxes
            text, font = self._fonts.write(mark.tag, sheet.letters)
            sheet.label(box or (0.0, 0.0, 0.0, 0.0), (text, mark.note), font, self.colour_of(mark.tag))
        return sheet.picture

    def distinguish(self, tags: Iterable[str]) -> None:
        """Give each of some tags a colour of its own, while colours last."""
        names = sorted({fold(tag) for tag in tags})
        self._colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}

    def colour_of(self, tag: str) -> str:
        """Give a tag its colour, the same in every picture."""
        name = fold(tag)
        return self._colours.get(name) or COLOURS[zlib.crc32(name.encode()) % len(COLOURS)]

    @property
    def unwritable(self) -> dict[str, str]:
        """The tags that no font here can write, with what stands for them in the pictures."""
        return self._fonts.unwritable


def encode(picture: Picture, suffix: str) -> bytes:
    """Give a picture as a file's bytes: JPEG for ``.jpg``, else PNG."""
    buffer = io.BytesIO()
    if suffix == ".jpg":
        picture.save(buffer, "JPEG", quality=90)
    else:
        picture.save(buffer, "PNG")
    return buffer.getvalue()


def _enlarged(picture: Picture) -> Picture:
    scale = -(-LEAST_SIDE // max(picture.size))
    return picture.resize((picture.width * scale, picture.height * scale)) if scale > 1 else picture


class _Sheet:
    """A picture that is drawn into."""

    def __init__(self, picture: Picture) -> None:
        from PIL import ImageDraw

        self.picture, self.size = picture, picture.size
        self.letters = max(12, round(max(picture.size) / 45))
        """Their height in pixels."""
        self._pen = ImageDraw.Draw(picture)
        self._labels: list[Four] = []

    def outline(self, box: Four, colour: str) -> None:
        """Draw a box."""
        self._pen.rectangle(box, outline=colour, width=max(2, self.letters // 6))

    def label(self, box: Four, words: tuple[str, str], font: Font, colour: str) -> None:
        """Write a tag and what stands behind it at a box, where no label is yet."""
        text = self._shortened(*words, font)
        left, top, right, bottom = self._pen.textbbox((0, 0), text, font=font)
        edge = self.letters / 5
        width, height = right - left + 2 * edge, bottom - top + 2 * edge
        x, y = self._free(box, width, height)
        self._labels.append((x, y, x + width, y + height))
        self._pen.rectangle(self._labels[-1], fill=colour)
        self._pen.text((x + edge - left, y + edge - top), text, font=font, fill="white")

    def _shortened(self, tag: str, note: str, font: Font) -> str:
        """Shorten a tag until it fits into the picture's width with its note."""
        ending = f" {note}" if note else ""
        room, short = self.size[0] - self.letters / 2, tag
        while len(short) > 1 and self._pen.textlength(short + ending, font=font) > room:
            short = short.removesuffix("…")[:-1] + "…"
        return short + ending

    def _free(self, box: Four, width: float, height: float) -> tuple[float, float]:
        """Find room above a box, else in it, else further down or up; inside the picture in any case."""
        left, top, *_ = box
        x = max(0.0, min(left, self.size[0] - width))
        steps = range(int(self.size[1] // height) + 1)
        down, up = [top + n * height for n in steps], [top - (n + 2) * height for n in steps]
        for y in [top - height, *down, *up]:
            spot = (x, y, x + width, y + height)
            if y >= 0 and spot[3] <= self.size[1] and not any(_meet(spot, other) for other in self._labels):
                return x, y
        return x, max(0.0, min(top - height, self.size[1] - height))


def _meet(one: Four, other: Four) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
