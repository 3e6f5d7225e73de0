"""How a file of delimited text is written: its delimiter, its quotes, its encoding and its columns."""

from __future__ import annotations

import codecs
import csv
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

from cvsync.errors import ManifestError
from cvsync.manifest.columns import ALIASES
from cvsync.manifest.places import Place
from cvsync.manifest.unreadable import no_utf8

_DELIMITERS = ",;\t|"
_KNOWN = {alias for aliases in ALIASES.values() for alias in aliases}
FALLBACK = "cp1252"


@dataclass(frozen=True)
class Dialect:
    """How a file is written."""

    names: tuple[str, ...]
    """Of its columns, as written."""
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8-sig"
    skip: int = 1
    """Lines before the first data row."""
    is_plain: bool = False
    """Whether no cell is quoted, so that no cell can hold a line break."""


def sniff_safely(place: Place) -> Dialect:
    """Find out how a file is written, and look through all of it for text that is not UTF-8.

    Raises:
        ManifestError: It is no text.
    """
    dialect = sniff(place)
    if dialect.encoding != "utf-8-sig" or not _is_ansi(place):
        return dialect
    return sniff(place, encoding=FALLBACK)


def sniff(place: Place, *, encoding: str | None = None) -> Dialect:
    """Find out how a file is written, from its start.

    Args:
        place: The file.
        encoding: Of its text; None: as its first bytes tell.

    Raises:
        ManifestError: It is empty, no text, or has no header.
    """
    head = place.head()
    encoding = encoding or _encoding_of(head)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    if not text.strip():
        raise ManifestError(place.name, ["is empty: not even a header with column names"])
    lines = text.lstrip("\r\n").splitlines()
    skip = 1
    delimiters = _DELIMITERS
    if lines[0].lower().startswith("sep=") and len(lines) > 1:  # a spreadsheet's own line
        delimiters, skip, lines = lines[0][4:5] or _DELIMITERS, 2, lines[1:]
    first = lines[0]
    quote = "'" if first.startswith("'") and first.endswith("'") else '"'
    delimiter = max(delimiters, key=lambda d: (_recognised(first, d, quote), first.count(d)))
    if "\0" in text and not _recognised(first, delimiter, quote):
        raise ManifestError(place.name, ["is neither text nor Parquet, so it is no manifest"])
    names = next(csv.reader([first], delimiter=delimiter, quotechar=quote))
    if any("://" in name for name in names):
        raise ManifestError(place.name, [f"its first line is no header with column names: {first[:120]}"])
    return Dialect(tuple(names), delimiter, quote, encoding, skip, _is_plain(place, quote))


def _encoding_of(head: bytes) -> str:
    """Tell UTF-16 from UTF-8 by a file's first bytes."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    half = len(head[:200]) // 2
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):  # Latin letters, every other byte is 0
        if half > 4 and head[offset:200:2].count(0) > half * 0.7:
            return encoding
    return "utf-8-sig"


def _recognised(line: str, delimiter: str, quote: str) -> int:
    cells = next(csv.reader([line], delimiter=delimiter, quotechar=quote))
    return sum(cell.strip().casefold() in _KNOWN for cell in cells)


def _is_plain(place: Place, quote: str) -> bool:
    """Look through a file of this machine for quotes behind its header, so that none need be looked for."""
    if place.packed or not place.is_local or place.content is not None:
        return False
    with Path(place.path).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return content.find(quote.encode(), content.find(b"\n") + 1) < 0


def _is_ansi(place: Place) -> bool:
    """Tell text in Windows-1252 from text in UTF-8.

    Raises:
        ManifestError: It is neither, or UTF-8 with a broken byte.
    """
    content = place.read().to_pybytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if _is_of(FALLBACK, content) and content.decode("utf-8", "ignore").isascii():
            return True
        raise no_utf8(place, error) from error
    return False


def _is_of(encoding: str, content: bytes) -> bool:
    """Tell whether every byte means something in an encoding."""
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
