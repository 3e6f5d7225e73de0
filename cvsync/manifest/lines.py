"""Files of lines, one JSON object each, and the rows that they become."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import orjson

from cvsync.manifest.build import Columns
from cvsync.manifest.nested import Label, ShapeError
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Box, Units
from cvsync.manifest.rows import IMAGE_NOTE, Lost, Rows

Parsed = tuple[dict[str, Any], list[Label]]
"""The fields of an image, and its labels."""
_SHOWN = 200  # characters of a bad line that its problem shows


def read_lines(place: Place) -> Iterator[tuple[int, bytes]]:
    """Give the lines of a file that are not blank, numbered from 1 as they stand, blank ones counted."""
    with place.open() as file, io.BufferedReader(file) as buffered:
        for number, line in enumerate(buffered, 1):
            text = line.strip(b"\xef\xbb\xbf \t\r\n") if number == 1 else line.strip()
            if text:
                yield number, text


def objects_of(place: Place) -> Iterator[tuple[int, Any]]:
    """Give what each line says; a line that is no JSON comes as bytes."""
    for number, line in read_lines(place):
        try:
            yield number, orjson.loads(line)
        except orjson.JSONDecodeError:
            yield number, line


def peek(place: Place, count: int) -> list[dict[str, Any]]:
    """Give the objects that the first lines are; what else they are is left out."""
    return [said for _, said in islice(objects_of(place), count) if isinstance(said, dict)]


def read_parsed(
    place: Place,
    objects: Iterable[tuple[int, Any]],
    parse: Callable[[Mapping[str, Any]], Parsed],
    *,
    box: Box | None = None,
    units: Units | None = None,
) -> Rows:
    """Read lines one by one, a few thousand objects at a time.

    Args:
        place: Where they stand.
        objects: Line numbers, and what the lines say.
        parse: Takes an object apart; raises ``ShapeError`` for one of another shape.
        box: What the four numbers of a box are.
        units: What they are counted in.
    """
    built = Columns()
    lost: list[Lost] = []
    count, is_image = 0, False
    for number, said in objects:
        count += 1
        if not isinstance(said, Mapping):
            lost.append(Lost("E040", number, "line", _shown(said)))
            continue
        try:
            cells, labels = parse(said)
        except (ShapeError, LookupError, TypeError, AttributeError) as error:
            lost.append(_lost(error.code if isinstance(error, ShapeError) else ShapeError.code, number, said))
            continue
        is_image |= len(labels) > 1
        built.extend(number, cells, labels)
    table, numbers = built.finish()
    return Rows(
        place.name,
        place.folder,
        table,
        numbers,
        is_local=place.is_local,
        lost=tuple(lost),
        count=count,
        box=box,
        units=units,
        notes=(IMAGE_NOTE,) if is_image else (),
    )


def _lost(code: str, number: int, said: Mapping[str, Any]) -> Lost:
    """Name a line of another shape, and whatever in it may be its image: that must not count as gone."""
    texts = [value for value in said.values() if isinstance(value, str)]
    url = next((text for text in texts if "://" in text), None)
    path, key = said.get("path", said.get("file_name")), said.get("key")
    return Lost(
        code, number, "line", _shown(said), url=url, path=path if isinstance(path, str) else None,
        key=key if isinstance(key, str) else None,
    )  # fmt: skip


def _shown(said: Any) -> str:
    text = said if isinstance(said, bytes) else orjson.dumps(said)
    return text.decode(errors="replace")[:_SHOWN]
