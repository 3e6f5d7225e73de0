"""What a YOLO data set says of itself: its classes, and where its images lie."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from cvsync.errors import ManifestError
from cvsync.manifest.places import Place
from cvsync.manifest.rows import Lost
from cvsync.manifest.tree import INDEX, below, image_files, read_index
from cvsync.manifest.unreadable import no_utf8

SPLITS = ("train", "val", "valid", "test")
NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
LISTS = ("classes.txt", "obj.names", "names.txt")


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

    def images(self) -> Iterator[Place]:
        """Give the images of all parts; one may come twice."""
        for part in self.parts:
            yield from image_files(part) if part.is_folder else self._listed_in(part)

    def _listed_in(self, part: Place) -> Iterator[Place]:
        lines = part.read().to_pybytes().decode("utf-8-sig", "replace").splitlines()
        for line in filter(None, map(str.strip, lines)):
            beside = below(part.parent, line)
            yield beside if beside.exists else below(self.root, line)


def find_data_set(place: Place) -> DataSet:
    """Find the data set that a folder is, a ``data.yaml`` describes, or a list of images is of.

    Raises:
        ManifestError: It has no classes, what describes it cannot be read, or none of its images is there.
    """
    if place.is_folder:
        described = _description(place)
        return _described(described) if described else _undescribed(place)
    if place.suffix in (".yaml", ".yml"):
        return _described(place)
    folder = place.parent
    described = _description(folder)
    if described:
        return replace(_described(described), root=folder, parts=(place,), missing=())
    return DataSet(folder, _class_list(folder), (place,))


def _description(folder: Place) -> Place | None:
    return next((child for child in folder.children() if child.base in NAMES), None)


def _described(place: Place) -> DataSet:
    try:
        said = yaml.load(place.read().to_pybytes(), _Texts)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError) as error:  # a tagged scalar may be none of its kind
        raise ManifestError(place.name, [f"cannot be read: {' '.join(str(error).split())}"]) from error
    if not isinstance(said, dict) or "names" not in said:
        raise ManifestError(place.name, ["names no classes: `names` is missing"])
    names = _names(place, said["names"])
    folder = place.parent
    root = below(folder, str(said["path"])) if _listed(said.get("path")) else folder
    if not root.exists:  # where it was written, it lay elsewhere
        root = folder
    parts = [(split, part) for split in SPLITS for part in _listed(said.get(split))]
    found = [_part(root, part) for _, part in parts]
    home = folder if root.path.startswith(folder.path) else root
    listed = read_index(home) if None in found else {}
    missing = [
        part
        for part, at in zip(parts, found, strict=True)
        if at is None and not _is_listed(root, part[1], listed)
    ]
    if missing and not listed and _is_of_nothing(home, names):
        missing = []
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


def _is_of_nothing(home: Place, names: Mapping[int, str]) -> bool:
    """Tell whether a data set was written of no image, whose folder nothing made then."""
    labels = home.child("labels")
    has_labels = labels.exists and any(not child.is_folder for child in labels.children(deep=True))
    return not names and home.child(INDEX).exists and not has_labels


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
    raise ManifestError(
        folder.name,
        [
            f"names no classes: there is neither {NAMES[0]} nor {LISTS[0]}, which labels of YOLO need "
            "(or say --from folders, which takes the names of folders as tags)"
        ],
    )


def _class_lines(place: Place) -> list[str]:
    content: bytes = place.read().to_pybytes()
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise no_utf8(place, error) from error
