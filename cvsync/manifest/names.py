"""What manifests are called: paths, globs, URIs and ``-``; and the places that these are."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.fs

from cvsync.errors import ManifestError
from cvsync.manifest.places import Place, told
from cvsync.odd_names import as_text

Name = str | os.PathLike[str]
STDIN = "-"
_URI = re.compile(
    r"^([A-Za-z][A-Za-z0-9+.-]+):/{1,3}(?=[^/])(.*)$", re.DOTALL
)  # a Path folds the double slash
_GLOB = re.compile(r"[*?\[]")
_GLOB_PARTS = re.compile(r"\*\*/|\*|\?|\[[^]]+\]|.", re.DOTALL)
_PASSWORD = re.compile(r"(?<=//)([^:@/]*):[^@/]*@")
_QUERY = re.compile(r"\?\w+=[^/]*$")  # of a URI; any other question mark is a glob's


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
