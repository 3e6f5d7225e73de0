"""Paths of rows that are written down in another folder than the one they stood in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from cvsync.manifest.identity import path_key
from cvsync.manifest.links import IS_PLACE

_PLACE = re.compile(IS_PLACE)


@dataclass(frozen=True)
class Mover:
    """Keeps paths and their keys true, wherever the rows go."""

    folder: Path
    """Where the paths start, absolute."""
    common: Path
    """The folder of all files of the manifest, where keys start."""

    def path(self, cell: str | None) -> str | None:
        """Give a path in full; what is none, as a URL, stays as it is written."""
        plain = _plain(cell)
        return cell if plain is None else str(self.folder / plain)

    def key(self, cell: str | None) -> str | None:
        """Give the key that a path has where it stands; None for what is no path."""
        plain = _plain(cell)
        return plain and path_key(plain, folder=self.folder, common=self.common)

    def table(self, table: pa.Table, at: int, *, has_key: bool) -> pa.Table:
        """Move the paths of a column, and write their keys out unless the rows have keys."""
        cells = table.column(at).cast(pa.string()).to_pylist()
        paths = pa.array([self.path(cell) for cell in cells], pa.string())
        table = table.set_column(at, table.column_names[at], paths)
        if has_key:
            return table
        return table.append_column("key", pa.array([self.key(cell) for cell in cells], pa.string()))


def _plain(cell: str | None) -> str | None:
    plain = (cell or "").strip()
    return None if not plain or is_place(plain) else plain.replace("\\", "/")


def is_place(cell: str) -> bool:
    """Tell whether a cell says where something is by a scheme, as a URL does."""
    return _PLACE.match(cell) is not None
