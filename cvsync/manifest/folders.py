"""A folder a tag: what lies in ``cat/`` is a cat; images beside the folders have no label."""

from __future__ import annotations

import posixpath

from cvsync.errors import ManifestError
from cvsync.manifest.build import Columns
from cvsync.manifest.imagefolders import IMAGES
from cvsync.manifest.places import Place, told
from cvsync.manifest.reading import Reading
from cvsync.manifest.rows import Rows
from cvsync.manifest.tree import image_files, read_index, tree_rows

_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test"})


def is_folders(folder: Place) -> bool:
    """Whether a folder is of this format."""
    children = folder.children()
    if any(child.suffix in IMAGES for child in children if not child.is_folder):
        return True
    return any(c.suffix in IMAGES for child in children if child.is_folder for c in child.children(deep=True))


def read_folders(place: Place, _reading: Reading) -> list[Rows]:
    """Read a folder; one that holds nothing but train, val and test is read through them.

    Raises:
        ManifestError: There is no image in it.
    """
    with told(place.name):
        if not place.is_folder:
            raise ManifestError(place.name, ["is no folder"])
        top = {child.base.casefold() for child in place.children() if child.is_folder}
        depth = 1 if top and top <= _SPLITS else 0
        index = read_index(place)
        built = Columns("path", "tag")
        sources: list[str] = []
        images = [*image_files(place)]
        for image in images:
            parts = posixpath.relpath(image.path, place.path).split("/")
            tag = {"tag": parts[depth]} if len(parts) > depth + 1 else {}
            listed = index.get(image.path)
            built.add(1, {"path": image.path}, listed.cells if listed else {}, tag)
            sources.append(image.name)
        if not images:
            raise ManifestError(place.name, ["there is no image in it"])
        table, numbers = built.finish()
        return [tree_rows(place, table, numbers, sources, [*range(len(sources))])]
