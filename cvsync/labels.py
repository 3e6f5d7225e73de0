"""Labels: the columnar data set that manifests, snapshots and plans are made of."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.distinct import are_distinct

if TYPE_CHECKING:
    import pandas as pd

TEXT = pa.dictionary(pa.int32(), pa.string())
Codes = NDArray[np.int32]
"""Positions in a list of distinct values, -1 for null."""

SCHEMA = pa.schema(
    [
        pa.field("key", TEXT, nullable=False),  # what makes two rows the same image
        pa.field("url", TEXT),  # where the service can fetch it; null: `path` says where the bytes are
        pa.field("path", TEXT),  # as written in the manifest, relative to its folder
        pa.field("tag", TEXT),  # null: an image known to have no label
        pa.field("left", pa.float32()),  # fractions 0..1; all four null: a whole-image tag
        pa.field("top", pa.float32()),
        pa.field("width", pa.float32()),
        pa.field("height", pa.float32()),
        pa.field("source", TEXT),  # the manifest file, for messages
        pa.field("row", pa.int64()),  # 1-based data row in it
    ]
)
OPTIONAL = pa.schema(  # columns that are there only where somebody gave them
    [
        pa.field("version", TEXT),  # of the image's content: another one under the same key is a new image
        pa.field("tag_type", TEXT),  # as the service says it: Regular, Negative
        pa.field("image_id", TEXT),  # of the image where it was pulled from; a hint, never an identity
        pa.field("image_width", pa.int32()),  # pixels
        pa.field("image_height", pa.int32()),
        pa.field("sha256", TEXT),  # of a pulled file, in hex; where no version is told, it is the version
        pa.field("size", pa.int64()),  # of a pulled file, in bytes
    ]
)
METADATA = "metadata."  # columns of this prefix are image metadata, TEXT each
BOX = ("left", "top", "width", "height")
Sides = Sequence[Sequence[float | None]]
"""A column for each of ``BOX``, of some labels; None where a label has no box."""


@dataclass(frozen=True, eq=False)
class Labels:
    """What a project should hold: one row a label, about 60 bytes each.

    Rows of one ``key`` are one image. A row without a tag says that the image has no label.
    """

    table: pa.Table
    """Columns of ``SCHEMA``, then those of ``OPTIONAL`` and ``METADATA`` that there are; one chunk each."""

    @classmethod
    def from_columns(cls, columns: Mapping[str, object]) -> Labels:
        """Build from columns by name; missing ones of ``SCHEMA`` are null, ``key`` is needed."""
        size = len(columns["key"])  # type: ignore[arg-type]
        fields = [*SCHEMA, *(f for f in OPTIONAL if f.name in columns)]
        fields += [pa.field(name, TEXT) for name in columns if name.startswith(METADATA)]
        arrays = []
        for column in fields:
            value = columns.get(column.name)
            if value is None:
                value = pa.nulls(size, pa.string() if column.type == TEXT else column.type)
            arrays.append(distinct(as_column(value, column.type)))
        return cls(pa.Table.from_arrays(arrays, schema=pa.schema(fields)))

    @classmethod
    def from_pandas(cls, frame: pd.DataFrame) -> Labels:
        """Build from a DataFrame with the columns of the schema that it has."""
        known = {*SCHEMA.names, *OPTIONAL.names}
        names = [n for n in map(str, frame.columns) if n in known or n.startswith(METADATA)]
        return cls.from_columns({n: pa.array(frame[n], from_pandas=True) for n in names})

    def to_pandas(self) -> pd.DataFrame:
        """Give the rows as a DataFrame."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def keys(self) -> pa.Array:
        """The distinct keys, in the order of ``key_codes``."""
        return self._keys[1]

    @cached_property
    def key_codes(self) -> Codes:
        """For each row the position of its key in ``keys``."""
        return self._keys[0]

    @cached_property
    def _keys(self) -> tuple[Codes, pa.Array]:
        return codes_of(self.table.column("key"))

    @property
    def first_rows(self) -> pa.Table:
        """The first row of each key, in the order of ``keys``."""
        codes = self.key_codes
        first = np.zeros(len(self.keys), np.int64)
        first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
        return self.table.take(pa.array(first))

    @property
    def metadata(self) -> tuple[str, ...]:
        """The names of the image metadata that the labels carry."""
        names = self.table.column_names
        return tuple(name.removeprefix(METADATA) for name in names if name.startswith(METADATA))

    @property
    def has_boxes(self) -> bool:
        """Whether any label is a box."""
        return bool(self.table.column(BOX[0]).null_count < len(self))

    def column(self, name: str) -> pa.ChunkedArray | None:
        """Give a column, or None where nobody gave it."""
        return self.table.column(name) if name in self.table.column_names else None

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Labels:
        """Keep some rows: positions, or one truth value a row."""
        if rows.dtype == np.bool_:
            return Labels(self.table.filter(pa.array(rows)).combine_chunks())
        return Labels(self.table.take(pa.array(rows)).combine_chunks())


def as_column(value: Any, type_: pa.DataType) -> pa.Array:
    """Turn a sequence or an Arrow array into one chunk of a type."""
    if isinstance(value, pa.ChunkedArray):
        value = one_chunk(value)
    if not isinstance(value, pa.Array):
        value = pa.array(value, from_pandas=True)
    if value.type == type_:
        return value
    if pa.types.is_dictionary(type_):
        value = value if pa.types.is_dictionary(value.type) else value.cast(pa.string()).dictionary_encode()
    return value.cast(type_)


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """Give a column as one array, without the copy that ``combine_chunks`` makes even of a single chunk."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def with_column(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    """Put another column in the place of one; it may be of another type."""
    return table.set_column(table.schema.get_field_index(name), name, column)


def codes_of(column: pa.Array | pa.ChunkedArray) -> tuple[Codes, pa.Array]:
    """Number the distinct values of a text column.

    Returns:
        A code for each row (-1 for null) and the values that the codes stand for, none that no row has: a
        dictionary keeps the values of rows that were taken out. A dictionary that was given from outside may
        name a value twice; ``distinct`` mends that.
    """
    array = as_column(column, TEXT)
    indices, values = array.indices, array.dictionary
    codes: Codes = np.asarray(pc.fill_null(indices, -1) if indices.null_count else indices)
    used = np.zeros(len(values) + 1, bool)
    used[codes] = True
    if used[:-1].all():
        return codes, values
    return np.append(np.cumsum(used[:-1], dtype=np.int32) - 1, np.int32(-1))[codes], values.filter(
        pa.array(used[:-1])
    )


def same_texts(one: pa.ChunkedArray | None, other: pa.ChunkedArray | None) -> bool:
    """Tell whether two text columns say the same, whatever their dictionaries; None says nothing."""
    if one is None or other is None:
        return one is other
    if one.type == other.type and one.equals(other):
        return True  # without a copy of either
    return bool(one.cast(pa.string()).equals(other.cast(pa.string())))


def distinct(column: pa.Array) -> pa.Array:
    """Give a dictionary-encoded column whose dictionary names each value once."""
    if not pa.types.is_dictionary(column.type):
        return column
    values = column.dictionary
    if not values.null_count and (are_distinct(values) or pc.count_distinct(values).as_py() == len(values)):
        return column
    return column.cast(pa.string()).dictionary_encode()


def fold(name: str) -> str:
    """Give the form in which two spellings of one tag are equal: NFC, trimmed, without case."""
    return unicodedata.normalize("NFC", name.strip()).casefold()
