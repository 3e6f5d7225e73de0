"""JSON Lines with the fields of the schema, one label or one image a line; and lists of such objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from cvsync.errors import ManifestError
from cvsync.labels import Labels
from cvsync.manifest.cells import Unreadable, box_in, labels_in
from cvsync.manifest.columns import (
    ALIASES,
    LABELS,
    NUMBERS,
    SIDES,
    SIZE,
    has_final_sides,
    match_columns,
    require,
)
from cvsync.manifest.lines import objects_of, peek, read_lines, read_parsed
from cvsync.manifest.nested import BOX_FIELDS, Label, NoJSONError, TwiceError, box_of, labels_of
from cvsync.manifest.numbers import number_texts
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Reading
from cvsync.manifest.rows import Rows
from cvsync.manifest.schema import own_table
from cvsync.manifest.target import Target
from cvsync.manifest.texts import Texts
from cvsync.manifest.unfold import unfold

_STEP = 1 << 16  # rows that are texts at a time
_PEEK = 200  # lines that tell what the fields are


def read_jsonl(place: Place, reading: Reading) -> list[Rows]:
    """Read a file of lines with one object each.

    Lines of plain fields are read in columns; where a line is of another shape, all are read one by one. No
    line at all is no image: nothing else can be written of none.

    Raises:
        ManifestError: It cannot be read, or lacks a field.
    """
    peeked = peek(place, _PEEK)
    if not peeked:
        if any(read_lines(place)):
            raise ManifestError(place.name, ["holds no JSON object"])
        return [_nothing(place)]
    rows = _read_columns(place, reading, peeked)
    return [unfold(rows) if rows else _read_objects(place, reading, lambda: objects_of(place))]


def read_json(place: Place, reading: Reading) -> list[Rows]:
    """Read a file that is one JSON list of objects.

    Raises:
        ManifestError: It is none, or lacks a field.
    """
    try:
        said = orjson.loads(memoryview(place.read()))
    except orjson.JSONDecodeError as error:
        raise ManifestError(place.name, [f"cannot be read: {error}"]) from error
    if not isinstance(said, list):
        raise ManifestError(place.name, ["is neither a list of objects nor of another known format"])
    if not said:
        return [_nothing(place)]
    return [_read_objects(place, reading, lambda: enumerate(said, 1))]


def _nothing(place: Place) -> Rows:
    return read_parsed(place, (), lambda _: ({}, []))


def _read_columns(place: Place, reading: Reading, peeked: list[dict[str, Any]]) -> Rows | None:
    """Read lines of plain fields; None where some line is something else."""
    names = [*dict.fromkeys(name for said in peeked for name in said)]
    if any(isinstance(value, dict | list) for said in peeked for value in said.values()):
        return None
    columns, wrong = match_columns(names, reading)
    if wrong or {"tag", "labels"} <= columns.keys():
        return None  # told, or settled line by line
    is_final = has_final_sides(columns, reading)
    types = {}
    for field, position in columns.items():
        if field in NUMBERS:
            types[names[position]] = pa.float32() if is_final and field not in SIZE else pa.float64()
        else:
            types[names[position]] = pa.string()
    try:
        with place.open() as file:
            table = pa.json.read_json(
                file,
                parse_options=pa.json.ParseOptions(
                    explicit_schema=pa.schema([*types.items()]), unexpected_field_behavior="infer"
                ),
            )
    except pa.ArrowException:
        return None
    later = [name for name in table.column_names if name not in names]
    if later and match_columns([*names, *later], reading) != (columns, []):
        return None  # a field that counts comes in later lines only: what it is was never said
    table = table.select([names[position] for position in columns.values()]).rename_columns([*columns])
    if is_final and _needs_more(table):
        return None
    return Rows(
        place.name,
        place.folder,
        table,
        _line_numbers(place, len(table)),
        names={field: names[position] for field, position in columns.items()},
        is_local=place.is_local,
    )


def _needs_more(table: pa.Table) -> bool:
    """Whether boxes look like pixels, which are computed with in double precision."""
    return any((pc.max(table.column(name)).as_py() or 0) > 1.5 for name in SIDES)


def _line_numbers(place: Place, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Number the lines that are not blank."""
    numbers = np.arange(1, count + 1)
    with place.open() as file:
        lines = file.read().count(b"\n")
    if lines <= count:
        return numbers
    return np.fromiter((number for number, _ in read_lines(place)), np.int64, count)


def _read_objects(place: Place, reading: Reading, objects: Callable[[], Iterable[tuple[int, Any]]]) -> Rows:
    names: dict[str, None] = {}
    for _, said in objects():
        if isinstance(said, Mapping) and not names.keys() >= said.keys():
            names |= dict.fromkeys(said)
    fields = _find_fields(place.name, [*names], reading)
    plain = {field: spellings[0] for field, spellings in fields.items() if field not in LABELS}
    others = {field: spellings for field, spellings in fields.items() if field in LABELS}

    def parse(said: Mapping[str, Any]) -> tuple[dict[str, Any], list[Label]]:
        cells = {field: said.get(name) for field, name in plain.items()}
        cells |= {field: _cell(said, field, spellings) for field, spellings in others.items()}
        return cells, _take_labels(cells)

    rows = read_parsed(place, objects(), parse)
    return replace(rows, names={field: spellings[0] for field, spellings in fields.items()})


def _find_fields(source: str, names: list[str], reading: Reading) -> dict[str, list[str]]:
    """Find what lines call each field: those of labels may have several names, each line with one of them.

    Raises:
        ManifestError: A needed field is missing, or it is unclear which one it is.
    """
    mapped = {name.strip().casefold() for name in reading.columns.values()}
    spellings = {
        field: [n for n in names if n.strip().casefold() in {*ALIASES[field]} - mapped]
        for field in LABELS
        if field not in reading.columns
    }
    others = {name for same in spellings.values() for name in same[1:]}
    kept = [name for name in names if name not in others]
    found, wrong = match_columns(kept, reading)
    require(source, names, wrong)
    return {field: spellings.get(field) or [kept[position]] for field, position in found.items()}


def _cell(said: Mapping[str, Any], field: str, spellings: list[str]) -> Any:
    """Give what a line says of a field; lists of labels and boxes may be written in a text."""
    given = [name for name in spellings if said.get(name) is not None]
    if len(given) > 1:
        raise TwiceError
    value = said[given[0]] if given else None
    if not isinstance(value, str) or field not in LABELS:
        return value
    if field == "box":
        return box_in(value)
    if field == "tag" and not given[0].strip().casefold().endswith("tags"):
        return value
    labels = labels_in(value)
    if isinstance(labels, Unreadable):
        raise NoJSONError
    return labels


def _take_labels(cells: dict[str, Any]) -> list[Label]:
    """Take the labels out of a line's fields, and leave those of the image."""
    box, tag, said = (cells.pop(field, None) for field in ("box", "tag", "labels"))
    if said in (None, [], {}):
        said = tag
    elif tag not in (None, []):
        raise TwiceError
    if box == [] and said in (None, []):
        box = None  # an image without labels has no boxes
    elif isinstance(said, list) and isinstance(box, list) and box and isinstance(box[0], list | Mapping):
        said, box = {"tags": said, "boxes": box}, None
    labels = labels_of(said)
    has_box = box is not None or any(cells[field] is not None for field in BOX_FIELDS & cells.keys())
    if has_box and any(label.keys() & BOX_FIELDS for label in labels):
        raise TwiceError
    if box is not None:
        labels = [label | box_of(box) for label in labels or [{}]]
    return labels


def write_jsonl(labels: Labels, target: Target) -> None:
    """Write labels as lines with the fields of the schema; what is null is left out."""
    table = own_table(labels)
    with target.open() as file:
        for start in range(0, len(table), _STEP):
            file.write(_lines(table.slice(start, _STEP)))


def _lines(table: pa.Table) -> bytes:
    """Write rows as JSON: each distinct text is quoted once, and the rest is joining columns."""
    parts = []
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if pa.types.is_float32(column.type):
            values = number_texts(column)
        elif pa.types.is_dictionary(column.type) or pa.types.is_string(column.type):
            texts = Texts.of(column)
            quoted = [orjson.dumps(text).decode() for text in texts.values.to_pylist()]
            values = texts.mapped(pa.array(quoted, pa.string())).column.cast(pa.string())
        else:
            values = column.cast(pa.string())
        if name == "tag":  # an image without a label says so
            values = pc.fill_null(values, "null")
        parts.append(pc.binary_join_element_wise(f"{orjson.dumps(name).decode()}:", values, ""))
    joined = pc.binary_join_element_wise(*parts, ",", null_handling="skip")
    lines = pc.binary_join_element_wise("{", joined, "}\n", "")
    return "".join(lines.to_pylist()).encode()
