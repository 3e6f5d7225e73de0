"""A quote that nothing closes, which would make one cell of all that follows it in a file."""

from __future__ import annotations

import re
from collections import deque

from cvsync.manifest.places import Place

_STEP = 1 << 20  # bytes that are looked at together


def open_quote(place: Place, *, delimiter: str, quote: str, encoding: str) -> int | None:
    """Give the line in which a cell begins with a quote that nothing closes; None if there is none.

    Only a file with an odd number of quotes is held whole, as text: its cells are walked through, since a
    quote within an unquoted cell is data.
    """
    if encoding == "utf-8-sig" and not _is_odd(place, quote.encode()):
        return None
    text = place.read().to_pybytes().decode(encoding, "replace")
    cell = re.compile(
        rf"(?:\A|[{re.escape(delimiter)}\r\n]){quote}(?:[^{quote}]++|{quote}{quote})*+({quote}?)"
    )
    found = deque(cell.finditer(text), maxlen=1)
    if not found or found[0][1]:
        return None
    return len(re.split(r"\r\n|\r|\n", text[: found[0].start() + 1]))


def _is_odd(place: Place, quote: bytes) -> bool:
    count = 0
    with place.open() as file:
        while part := file.read(_STEP):
            count += part.count(quote)
    return count % 2 == 1
