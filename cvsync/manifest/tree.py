"""Folders with a file an image: what their formats have in common.

What such a format has no place for stands in ``images.csv`` beside it: one row an image, its ``path`` below
the folder, the ``file`` that it is if it was not copied there, and its ``url``, ``key``, ``version``,
``image_id``, size and metadata. cvsync writes and reads that file; other programs pass it by.
"""

from __future__ import annotations

import csv
import posixpath
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

from cvsync.errors import ManifestError
from cvsync.labels import METADATA
from cvsync.manifest.by_image import OneImage
from cvsync.manifest.delimited import read_text
from cvsync.manifest.dialect import sniff
from cvsync.manifest.files import plain_path
from cvsync.manifest.imagefolders import IMAGES
from cvsync.manifest.places import Place, told
from cvsync.manifest.target import Target

INDEX = "images.csv"
FILE = "file"  # where an image lies that was not copied into the folder
_MAX_NAME = 120  # letters
_STEP = 1 << 14
_CARRIED = ("url", "key", "version", "image_id", "image_width", "image_height")


def read_index(folder: Place) -> dict[str, dict[str, Any]]:
    """Read what stands beside a folder's labels, by the absolute path of the image in it.

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
    kept = [name for name in names if name in (FILE, *_CARRIED) or name.startswith(METADATA)]
    listed = {}
    for start in range(0, len(table), _STEP):
        for row in table.slice(start, _STEP).select(["path", *kept]).to_pylist():
            path = folder.child(row.pop("path"))
            cells = {name: value for name, value in row.items() if value is not None}
            if FILE in cells:
                cells["path"] = below(folder, cells.pop(FILE)).path
            elif path.exists or "url" not in cells:
                cells["path"] = path.path
            listed[path.path] = cells
    return listed


class TreeWriter:
    """Names a folder's images, puts them there if asked to, and lists what its format has no place for."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._taken: set[str] = set()
        self._rows: list[dict[str, Any]] = []

    def place(self, image: OneImage, *, under: str) -> str:
        """Give an image its path in a folder below, with a stem of its own; note all that is known of it."""
        cells = image.cells
        source = cells.get("path")
        stem, suffix = posixpath.splitext(_name_of(cells))
        if suffix.lower() not in IMAGES:
            stem, suffix = stem + suffix, ".jpg"
        if self._target.has_images and source is not None and not source.startswith(("/", "..")):
            name: str = source
        else:
            name = self._free(posixpath.join(under, stem)) + suffix
        row = {column: cells[column] for column in cells if column in _CARRIED or column.startswith(METADATA)}
        row |= {"path": name, "key": cells.get("own_key") or cells["key"]}
        if source is not None:
            full = posixpath.join(self._target.final.absolute().as_posix(), source)
            if self._target.copy_images:
                copy = self._target.path / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(full, copy)
            elif source != name:
                row[FILE] = source
        self._rows.append(row)
        return name

    def finish(self) -> None:
        """Write the list of images."""
        names = ["path", FILE, *_CARRIED]
        names += sorted({name for row in self._rows for name in row if name.startswith(METADATA)})
        kept = [name for name in names if any(name in row for row in self._rows)] or ["path"]
        with (self._target.path / INDEX).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, kept, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self._rows)

    def _free(self, stem: str) -> str:
        """Give a stem that no image has yet; on some disks great and small letters are one."""
        for number in count(1):
            free = stem if number == 1 else f"{stem}_{number}"
            if free.casefold() not in self._taken:
                self._taken.add(free.casefold())
                return free
        raise AssertionError("count never ends")


def _name_of(cells: Mapping[str, Any]) -> str:
    """Name an image as it is called where it comes from, in letters that every disk takes."""
    place = cells.get("path") or urlsplit(cells["url"]).path
    name = posixpath.basename(unquote(place).replace("\\", "/").rstrip("/"))
    return re.sub(r"[^\w.-]+", "_", name).lstrip("._")[-_MAX_NAME:] or "image"


def image_files(folder: Place) -> Iterator[Place]:
    """Give the images below a folder, by name."""
    for child in folder.children(deep=True):
        if child.suffix in IMAGES and not child.is_folder:
            yield child


def below(folder: Place, path: str) -> Place:
    """Name a place by a path that is absolute or starts from a folder, however another system writes it."""

    def place(path: str) -> Place:
        return replace(folder, name=path, path=path) if path.startswith("/") else folder.at(path)

    return place(plain_path(path, lambda form: place(form).exists))
