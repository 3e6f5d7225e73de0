"""Where manifests lie: files and folders of this machine, stdin, and storage that ``pyarrow.fs`` can read."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa
import pyarrow.fs

from cvsync.errors import ManifestError

_PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}


@dataclass(frozen=True, eq=False)
class Place:
    """A file or folder that can be read, wherever it lies."""

    name: str
    """As messages call it: the path or URI as given but for secrets, or that of a file below it."""
    files: pa.fs.FileSystem
    path: str
    """Within the file system."""
    is_local: bool = True
    content: pa.Buffer | None = None
    """Of stdin, which can be read once only."""

    @property
    def base(self) -> str:
        """Its name without folders and without the ending of a packed file."""
        name = posixpath.basename(self.path.rstrip("/"))
        stem, suffix = posixpath.splitext(name)
        return stem if suffix.lower() in _PACKED else name

    @property
    def suffix(self) -> str:
        """What its name ends with, in small letters: ``.csv`` for ``m.csv.gz`` too."""
        return posixpath.splitext(self.base)[1].lower()

    @property
    def folder(self) -> str:
        """The folder that it lies in; of a folder, itself."""
        return self.path if self.is_folder else posixpath.dirname(self.path)

    @cached_property
    def is_parquet(self) -> bool:
        """Whether its first bytes say so."""
        return self.head(4) == b"PAR1"

    @cached_property
    def is_folder(self) -> bool:
        """Whether it holds other places."""
        return self.content is None and self._info.type == pa.fs.FileType.Directory

    @cached_property
    def exists(self) -> bool:
        """Whether it is there."""
        return self.content is not None or self._info.type != pa.fs.FileType.NotFound

    @property
    def stamp(self) -> list[int] | None:
        """What changes whenever the file does, as it was when it was found; None where nothing tells."""
        if self.content is not None or self.is_folder:
            return None
        return [self._info.size, self._info.mtime_ns or 0]

    @cached_property
    def _info(self) -> pa.fs.FileInfo:
        return self.files.get_file_info(self.path)

    @cached_property
    def packed(self) -> str | None:
        """How it is compressed, by its ending or its first bytes."""
        by_name = packing_of(self.path)
        if by_name or self.is_folder:
            return by_name
        with self.open_file() as file:
            start = file.read(4)
        return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)

    def open_file(self) -> pa.NativeFile:
        """Open it as it is, for reading anywhere in it."""
        return (
            pa.BufferReader(self.content)
            if self.content is not None
            else self.files.open_input_file(self.path)
        )

    def open(self) -> pa.NativeFile:
        """Open it unpacked, for reading from its start."""
        if self.packed is None:
            return self.open_file()
        return pa.CompressedInputStream(self.open_file(), self.packed)

    def head(self, size: int = 1 << 16) -> bytes:
        """Give its first bytes, unpacked."""
        with self.open() as file:
            return bytes(file.read(size))

    def read(self) -> pa.Buffer:
        """Give all of it, unpacked."""
        with self.open() as file:
            return file.read_buffer()

    def children(self, *, deep: bool = False) -> list[Place]:
        """Give what lies in a folder, by name; hidden files are left out."""
        found = self.files.get_file_info(pa.fs.FileSelector(self.path, recursive=deep))
        places = []
        for info in sorted(filter(_has_readable_path, found), key=lambda info: info.path):
            inside = posixpath.relpath(info.path, self.path)
            if not any(part.startswith((".", "__")) for part in inside.split("/")):
                place = replace(self, name=posixpath.join(self.name, inside), path=info.path)
                place.__dict__["_info"] = info
                places.append(place)
        return places

    @property
    def unreadable(self) -> int:
        """How many files below a folder of this machine nobody could open, since their name is no UTF-8."""
        if not self.is_local:
            return 0
        found = self.files.get_file_info(pa.fs.FileSelector(self.path, recursive=True))
        return sum(not _has_readable_path(info) for info in found)

    def child(self, *parts: str) -> Place:
        """Name a file below a folder, whether it is there or not."""
        return replace(self, name=posixpath.join(self.name, *parts), path=posixpath.join(self.path, *parts))

    @property
    def parent(self) -> Place:
        """The folder that it lies in, as a place."""
        return replace(self, name=posixpath.dirname(self.name) or ".", path=posixpath.dirname(self.path))

    def at(self, way: str) -> Place:
        """Name a place by the way from this one, which may lead up."""
        scheme, mark, name = self.name.rpartition("://")
        name = posixpath.normpath(posixpath.join(name, way))
        return replace(
            self, name=scheme + mark + name, path=posixpath.normpath(posixpath.join(self.path, way))
        )


def _has_readable_path(info: pa.fs.FileInfo) -> bool:
    """Tell whether Arrow can give a file's path: it gives none that is no UTF-8, so nobody could open it."""
    try:
        return bool(info.path)
    except UnicodeDecodeError:
        return False


def packing_of(name: str) -> str | None:
    """Tell by a file's name how it is compressed; None: not at all."""
    return _PACKED.get(posixpath.splitext(name)[1].lower())


@contextmanager
def told(name: str) -> Iterator[None]:
    """Turn what pyarrow and the system raise about a file into a ManifestError that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise ManifestError(name, ["there is no such file"]) from error
    except (OSError, EOFError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise ManifestError(name, [f"cannot be read: {reason}"]) from error
