"""Manifests -> Labels, with every problem found on the way."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from cvsync.labels import Labels
from cvsync.manifest.check import Checked, check
from cvsync.manifest.columns import CORNERS, SIDES, find_columns
from cvsync.manifest.problems import Oddity, Problem
from cvsync.manifest.table import Rows, read_rows
from cvsync.manifest.tidy import tidy


@dataclass(frozen=True, eq=False)
class Manifest:
    """What some files say, the bad rows apart."""

    labels: Labels
    problems: tuple[Problem, ...]
    """Of the rows that are not in ``labels``, in the order of the files."""
    warnings: tuple[Oddity, ...]
    bad_keys: frozenset[str]
    """Images of which a row is bad."""
    sources: tuple[Path, ...]
    rows: int
    """Data rows, bad ones included."""
    convention: str
    """How the columns were understood, for people."""


def read(paths: Sequence[Path]) -> Manifest:
    """Read files as one manifest.

    Holds the columns that are labels, about 60 bytes a row, and one text a distinct cell.

    Raises:
        ManifestError: A file cannot be read or lacks a column; what and where.
    """
    common = Path(os.path.commonpath([path.resolve().parent for path in paths]))
    parts: list[Checked] = []
    conventions = []
    rows = 0
    for path in paths:
        found = read_rows(path)
        columns = find_columns(str(path), found.names)
        parts.append(check(found, columns, folder=path.resolve().parent, common=common))
        conventions.append(_convention(found, columns))
        rows += len(found.numbers) + len(found.broken)
    whole = pa.concat_tables([part.labels.table for part in parts]).unify_dictionaries().combine_chunks()
    tidied = tidy(Labels(whole))
    problems = [problem for part in parts for problem in part.problems] + tidied.problems
    bad_keys = frozenset(key for part in parts for key in part.bad_keys) | tidied.bad_keys
    clamped = sum(part.clamped for part in parts)
    warnings = ([Oddity("W001", clamped)] if clamped else []) + tidied.warnings
    problems.sort(key=lambda p: ([str(x) for x in paths].index(p.source), p.row))
    return Manifest(
        tidied.labels, tuple(problems), tuple(warnings), bad_keys, tuple(paths), rows,
        "; ".join(dict.fromkeys(conventions)),
    )  # fmt: skip


def _convention(rows: Rows, columns: dict[str, int]) -> str:
    where = " or ".join(rows.names[columns[f]].strip() for f in ("url", "path") if f in columns)
    box = next((group for group in (CORNERS, SIDES) if set(group) <= columns.keys()), None)
    boxes = f", box {' '.join(box)} as fractions" if box else ", no boxes"
    return f"image {where}, tag {rows.names[columns['tag']].strip()}{boxes}"
