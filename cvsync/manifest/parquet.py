"""Parquet files -> Rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from cvsync.errors import ManifestError
from cvsync.labels import TEXT, Labels, one_chunk, with_column
from cvsync.manifest.columns import FEW_TEXTS, find_columns
from cvsync.manifest.encode import SAMPLE, Part, encode_part, is_mixed, join
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Reading
from cvsync.manifest.rows import Rows
from cvsync.manifest.schema import VERSION, own_table
from cvsync.manifest.target import Target
from cvsync.manifest.unfold import unfold
from cvsync.manifest.unreadable import naming_bad_text, why_no_parquet
from cvsync.manifest.views import without_views
from cvsync.parallel import together

_ROWS = 1 << 16  # whose texts are held as they stand
_GROUP = 1 << 13  # rows of a row group


def read_parquet(place: Place, reading: Reading) -> list[Rows]:
    """Read a Parquet file.

    Raises:
        ManifestError: It cannot be read, or lacks a column.
    """
    if place.packed:
        raise ManifestError(place.name, [why_no_parquet(place, "it is packed")])
    try:
        file = pa.parquet.ParquetFile(place.open())
    except pa.ArrowInvalid as error:
        raise ManifestError(place.name, [why_no_parquet(place, str(error).splitlines()[0])]) from error
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
    with naming_bad_text(rows):
        return [unfold(rows)]


def _read(place: Place, file: pa.parquet.ParquetFile, names: list[str], fields: list[str]) -> pa.Table:
    """Read columns; texts come as numbers and distinct texts."""
    schema = file.schema_arrow
    few = [
        n for n, field in zip(names, fields, strict=True) if field in FEW_TEXTS and _is_text(schema.field(n))
    ]
    many = [n for n in names if n not in few and _is_text(schema.field(n))]
    if not file.num_row_groups:
        return without_views(file.read(columns=names).select(names))
    peek = next(file.iter_batches(batch_size=SAMPLE, row_groups=[0], columns=many), None) if many else None
    mixed = [name for name in many if peek is not None and is_mixed(peek.column(name).cast(pa.string()))]
    content = _Content(place, file.metadata, (*few, *mixed))
    others = [name for name in names if name not in many]
    groups = range(file.num_row_groups)
    calls: list[Callable[[], Any]] = [partial(content.texts, n, name) for name in many for n in groups]
    found = together(*calls, *(partial(content.others, n, others) for n in groups))
    whole = pa.concat_tables(found[len(calls) :])
    columns = {name: whole.column(name) for name in others}
    del found[len(calls) :]
    for name in many:
        columns[name] = join([part for _ in groups for part in found.pop(0)])
    return pa.table([columns[name] for name in names], names=names)


@dataclass(frozen=True)
class _Content:
    """A file that several threads read: each opens it for itself."""

    place: Place
    metadata: pa.parquet.FileMetaData
    dictionaries: tuple[str, ...]
    """The columns of texts that are read as dictionaries."""

    def texts(self, group: int, name: str) -> list[Part]:
        """Number the texts of a row group, a few at a time: those of all its rows would be many.

        Those of a dictionary come at once, for each time would bring all of it.
        """
        size = self.metadata.row_group(group).num_rows if name in self.dictionaries else _ROWS
        batches = self._open().iter_batches(size, row_groups=[group], columns=[name], use_threads=False)
        return [encode_part(_text_chunk(batch.column(0))) for batch in batches]

    def others(self, group: int, names: list[str]) -> pa.Table:
        """Read other columns of a row group."""
        return without_views(
            self._open().read_row_group(group, columns=names, use_threads=False).select(names)
        )

    def _open(self) -> pa.parquet.ParquetFile:
        return pa.parquet.ParquetFile(
            self.place.open(), read_dictionary=[*self.dictionaries], metadata=self.metadata
        )


def _text_chunk(column: pa.Array) -> pa.Array:
    return column.cast(TEXT if pa.types.is_dictionary(column.type) else pa.string())


def _without_bytes(table: pa.Table) -> pa.Table:
    """Take the path out of columns that hold images as ``{bytes, path}``, as image data sets have them."""
    for name in ("url", "path"):
        if name in table.column_names and pa.types.is_struct(table.schema.field(name).type):
            column = one_chunk(table.column(name))
            inner = next((n for n in ("path", "url") if column.type.get_field_index(n) >= 0), None)
            paths = column.field(inner) if inner else pa.nulls(len(column), pa.string())
            table = with_column(table, name, paths)
    return table


def write_parquet(labels: Labels, target: Target) -> None:
    """Write labels as a table of the schema, whose version stands in the file's metadata.

    Holds the rows of one row group as texts, and what the writer makes of them: 1,000 bytes a row.
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
