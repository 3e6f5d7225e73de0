"""The rows that were refused, as they were written, with the reason beside them: to mend and push again."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from cvsync.manifest.columns import FIELDS_OF, find_columns, match_columns
from cvsync.manifest.dialect import Dialect, sniff_safely
from cvsync.manifest.formats import Input, Kind
from cvsync.manifest.lines import read_lines
from cvsync.manifest.moved import Mover, is_place
from cvsync.manifest.places import Place, packing_of, told
from cvsync.manifest.raw import Raw, read_raw
from cvsync.manifest.reader import Manifest
from cvsync.manifest.reading import Box, Reading
from cvsync.manifest.rows import Rows
from cvsync.manifest.target import packed
from cvsync.manifest.texts import as_text
from cvsync.manifest.where import by_content
from cvsync.whole import PRIVATE, open_named

Refusal = tuple[str, int, str, str]
"""Source, row, code, message."""
Reasons = dict[int, list[tuple[str, str]]]
"""Row -> codes and messages."""
_LINES = (".jsonl", ".ndjson", ".json", ".manifest")
_PARQUET = (".parquet", ".pq")


def rejects_suffix(manifest: Manifest) -> str:
    """Give the ending of a rejects file in the manifest's own format, or as close as can be."""
    first = manifest.inputs[0]
    if first.format.kind is Kind.FILES:
        return ".csv"
    return first.place.suffix or (".jsonl" if first.format.kind is Kind.LINES else ".csv")


def write_rejects(manifest: Manifest, destination: Path, refusals: Iterable[Refusal]) -> None:
    """Write refused rows into a file that can be read as a manifest again, readable for its owner only.

    Rows of tables and lines stay as they are; labels of formats that have neither become rows of a table with
    the columns of the schema. Paths are made absolute where the file lies elsewhere than its manifest, and
    the key that they had there is written out, so that a mended row is still the same image.
    """
    by_source: dict[str, Reasons] = defaultdict(lambda: defaultdict(list))
    for source, row, code, message in refusals:
        if (code, message) not in by_source[source][row]:
            by_source[source][row].append((code, message))
    with _private(destination) as sink:
        if _is_lines(destination):
            for input_ in manifest.inputs:
                _write_lines(manifest, input_, by_source, sink, destination)
        else:
            tables = [t for i in manifest.inputs for t in _tables(manifest, i, by_source, destination)]
            table = pa.concat_tables(tables, promote_options="permissive")
            _write_table(table, sink, destination, like=_first_text(manifest, by_source))


def write_refused(table: pa.Table, reasons: Sequence[tuple[str, str]], destination: Path) -> None:
    """Write refused labels whose own rows are gone: a manifest too, with the columns of the schema.

    Args:
        table: A row a label, with columns of the schema.
        reasons: For each row its code and message.
        destination: Whose ending says the format; readable for its owner only.
    """
    table = _with_reasons(table, [[reason] for reason in reasons])
    with _private(destination) as sink:
        if _is_lines(destination):
            _write_objects(table, sink)
        else:
            _write_table(table, sink, destination)


@contextmanager
def _private(destination: Path) -> Iterator[IO[bytes]]:
    """Open a file that only its owner may read, packed as its name says."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with open_named(destination, mode=PRIVATE) as file, packed(file, destination.name) as sink:
        yield sink


def _is_lines(destination: Path) -> bool:
    return _ending(destination) in _LINES


def _ending(destination: Path) -> str:
    """Say what a file's name ends with, in small letters: ``.csv`` for ``m.csv.gz`` too."""
    name = Path(destination.name)
    return (name.with_suffix("") if packing_of(destination.name) else name).suffix.lower()


def _first_text(manifest: Manifest, by_source: Mapping[str, Reasons]) -> Place | None:
    """Give the first delimited text that has refused rows."""
    places = (i.place for i in manifest.inputs if i.format.kind is Kind.TABLE and not i.place.is_parquet)
    return next((place for place in places if by_source.get(place.name)), None)


def _write_table(table: pa.Table, sink: IO[bytes], destination: Path, *, like: Place | None = None) -> None:
    """Write a table; a text so that the spreadsheet that wrote another one opens it, too."""
    ending = _ending(destination)
    if ending in _PARQUET:
        pa.parquet.write_table(table, sink)
        return
    delimiter, other = "\t" if ending == ".tsv" else ",", None if like is None else sniff_safely(like)
    if like is not None and other is not None:
        if "\t" not in (delimiter, other.delimiter):
            delimiter = other.delimiter
        if other.encoding != Dialect.encoding or like.head(len(BOM_UTF8)) == BOM_UTF8:
            sink.write(BOM_UTF8)  # else a spreadsheet takes UTF-8 for what Windows has
    pa.csv.write_csv(table, sink, pa.csv.WriteOptions(delimiter=delimiter, quoting_style="needed"))


def _write_objects(table: pa.Table, sink: IO[bytes]) -> None:
    for row in table.to_pylist():
        sink.write(orjson.dumps({k: v for k, v in row.items() if v is not None}) + b"\n")


def _write_lines(
    manifest: Manifest, input_: Input, by_source: Mapping[str, Reasons], file: IO[bytes], destination: Path
) -> None:
    if input_.format.kind is Kind.LINES:
        reasons = by_source.get(input_.place.name, {})
        mover = _mover(manifest, input_, Path(input_.place.folder), destination)
        for number, line in read_lines(input_.place):
            if number in reasons:
                file.write(_told_line(line, reasons[number], manifest.reading, mover) + b"\n")
        return
    for table in _tables(manifest, input_, by_source, destination):
        _write_objects(table, file)


def _told_line(line: bytes, reasons: list[tuple[str, str]], reading: Reading, mover: Mover | None) -> bytes:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        said = {"line": line.decode(errors="replace")}
    elif mover is not None:
        said = _moved_line(said, reading, mover, has_urls=any(code == "E038" for code, _ in reasons))
    code, error = _said(reasons)
    return orjson.dumps(said | {"error_code": code, "error": error})


def _moved_line(
    said: Mapping[str, Any], reading: Reading, mover: Mover, *, has_urls: bool
) -> Mapping[str, Any]:
    """Keep the path of a line true in another folder; ``has_urls`` where its place was to be a URL."""
    names = [*said]
    columns, _ = match_columns(names, reading)
    at = _column_of_paths(columns, names, are_paths=not has_urls)
    cell = None if at is None else said[names[at]]
    key = mover.key(cell) if isinstance(cell, str) else None
    if at is None or key is None:
        return said
    return {**said, names[at]: mover.path(cell)} | ({} if "key" in columns else {"key": key})


def _tables(
    manifest: Manifest, input_: Input, by_source: Mapping[str, Reasons], destination: Path
) -> list[pa.Table]:
    if input_.format.kind is not Kind.TABLE:
        with told(input_.place.name):
            found = [
                _labels_of(rows, by_source, _mover(manifest, input_, Path(rows.folder), destination))
                for rows in input_.format.read(input_.place, manifest.reading)
            ]
        return [table for table in found if table is not None]
    reasons = by_source.get(input_.place.name)
    return [_rejected(read_raw(input_.place), reasons, manifest, input_, destination)] if reasons else []


def _labels_of(rows: Rows, by_source: Mapping[str, Reasons], mover: Mover | None) -> pa.Table | None:
    """Write the refused rows of a format without rows as a table."""
    rows = by_content(rows)
    names = [rows.source] * len(rows) if rows.sources is None else rows.sources.to_pylist()
    positions, why = [], []
    for position, (source, number) in enumerate(zip(names, rows.numbers.tolist(), strict=True)):
        reasons = by_source.get(source, {}).get(number)
        if reasons:
            positions.append(position)
            why.append(reasons)
    table = _four_columns(rows.table.take(pa.array(positions, pa.int64())), rows.box)
    table = pa.table({name: _plain(table.column(name)) for name in table.column_names})
    said = [(lost, by_source.get(lost.source or rows.source, {}).get(lost.row)) for lost in rows.lost]
    if refused := [(lost, reasons) for lost, reasons in said if reasons]:
        why += [reasons for _, reasons in refused]
        cells = {"url": [lost.url for lost, _ in refused], "path": [lost.path for lost, _ in refused]}
        more = pa.table({name: pa.array(cell, pa.string()) for name, cell in cells.items()})
        table = pa.concat_tables([table, more], promote_options="permissive")
    if mover is not None and "path" in table.column_names:
        at = table.column_names.index("path")
        table = mover.table(table, at, has_key="key" in table.column_names)
    return _with_reasons(table, why) if why else None


def _four_columns(table: pa.Table, box: Box | None) -> pa.Table:
    """Give the four numbers of a box a column each, whose names say what they are."""
    if "box" not in table.column_names or box is None:
        return table
    cells = table.column("box").to_pylist()
    table = table.drop_columns(["box"])
    for n, name in enumerate(FIELDS_OF[box]):
        table = table.append_column(name, pa.array([cell and cell[n] for cell in cells]))
    return table


def _plain(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return as_text(array) if pa.types.is_nested(array.type) else array


def _rejected(raw: Raw, reasons: Reasons, manifest: Manifest, input_: Input, destination: Path) -> pa.Table:
    position = {int(number): n for n, number in enumerate(raw.numbers)}
    numbers = [number for number in sorted(reasons) if number in position]
    table = raw.table.take(pa.array([position[number] for number in numbers], pa.int64()))
    cut = [number for number in sorted(reasons) if number in raw.broken]
    if cut:
        width = len(raw.names)
        cells = [(raw.broken[number] + [""] * width)[:width] for number in cut]
        columns = [pa.array([row[n] or None for row in cells], pa.string()) for n in range(width)]
        table = pa.concat_tables([table, pa.table(columns, names=table.column_names)])
    table = table.rename_columns(_distinct(raw.names))
    table = _movable(table, raw, manifest, input_, destination)
    return _with_reasons(table, [reasons[number] for number in numbers + cut])


def _with_reasons(table: pa.Table, why: list[list[tuple[str, str]]]) -> pa.Table:
    said = [_said(reasons) for reasons in why]
    table = table.drop_columns([name for name in ("error_code", "error") if name in table.column_names])
    return table.append_column("error_code", pa.array([code for code, _ in said], pa.string())).append_column(
        "error", pa.array([error for _, error in said], pa.string())
    )


def _said(reasons: list[tuple[str, str]]) -> tuple[str, str]:
    return " ".join(code for code, _ in reasons), "; ".join(message for _, message in reasons)


def _mover(manifest: Manifest, input_: Input, folder: Path, destination: Path) -> Mover | None:
    """Give what keeps paths true; None: they are as they stand."""
    is_beside = destination.absolute().parent == folder == manifest.common
    if is_beside or manifest.reading.images or not input_.place.is_local:
        return None
    return Mover(folder, manifest.common)


def _movable(table: pa.Table, raw: Raw, manifest: Manifest, input_: Input, destination: Path) -> pa.Table:
    """Keep relative paths and their keys true in another folder."""
    mover = _mover(manifest, input_, Path(input_.place.folder), destination)
    columns = find_columns(input_.place.name, raw.names, manifest.reading)
    are_paths = "url" in columns and not any(
        is_place(cell or "") for cell in raw.table.column(columns["url"]).cast(pa.string()).to_pylist()
    )
    at = _column_of_paths(columns, raw.names, are_paths=are_paths)
    return table if mover is None or at is None else mover.table(table, at, has_key="key" in columns)


def _column_of_paths(columns: Mapping[str, int], names: Sequence[str], *, are_paths: bool) -> int | None:
    """Find the column of paths; one that is not called ``url`` may hold them, as ``by_content`` has it."""
    if "path" in columns:
        return columns["path"]
    at = columns.get("url")
    return at if at is not None and are_paths and names[at].casefold() != "url" else None


def _distinct(names: Iterable[str]) -> list[str]:
    seen: list[str] = []
    for name in names:
        seen.append(name if name not in seen else f"{name}_{len(seen)}")
    return seen
