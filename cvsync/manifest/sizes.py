"""The sizes of images: as their rows give them, or from the first bytes of their files.

Files are JPEG, PNG, BMP or GIF, and are not decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.labels import one_chunk, with_column
from cvsync.manifest.columns import SIZE
from cvsync.manifest.number_cells import Marks, read_numbers
from cvsync.manifest.rows import Rows
from cvsync.manifest.texts import Mask, Texts

Size = tuple[int, int]
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG's start-of-frame markers
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


def image_size(path: Path) -> Size | None:
    """Give width and height in pixels as they are stored; None for what is no such image."""
    try:
        with path.open("rb") as file:
            head = file.read(26)
            read = next((read for magic, read in _READERS.items() if head.startswith(magic)), None)
            return read(head, file) if read else None
    except (OSError, ValueError, struct.error):
        return None


def _png(head: bytes, _file: BinaryIO) -> Size:
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _gif(head: bytes, _file: BinaryIO) -> Size:
    width, height = struct.unpack("<HH", head[6:10])
    return width, height


def _bmp(head: bytes, _file: BinaryIO) -> Size:
    if struct.unpack("<I", head[14:18])[0] == 12:  # the oldest header
        width, height = struct.unpack("<HH", head[18:22])
    else:
        width, height = struct.unpack("<ii", head[18:26])
    return width, abs(height)  # negative: stored from the top


def _jpeg(_head: bytes, file: BinaryIO) -> Size | None:
    file.seek(2)
    while True:
        byte = file.read(1)
        while byte and byte != b"\xff":
            byte = file.read(1)
        while byte == b"\xff":
            byte = file.read(1)
        if not byte:
            return None
        marker = byte[0]
        if marker in _BARE:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if marker in _FRAMES:
            _, height, width = struct.unpack(">BHH", file.read(5))
            return width, height
        file.seek(length - 2, 1)


_READERS: dict[bytes, Callable[[bytes, BinaryIO], Size | None]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"GIF8": _gif,
    b"BM": _bmp,
    b"\xff\xd8": _jpeg,
}


def read_sizes(rows: Rows) -> tuple[dict[str, pa.Array], Marks]:
    """Read the sizes of images, as whole numbers; null where there is none."""
    sizes, marks = {}, []
    for name in SIZE:
        if name not in rows.table.column_names:
            continue
        column = read_numbers(
            one_chunk(rows.table.column(name)), name, pa.float64(), nan_is_null=rows.nan_is_null
        )
        values = column.values
        whole = (values >= 1) & (values == np.floor(values)) & (values < 2**31)
        missing = np.zeros(len(rows), bool) if column.empty is None else column.empty
        wrong = ~whole & ~missing
        marks.append(("E035", name, np.flatnonzero(wrong)))
        sizes[name] = pa.array(np.where(whole, values, 1).astype(np.int32), mask=missing | wrong)
    return sizes, marks


def probe_sizes(rows: Rows, folder: Path) -> Rows:
    """Fill in the sizes of images whose files can be read; each file is opened once."""
    if "path" not in rows.table.column_names:
        return rows
    paths = Texts.of(rows.table.column("path"))
    wanted = ~paths.null & np.logical_or(*(_is_missing(rows, name) for name in SIZE))
    used = np.zeros(len(paths.values) + 1, bool)
    used[paths.codes[wanted]] = True
    sizes = np.full((len(used), 2), np.nan)
    for at in np.flatnonzero(used[:-1]).tolist():
        size = image_size(folder / paths.values[at].as_py())
        if size is not None and min(size) > 0:
            sizes[at] = size
    table = rows.table
    for n, name in enumerate(SIZE):
        probed = pa.array(np.where(wanted, sizes[paths.codes, n], np.nan), pa.float64(), from_pandas=True)
        if name in table.column_names:
            table = with_column(table, name, _filled(table.column(name), wanted, probed))
        else:
            table = table.append_column(name, probed)
    failed = np.flatnonzero(wanted & np.isnan(sizes[paths.codes, 0]))
    return replace(rows, table=table, marks=(*rows.marks, ("E047", "path", failed)))


def _is_missing(rows: Rows, name: str) -> Mask:
    """Tell which rows have no size, or 0 in its place; a cell that is no number is for the checks to tell."""
    if name not in rows.table.column_names:
        return np.ones(len(rows), bool)
    cells = one_chunk(rows.table.column(name))
    column = read_numbers(cells, name, pa.float64(), nan_is_null=True)
    is_zero: Mask = column.values == 0
    return is_zero if column.empty is None else is_zero | column.empty


def _filled(column: pa.ChunkedArray, wanted: Mask, probed: pa.Array) -> pa.Array:
    """Put sizes in the place of some cells; the others stay as they are written, to be checked."""
    given = one_chunk(column)
    if pa.types.is_floating(given.type) or pa.types.is_integer(given.type):
        return pc.if_else(pa.array(wanted), probed, given.cast(pa.float64()))
    return pc.if_else(pa.array(wanted), probed.cast(pa.int64()).cast(pa.string()), given.cast(pa.string()))
