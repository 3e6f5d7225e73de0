"""Fonts that have the letters of tags, whatever script those are in."""

from __future__ import annotations

import threading
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cvsync.errors import SettingsError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont as Font

_USUAL = (  # of Linux, macOS and Windows; each is asked whether it has the letters
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc", "NotoSansArabic-Regular.ttf", "NotoSansDevanagari-Regular.ttf",
    "Arial Unicode.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc", "arial.ttf", "msyh.ttc", "msgothic.ttc",
    "malgun.ttf", "nirmala.ttf", "seguisym.ttf", "Symbola.ttf",
)  # fmt: skip
_PLAIN = ""  # the font that comes with Pillow: ASCII and little else


class Fonts:
    """The fonts of this machine.

    Args:
        first: A font file to use where it has the letters.

    Raises:
        SettingsError: It cannot be read.
    """

    def __init__(self, first: Path | None = None) -> None:
        if first is not None:
            _check(first)
        self._files = [*([str(first)] if first else []), *_found(), _PLAIN]
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()

    def write(self, tag: str, height: int) -> tuple[str, Font]:
        """Give what to write for a tag, and in which font: a number where no font has its letters.

        The font is opened anew each time, as one is not for several threads.
        """
        text = unicodedata.normalize("NFC", " ".join(tag.split()))
        for file in self._files:
            if _has_letters(file, text):
                return text, _open(file, height)
        with self._lock:  # else two threads might give two tags one number
            number = self._numbers.setdefault(tag, len(self._numbers) + 1)
        return f"#{number}", _open(_PLAIN, height)

    @property
    def unwritable(self) -> dict[str, str]:
        """The tags that no font has the letters of, with what was written for them."""
        return {tag: f"#{number}" for tag, number in self._numbers.items()}


def _check(font: Path) -> None:
    try:
        _open(str(font), 12)
    except OSError as error:
        raise SettingsError(f"--font {font}: {error.strerror or 'no font that can be read'}") from error


@cache
def _found() -> tuple[str, ...]:
    """Give the files of the usual fonts that there are."""
    from PIL import ImageFont

    found = []
    for name in _USUAL:
        try:
            found.append(str(ImageFont.truetype(name, 12).path))
        except OSError:  # it is not there
            continue
    return tuple(found)


def _open(file: str, height: int) -> Font:
    from PIL import ImageFont

    return ImageFont.truetype(file, height) if file else ImageFont.load_default(height)  # type: ignore[return-value]


@cache
def _has_letters(file: str, text: str) -> bool:
    """Tell whether a font has all letters of a text: one that it lacks looks like one that nobody has."""
    font = _open(file, 16)
    lacking = bytes(font.getmask("\U0010ffff"))
    return all(letter.isspace() or bytes(font.getmask(letter)) != lacking for letter in text)
