"""Tables with one row an image -> one row a label: lists, JSON in cells, and tags between semicolons."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.errors import ManifestError
from cvsync.labels import one_chunk, with_column
from cvsync.manifest.build import Columns
from cvsync.manifest.cells import SEPARATOR, Unreadable, box_in, labels_in
from cvsync.manifest.columns import ALIASES, NUMBERS, UNCLEAR
from cvsync.manifest.nested import BOX_FIELDS, Label, NoJSONError, ShapeError, box_of, has_outline, labels_of
from cvsync.manifest.rows import IMAGE_NOTE, Lost, Rows
from cvsync.manifest.texts import Texts, as_text

_STEP = 1 << 14
_FIELDS = ("labels", "tag", "box")
_JSON = r"^\s*[\[{]"


def unfold(rows: Rows) -> Rows:
    """Give each label a row of its own; a table that has that already comes back as it is."""
    table = rows.table
    columns = {name: table.column(name) for name in _FIELDS if name in table.column_names}
    nested = [name for name, column in columns.items() if _is_list(column.type)]
    if "labels" in nested or "tag" in nested:
        return _from_lists(rows, columns)
    if "labels" in columns or _holds_several(rows, columns.get("tag")):
        return _from_cells(rows, {name: _texts(column) for name, column in columns.items()})
    if "box" in columns and "box" not in nested:
        rows = _split_boxes(rows, _texts(columns["box"]))
    elif "box" in nested:
        rows = _four_numbers(rows)
    return _with_commas_marked(rows)


def _is_list(type_: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(type_)
        or pa.types.is_large_list(type_)
        or pa.types.is_fixed_size_list(type_)
        or pa.types.is_struct(type_)
    )


def _texts(column: pa.ChunkedArray) -> Texts:
    return Texts.of(as_text(one_chunk(column)) if _is_list(column.type) else column)


def _holds_several(rows: Rows, column: pa.ChunkedArray | None) -> bool:
    """Whether a column of tags holds lists; a column that is called ``tag`` holds one as it stands."""
    if column is None or not _may_hold_several(rows):
        return False
    tag = _texts(column)
    return tag.contains(SEPARATOR) or bool(tag.matches(_JSON).any())


def _may_hold_several(rows: Rows) -> bool:
    return rows.name("tag").casefold().endswith("tags")


def _with_commas_marked(rows: Rows) -> Rows:
    """Mark tags that look like several, where the column could hold these and does so nowhere."""
    if "tag" not in rows.table.column_names or not _may_hold_several(rows):
        return rows
    tag = _texts(rows.table.column("tag"))
    marked = tag.rows(tag.matches(","))
    return replace(rows, marks=(*rows.marks, ("W025", "tag", marked))) if len(marked) else rows


def _from_lists(rows: Rows, columns: dict[str, pa.ChunkedArray]) -> Rows:
    """Flatten columns of lists; in columns all the way where they are lists of one length."""
    source = columns["labels"] if "labels" in columns else columns["tag"]
    array = one_chunk(source)
    if pa.types.is_list(array.type):
        items = array.flatten()
        if "box" in columns:
            boxes = _boxes_beside(array, one_chunk(columns["box"]))
            if boxes is not None and not pa.types.is_nested(items.type):
                return _spread(rows, array, {"tag": Texts.of(items).column, "box": boxes})
        elif pa.types.is_struct(items.type) and not _has_nested(items.type):
            return _spread(rows, array, _fields_of(items))
        elif not pa.types.is_nested(items.type):
            return _spread(rows, array, {"tag": Texts.of(items).column})
    return _from_values(rows, _list_values(columns))


def _boxes_beside(tags: pa.ListArray, boxes: pa.Array) -> pa.FixedSizeListArray | None:
    """Give the boxes of all images in a row, if each image has as many as tags, all of them four numbers."""
    if not pa.types.is_list(boxes.type):
        return None
    lengths = [pc.fill_null(pc.list_value_length(lists), 0) for lists in (tags, boxes)]
    each = boxes.flatten()
    is_list = pa.types.is_list(each.type) or pa.types.is_fixed_size_list(each.type)
    if not is_list or each.null_count or not lengths[0].equals(lengths[1]):
        return None
    numbers = each.flatten()
    is_four = pc.all(pc.equal(pc.list_value_length(each), 4)).as_py() is not False
    if not is_four or not (pa.types.is_floating(numbers.type) or pa.types.is_integer(numbers.type)):
        return None
    return pa.FixedSizeListArray.from_arrays(numbers, 4)


def _list_values(columns: dict[str, pa.ChunkedArray]) -> Iterator[Any]:
    first = columns["labels" if "labels" in columns else "tag"]
    for start in range(0, len(first), _STEP):
        values = first.slice(start, _STEP).to_pylist()
        if "box" not in columns:
            yield from values
            continue
        for value, box in zip(values, columns["box"].slice(start, _STEP).to_pylist(), strict=True):
            yield _with_boxes(value, box)


def _has_nested(type_: pa.StructType) -> bool:
    fields = [type_.field(n) for n in range(type_.num_fields)]
    return has_outline(f.name for f in fields) or any(pa.types.is_nested(f.type) for f in fields)


def _fields_of(items: pa.StructArray) -> dict[str, pa.Array]:
    """Name the columns of structs as fields."""
    found = {}
    for n in range(items.type.num_fields):
        name = items.type.field(n).name.casefold()
        if name in NUMBERS or name in UNCLEAR or name in ALIASES["tag_type"]:
            found[name] = items.flatten()[n]
        elif name in (*ALIASES["tag"], "category", "name", "displayname") and "tag" not in found:
            found["tag"] = Texts.of(items.flatten()[n]).column
    return found


def _spread(rows: Rows, lists: pa.ListArray, fields: dict[str, pa.Array]) -> Rows:
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0))
    parents = np.repeat(np.arange(len(rows)), np.maximum(lengths, 1))
    child = np.full(len(parents), -1, np.int64)
    child[np.repeat(lengths, np.maximum(lengths, 1)) > 0] = np.arange(int(lengths.sum()))
    at = pa.array(child, mask=child < 0)
    table = _beside(rows, fields).take(pa.array(parents))
    for name, column in fields.items():
        table = table.append_column(name, column.take(at))
    return _unfolded(rows, table, parents)


def _from_cells(rows: Rows, texts: dict[str, Texts]) -> Rows:
    """Read cells that hold JSON, or tags between semicolons."""
    return _from_values(rows, _cell_values(texts["labels" if "labels" in texts else "tag"], texts.get("box")))


def _cell_values(texts: Texts, boxes: Texts | None) -> Iterator[Any]:
    parse = lru_cache(_STEP)(labels_in)  # cells repeat: many images have the same tags
    for start in range(0, len(texts), _STEP):
        cells = texts.column.slice(start, _STEP).to_pylist()
        values = [None if cell is None else parse(cell) for cell in cells]
        if boxes is None:
            yield from values
            continue
        for value, cell in zip(values, boxes.column.slice(start, _STEP).to_pylist(), strict=True):
            yield _with_boxes(value, None if cell is None else labels_in(cell))


def _with_boxes(tags: Any, boxes: Any) -> Any:
    """Put the tags and the boxes of an image together; boxes without tags are no labels, and are not lost."""
    if isinstance(boxes, Unreadable):
        return boxes
    if boxes is None or not (isinstance(tags, list) or (tags is None and boxes)):
        return tags
    return {"tags": tags or [], "boxes": boxes if isinstance(boxes, list) else [boxes]}


def _from_values(rows: Rows, values: Iterable[Any]) -> Rows:
    built = Columns("tag")
    lost = []
    for position, value in enumerate(values):
        try:
            if isinstance(value, Unreadable):
                raise NoJSONError
            labels: list[Label] = labels_of(value)
        except ShapeError as error:
            lost.append(_lost(rows, position, error.code))
            continue
        built.extend(position, {}, labels)
    inner, parents = built.finish()
    table = _beside(rows, inner.column_names).take(pa.array(parents))
    for name in inner.column_names:
        table = table.append_column(name, inner.column(name))
    return replace(_unfolded(rows, table, parents), lost=(*rows.lost, *lost))


def _beside(rows: Rows, fields: Collection[str]) -> pa.Table:
    """Give the columns that stay beside those that come out of cells.

    Raises:
        ManifestError: Both have boxes.
    """
    table = rows.table
    kept = [name for name in table.column_names if name not in _FIELDS and name not in fields]
    boxes = [name for name in table.column_names if name in BOX_FIELDS and name not in _FIELDS]
    if boxes and BOX_FIELDS & {*fields}:
        names = ", ".join(map(rows.name, boxes))
        raise ManifestError(rows.source, [f"boxes stand there twice: in {names} and in its labels"])
    return table.select(kept)


def _unfolded(rows: Rows, table: pa.Table, parents: Any) -> Rows:
    sources = rows.sources and rows.sources.take(pa.array(parents))
    return replace(
        rows,
        table=table,
        numbers=rows.numbers[parents],
        sources=sources,
        count=len(rows) + len(rows.lost) if rows.count is None else rows.count,
        notes=(*rows.notes, IMAGE_NOTE),
        names={field: name for field, name in rows.names.items() if field in table.column_names}
        | {"tag": rows.name("labels" if "labels" in rows.table.column_names else "tag")},
        written=None,
    )


def _lost(rows: Rows, position: int, code: str) -> Lost:
    def cell(name: str) -> str | None:
        if name not in rows.table.column_names:
            return None
        value = rows.table.column(name)[position].as_py()
        return None if value is None else str(value)

    name = "labels" if "labels" in rows.table.column_names else "tag"
    return Lost(
        code, int(rows.numbers[position]), rows.name(name), (cell(name) or "")[:200],
        url=cell("url"), path=cell("path"), key=cell("key"), is_sure=True,
    )  # fmt: skip


def _four_numbers(rows: Rows) -> Rows:
    """Read a column of lists as boxes of one label a row; a list of another length is no box."""
    column = one_chunk(rows.table.column("box"))
    if pa.types.is_struct(column.type):
        return _split_boxes(rows, Texts.of(as_text(column)))
    if pa.types.is_fixed_size_list(column.type) and column.type.list_size == 4:
        return rows
    lengths = pc.list_value_length(column)
    wrong = np.asarray(pc.fill_null(pc.not_equal(lengths, 4), False))
    if wrong.any():
        return _split_boxes(rows, Texts.of(as_text(column)))
    values = column.flatten()
    at = np.full(len(column), -1, np.int64)
    valid = np.asarray(column.is_valid())
    at[valid] = np.arange(int(valid.sum()))
    positions = (np.maximum(at, 0)[:, None] * 4 + np.arange(4)).ravel()
    numbers = values.take(pa.array(positions, mask=np.repeat(at < 0, 4)))
    boxes = pa.FixedSizeListArray.from_arrays(numbers, 4, mask=pa.array(at < 0))
    return replace(rows, table=with_column(rows.table, "box", boxes))


def _split_boxes(rows: Rows, texts: Texts) -> Rows:
    """Read cells with a box, as JSON or as four numbers between blanks or commas."""
    parsed: list[Label | ShapeError] = []
    for text in texts.values.to_pylist():
        try:
            parsed.append(box_of(box_in(text)))
        except ShapeError as error:
            parsed.append(error)
    wrong = texts.rows(np.array([isinstance(found, ShapeError) for found in parsed], bool))
    built = Columns()
    for code in texts.codes.tolist():
        found = {} if code < 0 else parsed[code]
        built.add(0, {} if isinstance(found, ShapeError) else found)
    boxes = built.finish()[0]
    table = rows.table.drop_columns(["box"])
    for name in boxes.column_names:
        table = table.append_column(name, one_chunk(boxes.column(name)))
    codes = [found.code if isinstance(found, ShapeError) else "" for found in parsed]
    lost = [_lost_box(codes[texts.codes[at]], rows, int(at), texts) for at in wrong]
    keep = np.ones(len(rows), bool)
    keep[wrong] = False
    return replace(
        rows,
        table=table.filter(pa.array(keep)),
        numbers=rows.numbers[keep],
        sources=rows.sources and rows.sources.filter(pa.array(keep)),
        lost=(*rows.lost, *lost),
        written=None,
    )


def _lost_box(code: str, rows: Rows, position: int, texts: Texts) -> Lost:
    lost = _lost(rows, position, code)
    return replace(lost, column=rows.name("box"), value=texts.column[position].as_py())
