"""What tests of reading have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cvsync.labels import BOX
from cvsync.manifest import Manifest, Reading, read

URL = "https://pictures.test/1.jpg"


def write(folder: Path, text: str | bytes, name: str = "m.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read_one(path: Path, **reading: Any) -> Manifest:
    return read([path], Reading(**reading))


def rows_of(path: Path, **reading: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_one(path, **reading).labels.table.to_pylist()
    return rows


def labels_of(path: Path, **reading: Any) -> list[tuple[Any, ...]]:
    """Key, tag and box of each row; a row without a box ends after its tag."""
    return [short(row) for row in rows_of(path, **reading)]


def short(row: dict[str, Any]) -> tuple[Any, ...]:
    box = [row[side] for side in BOX]
    return (row["key"], row["tag"], *(round(v, 6) for v in box if v is not None))


def problems_of(manifest: Manifest) -> list[tuple[str, int, str]]:
    return [(p.code, p.row, p.column) for p in manifest.problems]


def warnings_of(manifest: Manifest) -> list[tuple[str, Sequence[int]]]:
    return [(w.code, [p.row for p in w.problems or ()]) for w in manifest.warnings]
