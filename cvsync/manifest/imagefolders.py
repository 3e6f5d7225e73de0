"""Where the images of a data set lie, when it is split into folders for labels and for images."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from cvsync.labels import with_column
from cvsync.manifest.files import plain_path
from cvsync.manifest.places import Place

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
_USUAL = ("images", "Images", "JPEGImages", "data")


def find_images(place: Place, table: pa.Table) -> tuple[str | None, pa.Table]:
    """Find the folder that a file's image names start from, by looking for the first of them.

    Returns:
        The folder that holds both, and the table with paths that start from the file's own folder; None and
        the same table where they lie beside it, or nowhere.
    """
    if "path" not in table.column_names or not place.is_local:
        return None, table
    written = next((p for p in table.column("path").to_pylist() if p), None)
    if written is None or written.startswith(("/", "\\")):
        return None, table
    folder = Place(place.name, place.files, place.folder)
    first = plain_path(written, lambda form: folder.child(form).exists)
    for below in _candidates(place):
        if folder.child(below, first).exists:
            if below == ".":
                break
            column = pc.binary_join_element_wise(below, table.column("path").cast(pa.string()), "/")
            home = posixpath.commonpath(
                [place.folder, posixpath.normpath(posixpath.join(place.folder, below))]
            )
            return home, with_column(table, "path", column)
    return None, table


def _candidates(place: Place) -> Iterator[str]:
    """Name the usual folders: beside the file or one up, with the words of the file's own name."""
    stem = posixpath.splitext(place.base)[0]
    words = [stem, *re.split(r"[_.-]", stem)]
    for up in (".", ".."):
        yield up
        for usual in _USUAL:
            yield posixpath.join(up, usual)
            yield from (posixpath.join(up, usual, word) for word in words if word)
        yield from (posixpath.join(up, word) for word in words if word)
