"""The record of what was pulled into a folder, `.cvsync/pulled.jsonl`.

{"cvsync": 1, "source": …}                             what is pulled here
{"id": …, "file": …, "size": …, "sha256": …, …}        a line a file; the last of an image counts
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.errors import SettingsError
from cvsync.labels import codes_of, one_chunk
from cvsync.whole import open_whole

FILES = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("suffix", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("sha256", pa.binary(), nullable=False),
        pa.field("mtime_ns", pa.int64(), nullable=False),
    ]
)
"""Of a file as it was when it was recorded; about 100 bytes each."""

SUFFIXES = frozenset({"jpg", "png", "bmp", "gif", "tif", "webp"})
_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_IS_ID = re.compile(_ID)
_VERSION = 1
_AT_ONCE = 4096  # rows as Python's values


class PulledFile(NamedTuple):
    """A row of ``FILES``."""

    image_id: str
    suffix: str
    size: int
    sha256: bytes
    mtime_ns: int

    @property
    def name(self) -> str:
        """The file's, in its folder."""
        return f"{stem_of(self.image_id)}.{self.suffix}"

    def line(self) -> bytes:
        """Give its line of the record."""
        facts = {"id": self.image_id, "file": self.name, "size": self.size}
        return orjson.dumps(facts | {"sha256": self.sha256.hex(), "mtime_ns": self.mtime_ns}) + b"\n"


class Rows:
    """Rows that become columns a few thousand at a time."""

    def __init__(self, schema: pa.Schema) -> None:
        self._packed = [schema.empty_table()]
        self._rows: list[tuple[Any, ...]] = []

    def add(self, row: tuple[Any, ...]) -> None:
        """Add a row."""
        self._rows.append(row)
        if len(self._rows) == _AT_ONCE:
            self._pack()

    def table(self) -> pa.Table:
        """Give all rows so far, in one chunk."""
        self._pack()
        self._packed = [pa.concat_tables(self._packed).combine_chunks()]
        return self._packed[0]

    def _pack(self) -> None:
        if self._rows:
            schema = self._packed[0].schema
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
            self._packed.append(pa.Table.from_arrays(arrays, schema=schema))
            self._rows.clear()


def read_record(path: Path, source: str) -> pa.Table:
    """Read a record, or none; columns of ``FILES``. The end of its last line may be missing, after a kill.

    Raises:
        SettingsError: It is of another source.
    """
    rows = Rows(FILES)
    if path.exists():
        with path.open("rb") as lines:
            held = _parsed(next(lines, b"")).get("source", source)
            if held != source:
                raise SettingsError(
                    f"{path.parents[1]} holds images of {held}, not of {source}; name another with -o"
                )
            for file in filter(None, map(_file, lines)):
                rows.add(file)
    return last_of_each(rows.table())


def write_record(path: Path, source: str, files: pa.Table) -> None:
    """Write a record anew, without what was superseded; it is whole at any time."""
    with open_whole(path) as file:
        file.write(orjson.dumps({"cvsync": _VERSION, "source": source}) + b"\n")
        file.writelines(pulled.line() for pulled in files_of(files))


def files_of(table: pa.Table) -> Iterator[PulledFile]:
    """Give the rows of a table of ``FILES``, one by one."""
    for part in table.to_batches(_AT_ONCE):
        yield from map(PulledFile, *(part.column(name).to_pylist() for name in FILES.names))


def last_of_each(files: pa.Table) -> pa.Table:
    """Leave out the rows that a later one of the same image supersedes."""
    ids = one_chunk(files.column("image_id"))
    if pc.count_distinct(ids).as_py() == len(ids):
        return files
    codes = codes_of(ids)[0]
    last = len(ids) - 1 - np.unique(codes[::-1], return_index=True)[1]
    return files.take(pa.array(np.sort(last)))


def names_of(image_ids: pa.Array, suffixes: pa.Array) -> pa.Array:
    """Name the files of images, in their folder."""
    odd = pc.invert(pc.match_substring_regex(image_ids, f"^{_ID}$"))
    stems = [stem_of(image_id) for image_id in image_ids.filter(odd).to_pylist()]
    whole = pc.replace_with_mask(image_ids, odd, pa.array(stems, pa.string()))
    return pc.binary_join_element_wise(whole, suffixes, ".")


def stem_of(image_id: str) -> str:
    """Name an image's file; only what is known to be harmless on any disk is used as it is.

    Ids come from the service and are lower-case UUIDs; anything else is hashed.
    """
    if _IS_ID.fullmatch(image_id):
        return image_id
    return "image-" + hashlib.sha256(image_id.encode(errors="surrogatepass")).hexdigest()[:32]


def _file(line: bytes) -> PulledFile | None:
    """Read a line; None if it vouches for nothing.

    The folder may come from elsewhere, and what is named here may be deleted.
    """
    said = _parsed(line)
    try:
        image_id, digest = str(said["id"]), bytes.fromhex(said["sha256"])
        size, mtime_ns = int(said["size"]), int(said["mtime_ns"])
        stem, _, suffix = str(said["file"]).rpartition(".")
    except (KeyError, TypeError, ValueError):
        return None  # cut off by a kill, or damaged
    if stem != stem_of(image_id) or suffix not in SUFFIXES:
        return None
    return PulledFile(image_id, suffix, size, digest, mtime_ns)


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}
