"""Every problem of the rows of one file, found in one pass over its columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.labels import BOX, SCHEMA, TEXT, Labels, as_column, codes_of
from cvsync.manifest.boxes import read_boxes
from cvsync.manifest.identity import path_key, url_key
from cvsync.manifest.problems import CODES, Problem
from cvsync.manifest.table import Rows

Mask = NDArray[np.bool_]


@dataclass(eq=False)
class Checked:
    """The good rows of a file, and what is wrong with the others."""

    labels: Labels
    problems: list[Problem] = field(default_factory=list)
    bad_keys: set[str] = field(default_factory=set)
    clamped: int = 0
    """Boxes that stood out by ``boxes.OVERHANG`` at most."""


def check(rows: Rows, columns: dict[str, int], *, folder: Path, common: Path) -> Checked:
    """Split the rows of a file into labels and problems.

    Args:
        rows: As read.
        columns: The position of each field's column.
        folder: Of the file, absolute.
        common: Of all files of the manifest, absolute.
    """
    texts = {name: _text(rows, columns, name) for name in ("key", "url", "path", "tag")}
    url, path = texts["url"], texts["path"]
    where = _coalesce(
        _mapped(texts["key"], str.strip),
        _mapped(url, url_key),
        _mapped(path, lambda p: path_key(p, folder=folder, common=common)),
    )
    boxes = read_boxes(rows, columns)
    found = _Finder(rows, columns)
    url_codes, urls = codes_of(url)
    is_web = np.array([u.lower().startswith(("http://", "https://")) for u in urls.to_pylist()] + [True])
    has_tag, is_blank = ~_null(texts["tag"]), _null(_mapped(texts["tag"], str.strip))
    found.mark("E002", "url" if "url" in columns else "path", _null(url) & _null(path))
    found.mark("E004", "url", ~is_web[url_codes])
    found.mark("E016", "tag", has_tag & is_blank)
    found.mark("E015", "tag", ~has_tag & boxes.present)
    for code, column, mask in boxes.problems:
        found.mark(code, column, mask)
    good = ~found.bad
    table = pa.Table.from_arrays(
        [
            where,
            url,
            path,
            _mapped(texts["tag"], str.strip),
            *(pa.array(boxes.values[:, n], mask=~boxes.present) for n in range(len(BOX))),
            as_column(pa.DictionaryArray.from_arrays(np.zeros(len(good), np.int32), [rows.source]), TEXT),
            pa.array(rows.numbers),
        ],
        schema=pa.schema([f.with_nullable(True) for f in SCHEMA]),
    )
    checked = Checked(Labels(table.filter(pa.array(good)).combine_chunks().cast(SCHEMA)))
    checked.problems = found.problems()
    checked.bad_keys = {key for key in where.filter(pa.array(found.bad)).to_pylist() if key is not None}
    checked.clamped = int((boxes.clamped & good).sum())
    return checked


class _Finder:
    """Gathers what is wrong; a row is told its first problem of each column."""

    def __init__(self, rows: Rows, columns: dict[str, int]) -> None:
        self._rows, self._columns = rows, columns
        self.bad = np.zeros(len(rows.numbers), bool)
        self._found: list[Problem] = [
            Problem("E001", rows.source, number, "row", str(len(cells)), CODES["E001"])
            for number, cells in rows.broken.items()
        ]

    def mark(self, code: str, column: str, mask: Mask) -> None:
        self.bad |= mask
        for row in np.flatnonzero(mask).tolist():
            value = self._rows.column(self._columns[column])[row].as_py() if column in self._columns else None
            number = int(self._rows.numbers[row])
            self._found.append(
                Problem(
                    code,
                    self._rows.source,
                    number,
                    column,
                    None if value is None else str(value),
                    CODES[code],
                )
            )

    def problems(self) -> list[Problem]:
        return sorted(self._found, key=lambda p: (p.row, p.code))


def _text(rows: Rows, columns: dict[str, int], name: str) -> pa.DictionaryArray:
    if name not in columns:
        return as_column(pa.nulls(len(rows.numbers), pa.string()), TEXT)
    column = rows.column(columns[name])
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column
    return as_column(column, TEXT)


def _mapped(column: pa.DictionaryArray, change: Callable[[str], str]) -> pa.DictionaryArray:
    """Change each distinct text once; what becomes empty is null."""
    codes, values = codes_of(column)
    changed = pa.array([(change(value) or None) for value in values.to_pylist()], pa.string())
    return as_column(changed.take(pa.array(codes, mask=codes < 0)), TEXT)


def _coalesce(*columns: pa.DictionaryArray) -> pa.DictionaryArray:
    used = [column for column in columns if column.null_count < len(column)] or [columns[0]]
    if len(used) == 1:
        return used[0]
    return as_column(pc.coalesce(*(column.cast(pa.string()) for column in used)), TEXT)


def _null(column: pa.DictionaryArray) -> Mask:
    return np.asarray(pc.is_null(column))
