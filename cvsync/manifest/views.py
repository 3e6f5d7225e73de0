"""Columns of Arrow's view types, which few functions of Arrow take, as the plain types that say the same."""

from __future__ import annotations

import pyarrow as pa

_PLAIN = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}


def without_views(table: pa.Table) -> pa.Table:
    """Give a table whose columns have plain types, at any depth."""
    for at, field in enumerate(table.schema):
        plain = field.with_type(_plain(field.type))
        if plain.type != field.type:
            table = table.set_column(at, plain, _cast(table.column(at), plain.type))
    return table


def _cast(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    if _has_list_view(column.type):  # Arrow's own cast refuses those that it reads from Parquet
        return pa.chunked_array([pa.array(chunk.to_pylist(), type_) for chunk in column.chunks], type_)
    return column.cast(type_)


def _plain(type_: pa.DataType) -> pa.DataType:
    if type_ in _PLAIN:
        return _PLAIN[type_]
    if pa.types.is_struct(type_):
        return pa.struct([field.with_type(_plain(field.type)) for field in _fields(type_)])
    if pa.types.is_list(type_) or _is_list_view(type_):
        return pa.list_(type_.value_field.with_type(_plain(type_.value_type)))
    if pa.types.is_large_list(type_):
        return pa.large_list(type_.value_field.with_type(_plain(type_.value_type)))
    return type_


def _has_list_view(type_: pa.DataType) -> bool:
    return _is_list_view(type_) or any(_has_list_view(field.type) for field in _fields(type_))


def _is_list_view(type_: pa.DataType) -> bool:
    return bool(pa.types.is_list_view(type_) or pa.types.is_large_list_view(type_))


def _fields(type_: pa.DataType) -> list[pa.Field]:
    return [type_.field(n) for n in range(type_.num_fields)]
