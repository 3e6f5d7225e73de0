"""The rows that were refused, as they were written, with the reason beside them: to mend and push again."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from cvsync.manifest.columns import find_columns
from cvsync.manifest.identity import path_key
from cvsync.manifest.reader import Manifest
from cvsync.manifest.table import Rows, read_rows

Refusal = tuple[str, int, str, str]
"""Source, row, code, message."""


def write_rejects(manifest: Manifest, destination: Path, refusals: Iterable[Refusal]) -> None:
    """Write refused rows into a file that can be read as a manifest again, readable for its owner only.

    Paths are made absolute where the file lies elsewhere than its manifest, and the key that they had there
    is written out, so that a mended row is still the same image.
    """
    reasons: dict[str, dict[int, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for source, row, code, message in refusals:
        if (code, message) not in reasons[source][row]:
            reasons[source][row].append((code, message))
    common = Path(os.path.commonpath([path.resolve().parent for path in manifest.sources]))
    parts = [
        _rejected(read_rows(path), reasons[str(path)], path, common, destination)
        for path in manifest.sources
        if reasons.get(str(path))
    ]
    table = pa.concat_tables(parts, promote_options="permissive")
    with os.fdopen(os.open(destination, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        if destination.suffix.lower() in (".parquet", ".pq"):
            pa.parquet.write_table(table, file)
        else:
            delimiter = "\t" if destination.suffix.lower() == ".tsv" else ","
            pa.csv.write_csv(table, file, pa.csv.WriteOptions(delimiter=delimiter, quoting_style="needed"))


def _rejected(
    rows: Rows, reasons: dict[int, list[tuple[str, str]]], path: Path, common: Path, destination: Path
) -> pa.Table:
    position = {int(number): n for n, number in enumerate(rows.numbers)}
    numbers = [number for number in sorted(reasons) if number in position]
    table = rows.table.take([position[number] for number in numbers])
    cut = [number for number in sorted(reasons) if number in rows.broken]
    if cut:
        width = len(rows.names)
        cells = [(rows.broken[number] + [""] * width)[:width] for number in cut]
        columns = [pa.array([row[n] or None for row in cells], pa.string()) for n in range(width)]
        table = pa.concat_tables([table, pa.table(columns, names=table.column_names)])
    table = table.rename_columns(_distinct(rows.names))
    table = _movable(table, rows, path, common, destination)
    order = numbers + cut
    codes = [" ".join(code for code, _ in reasons[number]) for number in order]
    texts = ["; ".join(message for _, message in reasons[number]) for number in order]
    table = table.drop_columns([name for name in ("error_code", "error") if name in table.column_names])
    return table.append_column("error_code", pa.array(codes, pa.string())).append_column(
        "error", pa.array(texts, pa.string())
    )


def _movable(table: pa.Table, rows: Rows, path: Path, common: Path, destination: Path) -> pa.Table:
    """Keep relative paths and their keys true in another folder."""
    columns = find_columns(str(path), rows.names)
    folder = path.resolve().parent
    if "path" not in columns or (destination.resolve().parent == folder == common):
        return table
    paths = table.column(columns["path"]).cast(pa.string()).to_pylist()
    full = [p and str(folder / p.replace("\\", "/")) for p in paths]
    table = table.set_column(columns["path"], rows.names[columns["path"]], pa.array(full, pa.string()))
    if "key" in columns:
        return table
    keys = [p and path_key(p, folder=folder, common=common) for p in paths]
    return table.append_column("key", pa.array(keys, pa.string()))


def _distinct(names: Iterable[str]) -> list[str]:
    seen: list[str] = []
    for name in names:
        seen.append(name if name not in seen else f"{name}_{len(seen)}")
    return seen
