"""The rows of a folder with a file an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from cvsync.manifest.build import Columns
from cvsync.manifest.nested import Label
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Box, Units
from cvsync.manifest.rows import Lost, Rows


class OneRow(NamedTuple):
    """A label in a file."""

    number: int
    """Of its row."""
    label: Label
    is_outline: bool = False
    """Whether its box is the one around an outline."""


class TreeReader:
    """The rows of a folder in the making, file by file."""

    def __init__(self, folder: Place, *fields: str) -> None:
        """Start with a folder, the whole of it: keys are paths below it.

        Args:
            folder: What is read.
            fields: Those that are there even if no row has them.
        """
        self._folder = folder
        self._fields = fields
        self._built = Columns("path", "tag", *fields)
        self._sources: list[str] = []
        self._which: list[int] = []
        self._outlined: list[int] = []
        self._lost: list[Lost] = []
        self._count = 0

    def add(self, name: str, image: Mapping[str, Any], rows: Sequence[OneRow | Lost]) -> None:
        """Add a file: an image and its labels; without any, it is a row without a tag.

        Args:
            name: Of the file.
            image: Its fields.
            rows: What stands in the file, whether it can be read or not.
        """
        for row in rows or [OneRow(0, {})]:
            if isinstance(row, Lost):
                self._lost.append(row)
                continue
            if row.is_outline:
                self._outlined.append(len(self._which))
            self._built.add(row.number, image, row.label)
            self._which.append(len(self._sources))
        self._sources.append(name)
        self._count += max(1, len(rows))

    def lose(self, *lost: Lost) -> None:
        """Add what is not there, or of no image."""
        self._lost += lost

    def finish(
        self, *, box: Box | None = None, units: Units | None = None, notes: tuple[str, ...] = ()
    ) -> Rows:
        """Give the rows.

        Args:
            box: What the four numbers of a box are.
            units: What they are counted in.
            notes: How the folder was understood, for people.
        """
        if count := self._folder.unreadable:
            notes = (*notes, f"{count:,} files left out whose name is no UTF-8")
        table, numbers = self._built.finish()
        which, sources = pa.array(self._which, pa.int32()), pa.array(self._sources, pa.string())
        return Rows(
            self._folder.name,
            self._folder.path,
            table,
            numbers,
            sources=pa.DictionaryArray.from_arrays(which, sources),
            is_local=self._folder.is_local,
            count=self._count,
            lost=tuple(self._lost),
            marks=(("W013", self._fields[0], np.array(self._outlined, np.int64)),) if self._outlined else (),
            box=box,
            units=units,
            notes=notes,
        )


def lost_in(
    file: Place, image: Mapping[str, Any], code: str, *, number: int, column: str, value: str | None = None
) -> Lost:
    """Name a row of a file that cannot be read; its image is known."""
    where = {name: image.get(name) for name in ("url", "path", "key")}
    return Lost(code, number, column, value, source=file.name, is_sure=True, **where)
