"""CSV and Parquet files -> tables of rows as written."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from cvsync.errors import ManifestError

_DELIMITERS = ",;\t|"
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one file."""

    source: str
    names: tuple[str, ...]
    """Column names as written."""
    table: pa.Table
    """A column each, in their order, named by position; cells of CSV as text, empty ones null."""
    numbers: NDArray[np.int64]
    """The 1-based data row of each row of the table."""
    broken: dict[int, list[str]] = field(default_factory=dict)
    """Rows with another number of cells than the header."""
    delimiter: str = ","

    def column(self, position: int) -> pa.ChunkedArray:
        """Give a column by its position."""
        return self.table.column(position)


def read_rows(path: Path) -> Rows:
    """Read a file by what its name ends with: Parquet, else delimited text, gzip or not.

    Raises:
        ManifestError: It cannot be read.
    """
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return _read_parquet(path)
        return _read_csv(path)
    except FileNotFoundError as error:
        raise ManifestError(str(path), ["there is no such file"]) from error
    except (OSError, EOFError) as error:
        raise ManifestError(
            str(path), [f"cannot be read: {getattr(error, 'strerror', None) or error}"]
        ) from error
    except pa.ArrowInvalid as error:
        raise ManifestError(str(path), [f"cannot be read: {error}"]) from error


def _read_parquet(path: Path) -> Rows:
    file = pa.parquet.ParquetFile(path)
    names = file.schema_arrow.names
    texts = [
        f.name for f in file.schema_arrow if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)
    ]
    table = pa.parquet.ParquetFile(path, read_dictionary=texts).read()
    numbers = np.arange(1, table.num_rows + 1)
    return Rows(str(path), tuple(names), table.rename_columns(_positions(names)), numbers)


def _read_csv(path: Path) -> Rows:
    head = _head(path)
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = head.decode(encoding, errors="replace")
    if not text.strip():
        raise ManifestError(str(path), ["is empty: not even a header with column names"])
    first = text.splitlines()[0]
    delimiter = max(_DELIMITERS, key=first.count)
    names = next(csv.reader([first], delimiter=delimiter))
    invalid: list[Any] = []

    def note(row: Any) -> str:
        invalid.append(row)
        return "skip"

    def parse(*, threads: bool) -> pa.Table:
        return pa.csv.read_csv(
            pa.input_stream(str(path)),
            read_options=pa.csv.ReadOptions(
                use_threads=threads,
                column_names=_positions(names),
                skip_rows=1,
                encoding="utf8" if encoding == "utf-8-sig" else encoding,
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(_positions(names), pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )

    table = parse(threads=True)
    if invalid:  # only one thread knows the rows' numbers
        invalid.clear()
        table = parse(threads=False)
    broken = {row.number - 1: next(csv.reader([row.text], delimiter=delimiter), []) for row in invalid}
    numbers = np.setdiff1d(np.arange(1, table.num_rows + len(broken) + 1), [*broken])
    return Rows(str(path), tuple(names), table, numbers, broken, delimiter)


def _head(path: Path) -> bytes:
    if path.suffix.lower() == ".gz":
        with gzip.open(path) as packed:
            return packed.read(_HEAD_BYTES)
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _positions(names: Sequence[str]) -> list[str]:
    """Names for columns that hold whatever the file's own names are, doubles included."""
    return [str(position) for position in range(len(names))]
