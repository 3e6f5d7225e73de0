"""Where manifests lie: files, folders, globs, stdin, and storage that ``pyarrow.fs`` can read."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.fs

from cvsync.errors import ManifestError
from cvsync.odd_names import as_text

Name = str | os.PathLike[str]
STDIN = "-"
_PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}
_URI = re.compile(
    r"^([A-Za-z][A-Za-z0-9+.-]+):/{1,3}(?=[^/])(.*)$", re.DOTALL
)  # a Path folds the double slash
_GLOB = re.compile(r"[*?\[]")
_GLOB_PARTS = re.compile(r"\*\*/|\*|\?|\[[^]]+\]|.", re.DOTALL)
_PASSWORD = re.compile(r"(?<=//)([^:@/]*):[^@/]*@")
_QUERY = re.compile(r"\?\w+=[^/]*$")  # of a URI; any other question mark is a glob's


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


def find_places(names: Sequence[Name], *, stdin: IO[bytes] | None = None) -> list[Place]:
    """Find what the arguments of a command name; a glob is all that it matches, by name.

    Raises:
        ManifestError: Nothing is there.
    """
    places = []
    for name in names:
        found = _find(os.fspath(name), stdin)
        if not found:
            what = "matches no file" if _GLOB.search(shown(name)) else "there is no such file"
            raise ManifestError(shown(name), [what])
        places += found
    return places


def _find(name: str, stdin: IO[bytes] | None) -> list[Place]:
    local = pa.fs.LocalFileSystem()
    if name == STDIN:
        content = _content(stdin or sys.stdin.buffer)
        return [Place("stdin", local, posixpath.join(Path.cwd().as_posix(), "stdin"), True, content)]
    uri = _URI.match(name)
    if uri is None:
        place = Place(name, local, _openable(name))
    else:
        place = _remote(f"{uri[1]}://{uri[2]}" if uri[1] != "file" else f"file:///{uri[2].lstrip('/')}")
    with told(place.name):
        return [place] if place.exists else _matching(place)


def _openable(name: str) -> str:
    """Give the path of a name on this machine; Arrow takes none that is no text, and seeks in what it reads.

    Raises:
        ManifestError: It cannot be opened, whatever is in it.
    """
    path = Path(name).absolute()
    text = as_text(path.as_posix())
    if text != path.as_posix():
        raise ManifestError(text, ["its path is not UTF-8; rename it, or give what it holds on stdin, as -"])
    if path.is_fifo():
        raise ManifestError(name, ["is a pipe, which can be read once only; give it on stdin, as -"])
    return text


def is_remote(name: Name) -> bool:
    """Tell whether a name is the URI of storage elsewhere."""
    uri = _URI.match(os.fspath(name))
    return uri is not None and uri[1] != "file"


def shown(name: Name) -> str:
    """Give a name as messages may have it: a URI without its password and its query."""
    text = os.fspath(name)
    return _PASSWORD.sub(r"\1@", _QUERY.sub("", text)) if is_remote(name) else text


def absolute(name: Name) -> str:
    """Give a name that means the same wherever the process is started; secrets are left out."""
    return shown(name) if is_remote(name) else Path(name).absolute().as_posix()


@lru_cache(maxsize=1)
def _content(stream: IO[bytes]) -> pa.Buffer:
    """Read a stream; a flow that begins anew, as one that waits for a lock does, finds the same in it."""
    return pa.py_buffer(stream.read())


def _remote(uri: str) -> Place:
    query = _QUERY.search(uri)
    named = uri[: query.start()] if query else uri
    wild = _GLOB.search(named)
    # The characters of a glob are none of a URI: the file system is found by the part before.
    fixed = named[: wild.start()] if wild else named
    with told(shown(uri)):
        files, path = _open_uri(fixed + (query[0] if query else ""))
    rest = named[len(fixed) :]
    slash = "/" if rest and fixed.endswith("/") and not path.endswith("/") else ""
    return Place(shown(uri), files, path + slash + rest, is_local=uri.startswith("file:"))


def _open_uri(uri: str) -> tuple[pa.fs.FileSystem, str]:
    found: tuple[pa.fs.FileSystem, str] = pa.fs.FileSystem.from_uri(uri)
    return found


def _matching(place: Place) -> list[Place]:
    wild = _GLOB.search(place.path)
    if wild is None:
        return []
    fixed = posixpath.dirname(place.path[: wild.start()] + "x")
    glob = place.path[len(fixed) :].lstrip("/")
    named = place.name.removesuffix(glob) if place.name.endswith(glob) else fixed
    folder = replace(place, name=named, path=fixed)
    if not folder.exists:
        return []
    pattern = re.compile("".join(map(_expression, _GLOB_PARTS.findall(glob))))
    return [
        child
        for child in folder.children(deep="/" in glob)
        if pattern.fullmatch(posixpath.relpath(child.path, fixed))
    ]


def _expression(part: str) -> str:
    """Write a part of a glob as a regular expression; only ``**/`` goes through folders."""
    if part.startswith("[") and len(part) > 1:
        return part.replace("[!", "[^")
    return {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))


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
