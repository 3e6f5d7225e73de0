"""Decisions of a diff -> rows of a plan."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa

from cvsync.labels import BOX, METADATA, TEXT, Codes, one_chunk
from cvsync.limits import MAX_TAGS_PER_BATCH
from cvsync.plan.actions import Kind
from cvsync.plan.match import Rows
from cvsync.plan.plan import SCHEMA
from cvsync.plan.sides import Sides, as_positions


def create_rows(sides: Sides, rows: Rows) -> pa.Table:
    """New images: in the manifest's order where a batch may hold all their tags, else by tags.

    Keys that lie together in a manifest mostly do so in the ledger, which then writes few pages a batch.
    """
    if len(np.unique(sides.desired_tag[rows])) <= MAX_TAGS_PER_BATCH:
        rows = rows[np.argsort(sides.desired.key_codes[rows], kind="stable")]
    else:
        rows = _by_tags(sides, rows)
    return _manifest_rows(sides, rows, Kind.CREATE_IMAGE, sides.desired.key_codes[rows], None)


def _by_tags(sides: Sides, rows: Rows) -> Rows:
    """Put rows in the order of their images' lowest and highest tags, so that batches hold many images.

    Those of an image lie together.
    """
    key, tag = np.unique(sides.desired.key_codes[rows], return_inverse=True)[1], sides.desired_tag[rows]
    lowest = np.full(key.max(initial=-1) + 1, np.iinfo(np.int32).max, np.int32)
    highest = np.full(len(lowest), -1, np.int32)
    np.minimum.at(lowest, key, tag)
    np.maximum.at(highest, key, tag)
    rank = np.empty(len(lowest), np.int32)
    rank[np.lexsort((highest, lowest))] = np.arange(len(lowest), dtype=np.int32)
    return rows[np.argsort(rank[key], kind="stable")]


def replace_rows(sides: Sides, rows: Rows) -> pa.Table:
    """New images in the place of old ones."""
    key = sides.desired.key_codes[rows]
    order = np.argsort(key, kind="stable")
    ids = sides.image_ids.take(as_positions(sides.key_image[key[order]]))
    return _manifest_rows(sides, rows[order], Kind.REPLACE_IMAGE, key[order], ids)


def add_rows(sides: Sides, rows: Rows) -> pa.Table:
    """Labels that images of the project are to get."""
    image = sides.row_image[rows]
    order = np.argsort(image, kind="stable")
    ids = sides.image_ids.take(pa.array(image[order]))
    return _manifest_rows(sides, rows[order], Kind.ADD_LABEL, image[order], ids)


def _manifest_rows(sides: Sides, rows: Rows, kind: Kind, item: Codes, image_id: Any) -> pa.Table:
    wanted = sides.desired.table
    carried = [n for n in wanted.column_names if (n in SCHEMA.names and n != "tag") or n.startswith(METADATA)]
    taken = wanted.select(carried).take(pa.array(rows))
    tag = pa.DictionaryArray.from_arrays(  # the project's spelling, not the manifest's
        as_positions(sides.desired_tag[rows]), pa.array(sides.names.names, pa.string())
    )
    columns = {name: taken.column(name) for name in carried}
    return _table(len(rows), **columns | {"kind": kind, "item": item, "tag": tag, "image_id": image_id})


def remove_rows(sides: Sides, rows: Rows, kind: Kind) -> pa.Table:
    """Labels that images of the project are to lose."""
    labels = sides.snapshot.labels.take(pa.array(rows))
    image = sides.present_image[rows]
    names = pa.array(sides.names.names, pa.string())
    return _table(
        len(rows),
        kind=kind,
        item=image,
        key=sides.keys_of(image),
        image_id=sides.image_ids.take(pa.array(image)),
        tag=names.take(pa.array(sides.present_tag[rows])),
        region_id=labels.column("region_id"),
        **{name: labels.column(name) for name in BOX},
    )


def delete_rows(sides: Sides, images: Rows) -> pa.Table:
    """Images that are to go."""
    return _table(
        len(images),
        kind=Kind.DELETE_IMAGE,
        item=images,
        key=sides.keys_of(images),
        image_id=sides.image_ids.take(pa.array(images)),
    )


def metadata_rows(sides: Sides, keys: Rows, names: Collection[str]) -> pa.Table:
    """Images that are to get metadata: a row each."""
    if not len(keys):
        return SCHEMA.empty_table()
    image = pa.array(sides.key_image[keys])
    heads = sides.desired.first_rows.take(pa.array(keys))
    carried = ["key", "source", "row", *(METADATA + name for name in names)]
    return _table(
        len(keys),
        kind=Kind.SET_METADATA,
        item=image,
        image_id=sides.image_ids.take(image),
        **{name: heads.column(name) for name in carried},
    )


def join(parts: list[pa.Table]) -> pa.Table:
    """Put the parts of a plan together, in apply order; one alone is not copied."""
    filled = [part for part in parts if len(part)]
    if len(filled) == 1:
        return filled[0]
    whole = pa.concat_tables(parts, promote_options="default")
    return whole.unify_dictionaries().combine_chunks()


def _compact(value: pa.Array) -> pa.DictionaryArray:
    """Encode texts; a dictionary that is far larger than the column is left behind."""
    if pa.types.is_dictionary(value.type) and len(value.dictionary) > 2 * len(value):
        value = value.cast(pa.string())
    return value if pa.types.is_dictionary(value.type) else value.dictionary_encode()


def _table(count: int, *, kind: Kind, **columns: Any) -> pa.Table:
    fields = [*SCHEMA, *(pa.field(name, TEXT) for name in columns if name.startswith(METADATA))]
    arrays = []
    for field in fields:
        value = np.full(count, kind, np.int8) if field.name == "kind" else columns.get(field.name)
        if value is None:
            value = pa.nulls(count, pa.string() if field.type == TEXT else field.type)
        if not isinstance(value, pa.Array | pa.ChunkedArray):
            value = pa.array(value)
        if isinstance(value, pa.ChunkedArray):
            value = one_chunk(value) if value.num_chunks else pa.array([], value.type)
        if field.type == TEXT:
            value = _compact(value)
        arrays.append(value.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
