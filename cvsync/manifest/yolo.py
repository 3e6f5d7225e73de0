"""YOLO: a text file an image with lines ``class cx cy width height``, fractions of the image.

``data.yaml`` names the classes and says where the images of each split lie: folders, or lists of files. The
labels of ``…/images/a.jpg`` are ``…/labels/a.txt``; without a folder ``images`` they lie beside it.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import yaml

from cvsync.errors import ManifestError
from cvsync.labels import Labels
from cvsync.manifest.build import Columns
from cvsync.manifest.by_image import images_of
from cvsync.manifest.holds import CORNERS_EXACT, EVERY_COLUMN, Holds
from cvsync.manifest.numbers import centre
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rows import Lost, Rows
from cvsync.manifest.target import Target
from cvsync.manifest.tree import TreeWriter, below, image_files, read_index, tree_rows
from cvsync.manifest.unreadable import no_utf8

YOLO = Holds(tags=False, columns=EVERY_COLUMN - {"tag_type"}, precision=CORNERS_EXACT)
SPLITS = ("train", "val", "valid", "test")
NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
PARTS = (NAMES[0], "labels")  # of what is written
LISTS = ("classes.txt", "obj.names", "names.txt")
_BOX = ("cx", "cy", "width", "height")


class _Texts(yaml.SafeLoader):
    """Takes what stands there as text: a class `007`, `no` or `null` is called so."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (never changed; its stub has it so)


@dataclass(frozen=True)
class DataSet:
    """What ``data.yaml`` says, or what stands in its place."""

    root: Place
    names: dict[int, str]
    parts: tuple[Place, ...]
    """Folders of images, lists of them, or both."""
    missing: tuple[Lost, ...] = ()
    """What it names and is not there: of which images, nobody knows."""
    keypoints: int = 0
    """How many numbers stand behind each box for points of a pose."""


def is_yolo(folder: Place) -> bool:
    """Whether a folder is of this format."""
    names = {child.base for child in folder.children()}
    return bool(names & {*NAMES}) or ("labels" in names and bool(names & {*LISTS, "images"}))


def read_yolo(place: Place, _reading: Reading) -> list[Rows]:
    """Read a data set: its ``data.yaml``, its folder, or a list of images.

    Raises:
        ManifestError: It is none, or a part of it is missing.
    """
    data = _data_set(place)
    index = read_index(data.root)
    images = [
        *dict.fromkeys([*(path for path in index), *(i.path for p in data.parts for i in _images(p, data))])
    ]
    return [_read(data, images, index)]


def label_path(image: str) -> str:
    """Give where the labels of an image lie."""
    *folders, name = image.split("/")
    if "images" in folders:
        last = len(folders) - 1 - folders[::-1].index("images")
        folders[last] = "labels"
    return "/".join([*folders, posixpath.splitext(name)[0] + ".txt"])


def _read(data: DataSet, images: Sequence[str], index: Any) -> Rows:
    built = Columns("path", "tag", *_BOX)
    sources: list[str] = []
    which: list[int] = []
    lost: list[Lost] = []
    outlined: list[int] = []
    count = 0
    for image in images:
        labels = below(data.root, label_path(image))
        labels = replace(
            labels, name=posixpath.join(data.root.name, posixpath.relpath(labels.path, data.root.path))
        )
        common = index.get(image, {"path": image})
        rows = [*_lines(labels)] if labels.exists else []
        kept = 0
        for number, cells in rows:
            try:
                label, is_outline = _label(cells, data)
            except _BadLineError as error:
                lost.append(
                    Lost(
                        error.code, number, error.column, error.value, source=labels.name,
                        path=common.get("path"), url=common.get("url"), key=common.get("key"), is_sure=True,
                    )
                )  # fmt: skip
                continue
            if is_outline:
                outlined.append(len(which))
            built.add(number, common, label)
            which.append(len(sources))
            kept += 1
        if not rows:
            built.add(0, common)
            which.append(len(sources))
        sources.append(labels.name)
        count += max(1, len(rows))
    lost += [*data.missing, *_orphans(data, images)]
    table, numbers = built.finish()
    marks = (("W013", "cx", np.array(outlined, np.int64)),) if outlined else ()
    return tree_rows(
        data.root, table, numbers, sources, which,
        lost=tuple(lost), count=count, box=Box.CXCYWH, units=Units.FRACTION, marks=marks,
    )  # fmt: skip


class _BadLineError(ValueError):
    def __init__(self, code: str, column: str, value: str) -> None:
        self.code, self.column, self.value = code, column, value
        super().__init__(code)


def _lines(place: Place) -> Iterator[tuple[int, list[str]]]:
    text = place.read().to_pybytes().decode("utf-8-sig", "replace")
    for number, line in enumerate(text.splitlines(), 1):
        cells = line.split()
        if cells:
            yield number, cells


def _label(cells: list[str], data: DataSet) -> tuple[dict[str, Any], bool]:
    names = data.names
    if data.keypoints and len(cells) == 5 + data.keypoints:
        cells = cells[:5]
    if len(cells) != 5 and (data.keypoints or len(cells) < 7 or len(cells) % 2 == 0):
        raise _BadLineError("E001", "row", " ".join(cells)[:200])
    number = int(cells[0]) if cells[0].isdecimal() else None
    if number not in names:
        raise _BadLineError("E043", "class", cells[0])
    numbers = [_number(cell) for cell in cells[1:]]
    if len(cells) == 5:
        return {"tag": names[number], **dict(zip(_BOX, numbers, strict=True))}, False
    if any(isinstance(n, str) for n in numbers):
        raise _BadLineError("E010", "row", " ".join(cells)[:200])
    xs, ys = numbers[::2], numbers[1::2]
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    box = (min(xs) + width / 2, min(ys) + height / 2, width, height)
    return {"tag": names[number], **dict(zip(_BOX, box, strict=True))}, True


def _number(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell


def _images(part: Place, data: DataSet) -> Iterable[Place]:
    if part.is_folder:
        return image_files(part)
    start = replace(part, name=posixpath.dirname(part.name), path=posixpath.dirname(part.path))
    lines = part.read().to_pybytes().decode("utf-8-sig", "replace").splitlines()
    found = []
    for line in filter(None, map(str.strip, lines)):
        beside = below(start, line)
        found.append(beside if beside.exists else below(data.root, line))
    return found


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
                name = posixpath.join(data.root.name, posixpath.relpath(child.path, data.root.path))
                found.append(Lost("E045", 0, "file", child.base, source=name))
    return found


def _data_set(place: Place) -> DataSet:
    if place.is_folder:
        described = next((c for c in place.children() if c.base in NAMES), None)
        return _described(described) if described else _undescribed(place)
    if place.suffix in (".yaml", ".yml"):
        return _described(place)
    folder = replace(place, name=posixpath.dirname(place.name) or ".", path=posixpath.dirname(place.path))
    described = next((c for c in folder.children() if c.base in NAMES), None)
    if described:
        return replace(_described(described), root=folder, parts=(place,), missing=())
    return DataSet(folder, _class_list(folder), (place,))


def _described(place: Place) -> DataSet:
    try:
        said = yaml.load(place.read().to_pybytes(), _Texts)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError) as error:  # a tagged scalar may be none of its kind
        raise ManifestError(place.name, [f"cannot be read: {' '.join(str(error).split())}"]) from error
    if not isinstance(said, dict) or "names" not in said:
        raise ManifestError(place.name, ["names no classes: `names` is missing"])
    names = _names(place, said["names"])
    folder = replace(place, name=posixpath.dirname(place.name), path=posixpath.dirname(place.path))
    root = below(folder, str(said["path"])) if _listed(said.get("path")) else folder
    if not root.exists:  # where it was written, it lay elsewhere
        root = folder
    parts = [(split, part) for split in SPLITS for part in _listed(said.get(split))]
    found = [_part(root, part) for _, part in parts]
    home = replace(folder, name=folder.name or ".")
    if not root.path.startswith(home.path):
        home = root
    listed = read_index(home) if None in found else {}
    missing = [
        part
        for part, at in zip(parts, found, strict=True)
        if at is None and not _is_listed(root, part[1], listed)
    ]
    if missing and len(missing) == len(parts):
        raise ManifestError(place.name, [f"its images are not there: {', '.join(p for _, p in missing)}"])
    there = tuple(at for at in found if at is not None) or (root,)
    lost = tuple(Lost("E003", 0, split, part, source=place.name) for split, part in missing)
    return DataSet(home, names, there, lost, _keypoints(place, said.get("kpt_shape")))


def _keypoints(place: Place, shape: Any) -> int:
    """Multiply the number of points and of numbers a point, which are left alone."""
    sides = _listed(shape)
    if not all(side.isdecimal() for side in sides):
        raise ManifestError(place.name, ["`kpt_shape` is no list of two numbers"])
    return math.prod(map(int, sides)) if sides else 0


def _names(place: Place, listed: Any) -> dict[int, str]:
    pairs = dict(enumerate(listed)) if isinstance(listed, list) else listed
    if not isinstance(pairs, dict) or not all(
        str(number).isdecimal() and isinstance(name, str) for number, name in pairs.items()
    ):
        raise ManifestError(place.name, ["`names` is neither a list of names nor a number and a name each"])
    return {int(number): name for number, name in pairs.items() if name}


def _part(root: Place, part: str) -> Place | None:
    # Some programs write paths as seen from a folder beside the file.
    tries = [below(root, part), below(root, part.removeprefix("../"))]
    return next((place for place in tries if place.exists), None)


def _is_listed(root: Place, part: str, images: Iterable[str]) -> bool:
    """Tell whether images of a folder that is not there are known, as those that have a URL only."""
    start = below(root, part).path + "/"
    return any(image.startswith(start) for image in images)


def _listed(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [str(one) for one in listed if one not in (None, "", "~", "null")]


def _undescribed(folder: Place) -> DataSet:
    images = folder.child("images")
    return DataSet(folder, _class_list(folder), (images if images.exists else folder,))


def _class_list(folder: Place) -> dict[int, str]:
    for where in (folder, folder.child("labels")):
        for name in LISTS:
            place = where.child(name)
            if place.exists:
                # A blank line has a number too, though no name.
                lines = _class_lines(place)
                return {number: line.strip() for number, line in enumerate(lines) if line.strip()}
    raise ManifestError(folder.name, [f"names no classes: there is neither {NAMES[0]} nor {LISTS[0]}"])


def _class_lines(place: Place) -> list[str]:
    content: bytes = place.read().to_pybytes()
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise no_utf8(place, error) from error


def write_yolo(labels: Labels, target: Target) -> None:
    """Write a folder: ``data.yaml``, and a file of labels for each image, an empty one where it has none."""
    names = [
        *dict.fromkeys(tag for tag in labels.table.column("tag").unique().to_pylist() if tag is not None)
    ]
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
