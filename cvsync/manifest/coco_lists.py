"""The lists of a COCO file as columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.json

from cvsync.errors import ManifestError
from cvsync.manifest.nested import text_of

_TEXTS = ("file_name", "coco_url", "absolute_url", "url", "key", "version", "image_id")
_METADATA = re.compile(rb'"metadata\.(?:[^"\\]|\\.)+"(?=\s*:)')

Columns = dict[str, pa.Array]
Lists = dict[str, Columns]
"""Images, annotations and categories, as columns."""


def read_lists(source: str, content: pa.Buffer) -> Lists:
    """Read the lists of a file, in columns all the way wherever its ids are numbers.

    Raises:
        ManifestError: It is no JSON, or one of its lists is no list of objects.
    """
    try:
        return _in_columns(content)
    except pa.ArrowException:
        return _one_by_one(source, content)


def _fields(content: pa.Buffer) -> dict[str, dict[str, pa.DataType]]:
    """Say which fields of its lists count."""
    carried = {orjson.loads(name) for name in _METADATA.findall(content)}
    return {
        "images": {"id": pa.int64(), "width": pa.float64(), "height": pa.float64()}
        | dict.fromkeys([*_TEXTS, *sorted(carried)], pa.string()),
        "annotations": {
            "image_id": pa.int64(),
            "category_id": pa.int64(),
            "bbox": pa.list_(pa.float64()),
            "iscrowd": pa.int64(),
        },
        "categories": {"id": pa.int64(), "name": pa.string()},
    }


def _in_columns(content: pa.Buffer) -> Lists:
    """Read it as a table of one row, whose cells are lists."""
    fields = _fields(content)
    schema = pa.schema([(name, pa.list_(pa.struct([*types.items()]))) for name, types in fields.items()])
    table = pa.json.read_json(
        pa.BufferReader(content),
        read_options=pa.json.ReadOptions(block_size=max(content.size + 1, 1 << 16)),
        parse_options=pa.json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="ignore", newlines_in_values=True
        ),
    )
    found = {}
    for name, types in fields.items():
        items = table.column(name).combine_chunks().flatten()
        found[name] = dict(zip(types, items.flatten(), strict=True))
    return found


def _one_by_one(source: str, content: pa.Buffer) -> Lists:
    """Read it object by object: ids may be texts, and numbers may be written as such."""
    try:
        said = orjson.loads(memoryview(content))
    except orjson.JSONDecodeError as error:
        raise ManifestError(source, [f"cannot be read: {error}"]) from error
    found = {}
    for name, types in _fields(content).items():
        items = said.get(name) or []
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise ManifestError(source, [f"its {name!r} are no list of objects"])
        columns: Columns = {}
        for field in types:
            values = [item.get(field) for item in items]
            if field == "bbox":
                columns[field] = pa.array([_four(value) for value in values], pa.list_(pa.string()))
            elif field in ("width", "height", "iscrowd"):
                columns[field] = pa.array([_number(value) for value in values], pa.float64())
            else:
                columns[field] = pa.array([text_of(value) for value in values], pa.string())
        found[name] = columns
    return found


def _four(value: Any) -> list[str | None] | None:
    return [text_of(number) for number in value] if isinstance(value, list) else None


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
