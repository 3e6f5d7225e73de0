"""Tables as they are written, all columns of them: what rejects are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from cvsync.manifest.delimited import cells_of, read_text, row_numbers
from cvsync.manifest.dialect import sniff_safely
from cvsync.manifest.places import Place, told
from cvsync.manifest.views import without_views


@dataclass(frozen=True, eq=False)
class Raw:
    """The rows of a table."""

    names: tuple[str, ...]
    """Of the columns, as written."""
    table: pa.Table
    """A column each, in their order."""
    numbers: NDArray[np.int64]
    """The 1-based data row of each row of the table."""
    broken: dict[int, list[str]]
    """The cells of rows that have another number of them than the header."""


def read_raw(place: Place) -> Raw:
    """Read a table by what it is: Parquet, else delimited text.

    Raises:
        ManifestError: It cannot be read.
    """
    with told(place.name):
        if place.is_parquet:
            table = without_views(pa.parquet.ParquetFile(place.open()).read())
            return Raw(tuple(table.column_names), table, np.arange(1, len(table) + 1), {})
        dialect = sniff_safely(place)
        table, invalid = read_text(place, dialect, range(len(dialect.names)))
        numbers, lost = row_numbers(table, dialect, invalid)
    broken = {n: cells_of(row, dialect) for n, row in zip(lost, invalid, strict=True)}
    return Raw(dialect.names, table, numbers, broken)
