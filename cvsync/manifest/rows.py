"""Rows: one file as it was read, before it is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cvsync.manifest.reading import Box, Units

IMAGE_NOTE = "one row an image"


@dataclass(frozen=True, slots=True)
class Lost:
    """A row that could not be read at all."""

    code: str
    row: int
    column: str
    value: str | None
    source: str | None = None
    """None: the file that its ``Rows`` are of."""
    url: str | None = None
    path: str | None = None
    """Where its image is, as far as that can be told: it must not count as gone."""
    key: str | None = None
    """Of that image, where the row has one of its own."""
    is_sure: bool = False
    """Whether it can be relied on that this is its image."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one file, or of a folder that is read as one."""

    source: str
    folder: str
    """Where relative paths start: absolute, with forward slashes."""
    table: pa.Table
    """A column for each field of ``columns.ALIASES`` that there is, as written."""
    numbers: NDArray[np.int64]
    """The 1-based data row of each row of the table; rows of one cell share it."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What the file calls the fields, where it does not use their own names."""
    sources: pa.Array | None = None
    """The file of each row, where they are several: its name as text."""
    home: str | None = None
    """The folder that holds manifest and images, where it is not ``folder``."""
    is_local: bool = True
    """Whether files lie beside it that can be opened."""
    count: int | None = None
    """Data rows as people count them, where a row of the table is not one."""
    lost: tuple[Lost, ...] = ()
    marks: tuple[tuple[str, str, NDArray[np.int64]], ...] = ()
    """What was found in reading: codes, fields, and positions of rows."""
    box: Box | None = None
    units: Units | None = None
    """What the format itself says about boxes."""
    nan_is_null: bool = True
    """Whether NaN is an empty cell, as DataFrames write it."""
    notes: tuple[str, ...] = ()
    """How the file was understood, for people."""
    written: Callable[[], pa.Table] | None = None
    """Gives the table again with every cell as it is written, where columns of numbers lost that."""

    def __len__(self) -> int:
        return len(self.numbers)

    def name(self, column: str) -> str:
        """Give the file's own name of a field."""
        return self.names.get(column, column)
