"""What is wrong with a file that nothing can be made of, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from cvsync.errors import ManifestError
from cvsync.labels import one_chunk
from cvsync.manifest.places import Place
from cvsync.manifest.rows import Rows

_LOOKS_LIKE = {"{": ("JSON Lines", "jsonl"), "[": ("JSON", "json")}


@contextmanager
def naming_bad_text(rows: Rows) -> Iterator[None]:
    """Name the first cell that is no UTF-8, where something fails for that: Arrow does not say which.

    Raises:
        ManifestError: There is one.
    """
    try:
        yield
    except pa.ArrowInvalid as error:
        for field in rows.table.column_names:
            row = _first_bad(one_chunk(rows.table.column(field)))
            if row is not None:
                where = f"column {rows.name(field)!r}, row {int(rows.numbers[row])}"
                raise ManifestError(
                    rows.source, [f"cannot be read: {where} is not UTF-8 text; write the column as UTF-8"]
                ) from error
        raise


def _first_bad(column: pa.Array) -> int | None:
    """Find the first row whose text is none."""
    if pa.types.is_dictionary(column.type):
        return _first_bad(column.dictionary_decode())
    if not _is_bytes(column.type):
        return None
    raw = column.cast(pa.large_binary())
    for row, cell in enumerate(raw.to_pylist()):
        try:
            if cell is not None:
                cell.decode()
        except UnicodeDecodeError:
            return row
    return None


def _is_bytes(type_: pa.DataType) -> bool:
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(is_it(type_) for is_it in kinds)


def why_no_parquet(place: Place, said: str) -> str:
    """Say what a file is that is named as Parquet and cannot be opened as such.

    Args:
        place: The file.
        said: What Arrow says of it.
    """
    head = place.head(4096)
    if not head:
        return "is empty"
    if head.startswith(b"PAR1"):
        if place.packed:
            return "is a packed Parquet file, which can be read from its end only; unpack it"
        return f"cannot be read: it begins as Parquet and is damaged or cut off; copy it again ({said})"
    text = head.decode("utf-8-sig", "ignore").lstrip()
    if b"\0" in head or len(text.encode()) < len(head.strip()) - 8:
        return "cannot be read: it is named as Parquet and is something else"
    is_table = any(mark in text.partition("\n")[0] for mark in ",;\t|")
    kind, form = _LOOKS_LIKE.get(text[:1], ("a CSV table", "csv") if is_table else ("text", ""))
    remedy = f"name it .{form}, or give --from {form}" if form else "give it the ending of what it is"
    return f"cannot be read: it is named as Parquet and looks like {kind}; {remedy}"


def no_utf8(place: Place, error: UnicodeDecodeError) -> ManifestError:
    """Name the line of a file that is no UTF-8, as the decoder found it."""
    line = error.object.count(b"\n", 0, error.start) + 1
    return ManifestError(
        place.name, [f"cannot be read: line {line} is not UTF-8 text; save the file as UTF-8"]
    )
