"""YOLO: a text file an image with lines ``class cx cy width height``, fractions of the image.

``data.yaml`` names the classes and says where the images of each split lie: folders, or lists of files. The
labels of ``…/images/a.jpg`` are ``…/labels/a.txt``; without a folder ``images`` they lie beside it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from cvsync.labels import Labels
from cvsync.manifest.by_image import images_of, tag_names
from cvsync.manifest.cells import number_in
from cvsync.manifest.holds import CORNERS_EXACT, EVERY_COLUMN, Holds
from cvsync.manifest.imagefolders import IMAGES
from cvsync.manifest.nested import OutlineError
from cvsync.manifest.numbers import centre
from cvsync.manifest.outlines import box_around
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rows import Lost, Rows
from cvsync.manifest.target import Target
from cvsync.manifest.tree import TreeWriter, below, read_index
from cvsync.manifest.tree_reader import OneRow, TreeReader, lost_in
from cvsync.manifest.yolo_data import LISTS, NAMES, DataSet, find_data_set

YOLO = Holds(tags=False, columns=EVERY_COLUMN - {"tag_type"}, precision=CORNERS_EXACT)
PARTS = (NAMES[0], "labels")  # of what is written
_BOX = ("cx", "cy", "width", "height")
_HEAD = 256  # bytes
_LABEL = re.compile(rb"\d+(?:[ \t]+[-+.\deE]+){4,}[ \t]*(?:[\r\n]|$)")


def is_yolo(folder: Place) -> bool:
    """Whether a folder is of this format."""
    names = {child.base for child in folder.children()}
    if names & {*NAMES} or ("labels" in names and names & {*LISTS, "images"}):
        return True
    return _has_labels(folder)


def _has_labels(folder: Place) -> bool:
    """Whether the first text that lies where labels of an image do, and is not empty, begins with one."""
    children = folder.children(deep=True)
    texts = {posixpath.relpath(c.path, folder.path): c for c in children if c.path.endswith(".txt")}
    if not texts:
        return False
    images = (posixpath.relpath(c.path, folder.path) for c in children if c.suffix in IMAGES)
    found = (texts.get(label_path(image)) for image in images)
    heads = (text.head(_HEAD) for text in found if text is not None)
    return bool(_LABEL.match(next(filter(None, map(bytes.strip, heads)), b"")))


def read_yolo(place: Place, _reading: Reading) -> list[Rows]:
    """Read a data set: its ``data.yaml``, its folder, or a list of images.

    Raises:
        ManifestError: It is none, or a part of it is missing.
    """
    data = find_data_set(place)
    index = read_index(data.root)
    images = dict.fromkeys([*index, *(image.path for image in data.images())])
    return [_read(data, [*images], index)]


def label_path(image: str) -> str:
    """Give where the labels of an image lie."""
    *folders, name = image.split("/")
    if "images" in folders:
        last = len(folders) - 1 - folders[::-1].index("images")
        folders[last] = "labels"
    return "/".join([*folders, posixpath.splitext(name)[0] + ".txt"])


def _read(data: DataSet, images: Sequence[str], index: Any) -> Rows:
    tree = TreeReader(data.root, *_BOX)
    for path in images:
        file = below(data.root, label_path(path))
        file = replace(file, name=_name_in(data, file))
        image = index.get(path, {"path": path})
        tree.add(file.name, image, [*_rows(file, image, data)] if file.exists else [])
    tree.lose(*data.missing, *_orphans(data, images))
    return tree.finish(box=Box.CXCYWH, units=Units.FRACTION)


class _BadLineError(ValueError):
    def __init__(self, code: str, column: str, value: str) -> None:
        self.code, self.column, self.value = code, column, value
        super().__init__(code)


def _rows(file: Place, image: Mapping[str, Any], data: DataSet) -> Iterator[OneRow | Lost]:
    text = file.read().to_pybytes().decode("utf-8-sig", "replace")
    for number, line in enumerate(text.splitlines(), 1):
        cells = line.split()
        if not cells:
            continue
        try:
            row = _row(number, cells, data)
        except _BadLineError as error:
            yield lost_in(file, image, error.code, number=number, column=error.column, value=error.value)
        else:
            yield row


def _row(number: int, cells: list[str], data: DataSet) -> OneRow:
    """Read the cells of a line.

    Raises:
        _BadLineError: They are no label.
    """
    names = data.names
    if data.keypoints and len(cells) == 5 + data.keypoints:
        cells = cells[:5]
    if len(cells) != 5 and (data.keypoints or len(cells) < 7 or len(cells) % 2 == 0):
        raise _BadLineError("E001", "row", " ".join(cells)[:200])
    class_ = int(cells[0]) if cells[0].isdecimal() else None
    if class_ not in names:
        raise _BadLineError("E043", "class", cells[0])
    numbers = [number_in(cell) for cell in cells[1:]]
    if len(cells) == 5:
        return OneRow(number, {"tag": names[class_], **dict(zip(_BOX, numbers, strict=True))})
    try:
        left, top, right, bottom = box_around(numbers)
    except OutlineError as error:
        raise _BadLineError("E010", "row", " ".join(cells)[:200]) from error
    width, height = right - left, bottom - top
    box = (left + width / 2, top + height / 2, width, height)
    return OneRow(number, {"tag": names[class_], **dict(zip(_BOX, box, strict=True))}, is_outline=True)


def _orphans(data: DataSet, images: Sequence[str]) -> list[Lost]:
    """Find label files that no image has."""
    known = {label_path(image) for image in images}
    folders = {posixpath.dirname(path) for path in known}
    found = []
    for folder in sorted(folders):
        place = below(data.root, folder)
        for child in place.children() if place.exists else ():
            if (
                child.suffix == ".txt"
                and child.base not in LISTS
                and child.path not in known
                and "/labels" in folder
            ):
                found.append(Lost("E045", 0, "file", child.base, source=_name_in(data, child)))
    return found


def _name_in(data: DataSet, place: Place) -> str:
    """Name a file by the way from the data set to it."""
    return posixpath.join(data.root.name, posixpath.relpath(place.path, data.root.path))


def write_yolo(labels: Labels, target: Target) -> None:
    """Write a folder: ``data.yaml``, and a file of labels for each image, an empty one where it has none."""
    names = tag_names(labels)
    number = {name: n for n, name in enumerate(names)}
    tree = TreeWriter(target)
    where = "images" if target.has_images else "images/train"
    for folder in (label_path(f"{where}/x"), *(() if target.has_images else (f"{where}/x",))):
        (target.path / folder).parent.mkdir(parents=True)
    for image in images_of(labels):
        lines = [
            " ".join([str(number[label.tag]), *map(repr, centre(label.box))]) + "\n"
            for label in image.labels
            if label.box
        ]
        (target.path / label_path(tree.place(image, under=where))).write_text(
            "".join(lines), encoding="utf-8", newline=""
        )
    tree.finish()
    described = {"path": ".", "train": where, "val": where, "names": dict(enumerate(names))}
    text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
    (target.path / NAMES[0]).write_text(text, encoding="utf-8")
