"""CSV, TSV and their like -> Rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from cvsync.errors import ManifestError
from cvsync.labels import TEXT, Labels, one_chunk
from cvsync.manifest.columns import FEW_TEXTS, NUMBERS, SIZE, find_columns, has_final_sides
from cvsync.manifest.dialect import FALLBACK, Dialect, sniff, sniff_safely
from cvsync.manifest.numbers import number_texts
from cvsync.manifest.places import Place
from cvsync.manifest.quotes import open_quote
from cvsync.manifest.reading import Reading
from cvsync.manifest.rows import Lost, Rows
from cvsync.manifest.schema import own_table
from cvsync.manifest.target import Target
from cvsync.manifest.unfold import unfold

_STEP = 1 << 18  # rows that are texts at a time
ANSI_NOTE = "text in Windows-1252"


def read_csv(place: Place, reading: Reading) -> list[Rows]:
    """Read a file of delimited text with a header.

    Raises:
        ManifestError: It cannot be read, or lacks a column.
    """
    dialect = sniff(place)
    _refuse_open_quote(place, dialect)
    try:
        return [unfold(_read(place, dialect, reading))]
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        if dialect.encoding != "utf-8-sig" or not _is_bad_text(error):
            raise
        return [unfold(_read(place, sniff_safely(place), reading))]


def _refuse_open_quote(place: Place, dialect: Dialect) -> None:
    if dialect.is_plain:
        return
    line = open_quote(place, delimiter=dialect.delimiter, quote=dialect.quote, encoding=dialect.encoding)
    if line is not None:
        problem = (
            f"line {line} opens a quote that nothing closes, so all that follows would be one cell; "
            "close it, double it where it is data, or write the file again if its end is missing"
        )
        raise ManifestError(place.name, [problem])


def write_csv(labels: Labels, target: Target) -> None:
    """Write labels as a table of the schema, with commas.

    Cells are data and stay what they are: a tag that starts like a formula of a spreadsheet is not changed.
    """
    _write(labels, target, ",")


def write_tsv(labels: Labels, target: Target) -> None:
    """Write labels as ``write_csv`` does, with tabs."""
    _write(labels, target, "\t")


def _write(labels: Labels, target: Target, delimiter: str) -> None:
    table = own_table(labels)
    with target.open() as file:
        header = io.StringIO()
        csv.writer(header, delimiter=delimiter, lineterminator="\n").writerow(table.column_names)
        file.write(header.getvalue().encode())
        for start in range(0, len(table), _STEP):
            _write_rows(_as_texts(table.slice(start, _STEP)), file, delimiter)


def _write_rows(table: pa.Table, file: Any, delimiter: str) -> None:
    """Write rows, with quotes only where some cell needs them."""
    for style in ("none", "needed"):
        options = pa.csv.WriteOptions(include_header=False, delimiter=delimiter, quoting_style=style)
        sink = pa.BufferOutputStream()
        try:
            pa.csv.write_csv(table, sink, options)
        except pa.ArrowInvalid:
            if style == "needed":
                raise
        else:
            file.write(sink.getvalue())
            return


def _as_texts(table: pa.Table) -> pa.Table:
    columns = {}
    for name in table.column_names:
        column = one_chunk(table.column(name))
        columns[name] = number_texts(column) if pa.types.is_float32(column.type) else column.cast(pa.string())
    return pa.table(columns)


def read_text(
    place: Place, dialect: Dialect, positions: Iterable[int], types: Mapping[int, pa.DataType] | None = None
) -> tuple[pa.Table, list[Any]]:
    """Read some columns, by their positions and named by them, and the rows that do not fit the header.

    Cells are text, empty ones null, but for those that ``types`` gives another type.
    """
    invalid: list[Any] = []

    def note(row: Any) -> str:
        invalid.append(row)
        return "skip"

    wanted = {str(n): (types or {}).get(n, pa.string()) for n in positions}

    def parse(*, threads: bool) -> pa.Table:
        with place.open() as file:
            return pa.csv.read_csv(
                file,
                read_options=pa.csv.ReadOptions(
                    use_threads=threads,
                    column_names=[str(n) for n in range(len(dialect.names))],
                    skip_rows=dialect.skip,
                    encoding="utf8" if dialect.encoding == "utf-8-sig" else dialect.encoding,
                ),
                parse_options=pa.csv.ParseOptions(
                    delimiter=dialect.delimiter,
                    quote_char=dialect.quote,
                    newlines_in_values=not dialect.is_plain,
                    invalid_row_handler=note,
                ),
                convert_options=pa.csv.ConvertOptions(
                    include_columns=[*wanted],
                    column_types=wanted,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            )

    table = parse(threads=True)
    if invalid:  # only one thread knows the rows' numbers
        invalid.clear()
        table = parse(threads=False)
    return table, invalid


def cells_of(row: Any, dialect: Dialect) -> list[str]:
    """Split a row that does not fit the header as well as can be."""
    return next(csv.reader([row.text], delimiter=dialect.delimiter, quotechar=dialect.quote), [])


def row_numbers(table: pa.Table, dialect: Dialect, invalid: Sequence[Any]) -> tuple[Any, list[int]]:
    """Number the data rows from 1: those of the table, and those that do not fit."""
    lost = [row.number - dialect.skip for row in invalid]
    if not lost:
        return np.arange(1, table.num_rows + 1), lost
    return np.setdiff1d(np.arange(1, table.num_rows + len(lost) + 1), lost), lost


def _read(place: Place, dialect: Dialect, reading: Reading) -> Rows:
    columns = find_columns(place.name, dialect.names, reading)
    fields, positions = [*columns], [*columns.values()]
    types = _types(columns, reading)
    try:
        table, invalid = read_text(place, dialect, positions, types)
        is_text = False
    except pa.ArrowInvalid as error:
        if _is_bad_text(error):
            raise
        # Some cell of a column of numbers is none: all are read as text, and the checks find which.
        table, invalid = read_text(place, dialect, positions)
        is_text = True
    numbers, lost = row_numbers(table, dialect, invalid)
    count = len(table) - _blank_rows(table)

    def written() -> pa.Table:
        return read_text(place, dialect, positions)[0].rename_columns(fields).slice(0, count)

    return Rows(
        place.name,
        place.folder,
        table.rename_columns(fields).slice(0, count),
        numbers[:count],
        names={field: dialect.names[position].strip() for field, position in columns.items()},
        is_local=place.is_local,
        lost=tuple(
            _lost(number, cells_of(row, dialect), columns) for number, row in zip(lost, invalid, strict=True)
        ),
        nan_is_null=False,
        notes=_notes(dialect, len(table) - count),
        written=None if is_text else written,
    )


def _types(columns: Mapping[str, int], reading: Reading) -> dict[int, pa.DataType]:
    """Choose what columns are read as."""
    is_final = has_final_sides(columns, reading)
    types = {}
    for field, position in columns.items():
        if field not in NUMBERS:
            types[position] = TEXT if field in FEW_TEXTS else pa.string()
        else:
            types[position] = pa.float32() if is_final and field not in SIZE else pa.float64()
    return types


def _lost(number: int, cells: list[str], columns: Mapping[str, int]) -> Lost:
    def cell(field: str) -> str | None:
        position = columns.get(field, len(cells))
        return cells[position] or None if position < len(cells) else None

    return Lost("E001", number, "row", str(len(cells)), url=cell("url"), path=cell("path"))


def _blank_rows(table: pa.Table) -> int:
    """Count the rows at the end of a table that hold nothing, as spreadsheets write them below the last."""
    if not len(table) or any(column[-1].is_valid for column in table.columns):
        return 0
    holds = np.zeros(len(table), bool)
    for column in table.columns:
        holds |= np.asarray(column.is_valid())
    return len(table) - int(np.flatnonzero(holds).max(initial=-1)) - 1


def _notes(dialect: Dialect, blank: int) -> tuple[str, ...]:
    ansi = (ANSI_NOTE,) if dialect.encoding == FALLBACK else ()
    return (*ansi, f"{blank:,} blank rows at its end left out") if blank else ansi


def _is_bad_text(error: Exception) -> bool:
    return isinstance(error, UnicodeDecodeError) or "UTF8" in str(error).upper().replace("-", "")
