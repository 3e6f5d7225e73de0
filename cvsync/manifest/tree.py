"""Folders with a file an image: what their formats have in common.

What such a format has no place for stands in ``images.csv`` beside it: one row an image, its ``path`` below
the folder, and its ``url``, ``key``, ``version``, ``image_id``, size and metadata. cvsync writes and reads
that file; other programs pass it by.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from cvsync.errors import ManifestError
from cvsync.labels import METADATA
from cvsync.manifest.delimited import read_text, sniff
from cvsync.manifest.imagefolders import IMAGES
from cvsync.manifest.places import Place, told
from cvsync.manifest.rows import Rows

INDEX = "images.csv"
_STEP = 1 << 14
_CARRIED = ("url", "key", "version", "image_id", "image_width", "image_height")


@dataclass(frozen=True)
class Listed:
    """An image of ``images.csv``."""

    cells: dict[str, Any]
    is_there: bool
    """Whether its file lies in the folder."""


def read_index(folder: Place) -> dict[str, Listed]:
    """Read what stands beside a folder's labels, by the absolute path of the image.

    Raises:
        ManifestError: It is there and cannot be read.
    """
    place = folder.child(INDEX)
    if not place.exists:
        return {}
    with told(place.name):
        dialect = sniff(place)
        table, invalid = read_text(place, dialect, range(len(dialect.names)))
    names = list(dialect.names)
    if "path" not in names or invalid:
        raise ManifestError(place.name, ["is no list of images with a column 'path'"])
    table = table.rename_columns(names)
    kept = [name for name in names if name in _CARRIED or name.startswith(METADATA)]
    listed = {}
    for start in range(0, len(table), _STEP):
        for row in table.slice(start, _STEP).select(["path", *kept]).to_pylist():
            path = folder.child(row.pop("path"))
            cells = {name: value for name, value in row.items() if value is not None}
            is_there = path.exists
            listed[path.path] = Listed(
                cells | ({"path": path.path} if is_there or "url" not in cells else {}), is_there
            )
    return listed


def image_files(folder: Place) -> Iterator[Place]:
    """Give the images below a folder, by name."""
    for child in folder.children(deep=True):
        if child.suffix in IMAGES and not child.is_folder:
            yield child


def tree_rows(
    folder: Place, table: pa.Table, numbers: Any, sources: list[str], which: list[int], **known: Any
) -> Rows:
    """Make rows of a folder.

    Args:
        folder: The whole of it: keys are paths below it.
        table: A row a label.
        numbers: The row of each in its file.
        sources: Names of files.
        which: For each row the position of its file in them.
        known: What else ``Rows`` has.
    """
    files = pa.DictionaryArray.from_arrays(pa.array(which, pa.int32()), pa.array(sources, pa.string()))
    return Rows(folder.name, folder.path, table, numbers, sources=files, is_local=folder.is_local, **known)


def below(folder: Place, path: str) -> Place:
    """Name a place by a path that is absolute or starts from a folder."""
    if path.startswith("/"):
        return replace(folder, name=path, path=path)
    return replace(
        folder,
        name=posixpath.normpath(posixpath.join(folder.name, path)),
        path=posixpath.normpath(posixpath.join(folder.path, path)),
    )
