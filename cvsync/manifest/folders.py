"""A folder a tag: what lies in ``cat/`` is a cat; images beside the folders have no label."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from cvsync.errors import ManifestError
from cvsync.labels import Labels
from cvsync.manifest.by_image import images_of
from cvsync.manifest.holds import EVERY_COLUMN, Holds
from cvsync.manifest.imagefolders import IMAGES
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Reading
from cvsync.manifest.rows import Rows
from cvsync.manifest.target import Target
from cvsync.manifest.tree import INDEX, TreeWriter, read_index
from cvsync.manifest.tree_reader import OneRow, TreeReader

FOLDERS = Holds(
    boxes=False,
    several=False,
    urls=False,
    columns=EVERY_COLUMN - {"tag_type"},
    # What no folder can be called everywhere, what reading passes by, and what it takes for a split.
    bad_tags=r'(?i)[\x00-\x1f<>:"/\\|?*]|^[.]|^__|[. ]$|^(train|training|val|valid|validation|test)$|.{120}',
)
_WITH_LABELS = frozenset(
    {".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json", ".manifest", ".xml", ".yaml", ".yml"}
)
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
    if not place.is_folder:
        raise ManifestError(place.name, ["is no folder"])
    top = {child.base.casefold() for child in place.children() if child.is_folder}
    depth = 1 if top and top <= _SPLITS else 0
    index = read_index(place)
    tree = TreeReader(place)
    entries = [child for child in place.children(deep=True) if not child.is_folder]
    images = [child for child in entries if child.suffix in IMAGES]
    for image in images:
        parts = posixpath.relpath(image.path, place.path).split("/")
        tag = {"tag": parts[depth]} if len(parts) > depth + 1 else {}
        listed = index.get(image.path)
        tree.add(image.name, listed or {"path": image.path}, [OneRow(1, tag)])
    if not images:
        raise ManifestError(place.name, ["there is no image in it"])
    passed = [c.name for c in entries if c.suffix in _WITH_LABELS and c.path != place.child(INDEX).path]
    notes = (f"{len(passed):,} files that may hold labels left alone, as {passed[0]}",) if passed else ()
    return [tree.finish(notes=notes)]


def write_folders(labels: Labels, target: Target) -> None:
    """Copy the images into folders that are named like their tags."""
    tree = TreeWriter(replace(target, copy_images=True))
    for image in images_of(labels):
        tree.place(image, under=image.labels[0].tag if image.labels else "")
    tree.finish()
