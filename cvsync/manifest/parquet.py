"""Parquet files -> Rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from cvsync.labels import Labels
from cvsync.manifest.columns import find_columns
from cvsync.manifest.places import Place, told
from cvsync.manifest.reading import Reading
from cvsync.manifest.rows import Rows
from cvsync.manifest.schema import VERSION, own_table
from cvsync.manifest.target import Target
from cvsync.manifest.unfold import unfold


def read_parquet(place: Place, reading: Reading) -> list[Rows]:
    """Read a Parquet file.

    Raises:
        ManifestError: It cannot be read, or lacks a column.
    """
    with told(place.name):
        file = pa.parquet.ParquetFile(place.open())
        schema = file.schema_arrow
        columns = find_columns(place.name, schema.names, reading)
        names = [schema.names[position] for position in columns.values()]
        texts = [name for name in names if _is_text(schema.field(name).type)]
        table = pa.parquet.ParquetFile(place.open(), read_dictionary=texts).read(columns=names)
    rows = Rows(
        place.name,
        place.folder,
        _without_bytes(table.select(names).rename_columns([*columns])),
        np.arange(1, table.num_rows + 1),
        names={field: name.strip() for field, name in zip(columns, names, strict=True)},
        is_local=place.is_local,
    )
    return [unfold(rows)]


def _without_bytes(table: pa.Table) -> pa.Table:
    """Take the path out of columns that hold images as ``{bytes, path}``, as image data sets have them."""
    for name in ("url", "path"):
        position = table.schema.get_field_index(name)
        if position >= 0 and pa.types.is_struct(table.schema.field(position).type):
            column = table.column(position).combine_chunks()
            inner = next((n for n in ("path", "url") if column.type.get_field_index(n) >= 0), None)
            paths = column.field(inner) if inner else pa.nulls(len(column), pa.string())
            table = table.set_column(position, name, paths)
    return table


def write_parquet(labels: Labels, target: Target) -> None:
    """Write labels as a table of the schema, whose version stands in the file's metadata."""
    table = own_table(labels).replace_schema_metadata({"cvsync.manifest": str(VERSION)})
    with target.open() as file:
        pa.parquet.write_table(table, file, compression="zstd")


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))
