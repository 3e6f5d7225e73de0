"""Manifests -> Labels, with every problem found on the way."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from cvsync.errors import ManifestError
from cvsync.labels import METADATA, OPTIONAL, SCHEMA, TEXT, Labels
from cvsync.manifest.check import Checked, check
from cvsync.manifest.delimited import ANSI_NOTE
from cvsync.manifest.formats import Input, Kind, find_inputs
from cvsync.manifest.names import Name
from cvsync.manifest.places import told
from cvsync.manifest.problems import Found, Oddity, Problems
from cvsync.manifest.reading import Reading
from cvsync.manifest.refused import joined
from cvsync.manifest.rows import Rows
from cvsync.manifest.texts import Texts
from cvsync.manifest.tidy import tidy
from cvsync.manifest.unreadable import naming_bad_text


@dataclass(frozen=True, eq=False)
class Manifest:
    """What some files say, the bad rows apart."""

    labels: Labels
    problems: Problems
    """Of the rows that are not in ``labels``, in the order of the files."""
    warnings: tuple[Oddity, ...]
    bad_keys: frozenset[str]
    """Images of which a row is bad, or stands elsewhere: all of a rejects file."""
    bad_images: frozenset[str]
    """The ids that such rows tell, of images where they were pulled from."""
    refused: pa.Table
    """The bad rows, as far as they could be read: columns of ``refused.SAID``."""
    may_have_boxes: bool
    """Whether rows that could not be read may have had boxes."""
    astray: pa.Table
    """Refused rows that may be of another image than they say, or say none: columns of ``refused.ASTRAY``."""
    inputs: tuple[Input, ...]
    """The files that were read, in this order."""
    rows: int
    """Data rows, bad ones included."""
    convention: str
    """How the columns were understood, for people."""
    reading: Reading
    is_rejects: bool
    """Whether a file holds rows that were refused before."""
    common: Path
    """The folder of all files of this machine, where keys that are paths start."""


def read(paths: Sequence[Name], reading: Reading | None = None) -> Manifest:
    """Read files as one manifest.

    Holds the columns that are labels, about 60 bytes a row, and one text a distinct cell.

    Args:
        paths: Files, folders, globs, URIs of storage, or ``-`` for stdin.
        reading: How to understand them, where they do not say it themselves.

    Raises:
        ManifestError: A file cannot be read or lacks a column; what and where.
    """
    reading = reading or Reading()
    inputs = find_inputs(paths, reading)
    found = [(input_.format.name, _read_rows(input_, reading)) for input_ in inputs]
    blank = [input_ for input_, (_, parts) in zip(inputs, found, strict=True) if not any(map(_count, parts))]
    _refuse_cut_off(blank, inputs)
    names = [name for name, parts in found for _ in parts]
    read_rows = [rows for _, parts in found for rows in parts]
    common = _common_folder(read_rows)
    count = sum(_count(rows) for rows in read_rows)
    ansi = [rows for rows in read_rows if ANSI_NOTE in rows.notes]
    order = [*dict.fromkeys(name for rows in read_rows for name in _sources(rows))]
    parts = []
    while read_rows:  # each is let go once it is checked
        rows = read_rows.pop(0)
        with told(rows.source), naming_bad_text(rows):
            parts.append(check(rows, reading, common=common))
    tidied = tidy(Labels(_joined([part.labels.table for part in parts])), places=_places(parts))
    pa.default_memory_pool().release_unused()  # all this took more than what it comes to
    warnings = [*_oddities([found for part in parts for found in part.warnings]), *tidied.warnings]
    if ansi:
        warnings.insert(0, Oddity("W016", len(ansi), ansi[0].source))
    if blank:
        warnings.append(Oddity("W024", len(blank), blank[0].place.name))
    return Manifest(
        tidied.labels,
        Problems([*(found for part in parts for found in part.problems), *tidied.problems], order=order),
        tuple(warnings),
        frozenset(key for part in parts for key in part.bad_keys) | tidied.bad_keys,
        frozenset(id_ for part in parts for id_ in part.bad_images) | tidied.bad_images,
        pa.concat_tables([*(part.refused for part in parts), tidied.refused]),
        any(part.may_have_boxes for part in parts),
        joined([*(part.astray for part in parts), tidied.astray]),
        tuple(inputs),
        count,
        "; ".join(dict.fromkeys(f"{n}: {p.convention}" for n, p in zip(names, parts, strict=True))),
        reading,
        any(part.is_rejects for part in parts),
        common,
    )


def _read_rows(input_: Input, reading: Reading) -> list[Rows]:
    with told(input_.place.name):
        return input_.format.read(input_.place, reading)


def _refuse_cut_off(blank: Sequence[Input], inputs: Sequence[Input]) -> None:
    """Refuse a file without a line beside others: what should stand there would count as gone."""
    cut_off = next((input_ for input_ in blank if input_.format.kind is Kind.LINES), None)
    if cut_off is not None and len(inputs) > 1:
        raise ManifestError(
            cut_off.place.name,
            ["is empty, and may have been cut off: write it again, or leave it out of the manifests"],
        )


def _common_folder(read_rows: Sequence[Rows]) -> Path:
    """Give the folder of all files of this machine; paths in others have none to start from."""
    folders = [rows.home or rows.folder for rows in read_rows if rows.is_local]
    return Path(os.path.commonpath(folders)) if folders else Path.cwd()


def _sources(rows: Rows) -> list[str]:
    """Name the files of rows, in order."""
    inside = {lost.source for lost in rows.lost if lost.source}
    if rows.sources is not None:
        inside.update(rows.sources.dictionary.to_pylist())
    return [rows.source, *sorted(inside)]


def _count(rows: Rows) -> int:
    """Count data rows: one that holds several labels is one."""
    return rows.count if rows.count is not None else len(rows) + len(rows.lost)


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Put the labels of several files together; a column that only some have is null in the others."""
    names = dict.fromkeys(name for table in tables for name in table.column_names)
    fields = [*SCHEMA, *(f for f in OPTIONAL if f.name in names)]
    schema = pa.schema(fields + [pa.field(name, TEXT) for name in names if name.startswith(METADATA)])
    if len(tables) == 1:
        return tables[0].cast(schema)
    whole = pa.concat_tables([_widened(table, schema) for table in tables])
    return whole.unify_dictionaries().combine_chunks()


def _widened(table: pa.Table, schema: pa.Schema) -> pa.Table:
    arrays = [
        table.column(f.name)
        if f.name in table.column_names
        else Texts.nothing(len(table)).column
        if f.type == TEXT
        else pa.nulls(len(table), f.type)
        for f in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _places(parts: Sequence[Checked]) -> Texts | None:
    if all(part.places is None for part in parts):
        return None
    columns = [part.labels.table.column("key") if part.places is None else part.places for part in parts]
    return Texts.of(pa.chunked_array([c for column in columns for c in _chunks(column)], TEXT))


def _chunks(column: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]


def _oddities(found: Iterable[Found]) -> list[Oddity]:
    by_code: dict[str, list[Found]] = {}
    for part in found:
        by_code.setdefault(part.code, []).append(part)
    return [
        Oddity(code, sum(map(len, parts)), problems=Problems(parts))
        for code, parts in sorted(by_code.items())
    ]
