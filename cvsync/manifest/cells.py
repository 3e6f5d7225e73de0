"""Labels, boxes and numbers in a text: a cell of a table, or a text in JSON."""

from __future__ import annotations

from typing import Any

import orjson

from cvsync.manifest.nested import ShapeError

SEPARATOR = ";"


class Unreadable:
    """A text that starts like JSON and is none."""


def labels_in(text: str) -> Any:
    """Read labels: JSON, or tags between semicolons."""
    plain = text.strip()
    if plain[:1] in ("[", "{"):
        try:
            return orjson.loads(plain)
        except orjson.JSONDecodeError:
            return Unreadable()
    return [part.strip() for part in plain.split(SEPARATOR) if part.strip()]


def box_in(text: str) -> Any:
    """Read the four numbers of a box: JSON, or numbers between blanks or commas.

    Raises:
        ShapeError: It starts like JSON and is none.
    """
    found = labels_in(text) if text.strip()[:1] in ("[", "{") else text.replace(",", " ").split()
    if isinstance(found, Unreadable):
        raise ShapeError
    return found


def number_in(text: str) -> float | str:
    """Read a number; a text that is none stays, for the checks to tell."""
    try:
        return float(text)
    except ValueError:
        return text
