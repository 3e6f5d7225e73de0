"""Parquet files -> Rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from cvsync.labels import TEXT, Labels, one_chunk
from cvsync.manifest.columns import FEW_TEXTS, find_columns
from cvsync.manifest.encode import SAMPLE, Part, encode_part, is_mixed, join
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Reading
from cvsync.manifest.rows import Rows
from cvsync.manifest.schema import VERSION, own_table
from cvsync.manifest.target import Target
from cvsync.manifest.unfold import unfold

_WORKERS = 2  # row groups that are held at a time
_GROUP = 1 << 14  # rows of a row group


def read_parquet(place: Place, reading: Reading) -> list[Rows]:
    """Read a Parquet file.

    Raises:
        ManifestError: It cannot be read, or lacks a column.
    """
    file = pa.parquet.ParquetFile(place.open())
    schema = file.schema_arrow
    columns = find_columns(place.name, schema.names, reading)
    names = [schema.names[position] for position in columns.values()]
    table = _read(place, file, names, [*columns])
    rows = Rows(
        place.name,
        place.folder,
        _without_bytes(table.rename_columns([*columns])),
        np.arange(1, table.num_rows + 1),
        names={field: name.strip() for field, name in zip(columns, names, strict=True)},
        is_local=place.is_local,
    )
    return [unfold(rows)]


def _read(place: Place, file: pa.parquet.ParquetFile, names: list[str], fields: list[str]) -> pa.Table:
    """Read columns; texts come as dictionaries, those of one row group at a time beside them."""
    schema = file.schema_arrow
    few = [
        n for n, field in zip(names, fields, strict=True) if field in FEW_TEXTS and _is_text(schema.field(n))
    ]
    many = [n for n in names if n not in few and _is_text(schema.field(n))]
    if not file.num_row_groups:
        return file.read(columns=names).select(names)
    peek = next(file.iter_batches(batch_size=SAMPLE, row_groups=[0], columns=many), None) if many else None
    mixed = [name for name in many if peek is not None and is_mixed(peek.column(name).cast(pa.string()))]

    def read_group(number: int) -> tuple[pa.Table, list[Part]]:
        # A file of its own: one is not made for several threads.
        mine = pa.parquet.ParquetFile(place.open(), read_dictionary=[*few, *mixed], metadata=file.metadata)
        table = mine.read_row_group(number, columns=names, use_threads=file.num_row_groups == 1)
        return table.select([n for n in names if n not in many]), [
            encode_part(_text_chunk(table.column(name))) for name in many
        ]

    with ThreadPoolExecutor(min(_WORKERS, file.num_row_groups)) as pool:
        groups = [*pool.map(read_group, range(file.num_row_groups))]
    whole = pa.concat_tables([table for table, _ in groups])
    columns = {name: whole.column(name) for name in whole.column_names}
    columns |= {name: join([parts[n] for _, parts in groups]) for n, name in enumerate(many)}
    return pa.table([columns[name] for name in names], names=names)


def _text_chunk(column: pa.ChunkedArray) -> pa.Array:
    chunk = one_chunk(column)
    return chunk.cast(TEXT if pa.types.is_dictionary(chunk.type) else pa.string())


def _without_bytes(table: pa.Table) -> pa.Table:
    """Take the path out of columns that hold images as ``{bytes, path}``, as image data sets have them."""
    for name in ("url", "path"):
        position = table.schema.get_field_index(name)
        if position >= 0 and pa.types.is_struct(table.schema.field(position).type):
            column = one_chunk(table.column(position))
            inner = next((n for n in ("path", "url") if column.type.get_field_index(n) >= 0), None)
            paths = column.field(inner) if inner else pa.nulls(len(column), pa.string())
            table = table.set_column(position, name, paths)
    return table


def write_parquet(labels: Labels, target: Target) -> None:
    """Write labels as a table of the schema, whose version stands in the file's metadata.

    Holds the rows of one row group as texts, and what the writer makes of them: 400 bytes a row.
    """
    table = own_table(labels)
    schema = pa.schema(
        [pa.field(f.name, pa.string()) if pa.types.is_dictionary(f.type) else f for f in table.schema],
        {"cvsync.manifest": str(VERSION)},
    )
    with target.open() as file, pa.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for start in range(0, len(table), _GROUP):
            writer.write_table(table.slice(start, _GROUP).cast(schema))


def _is_text(field: pa.Field) -> bool:
    return bool(pa.types.is_string(field.type) or pa.types.is_large_string(field.type))
