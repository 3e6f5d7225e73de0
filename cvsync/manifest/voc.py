"""Pascal VOC: an XML file an image, with boxes by their corners in pixels.

Corners are read as edges: ``xmin`` 0 is the image's left edge, ``xmax`` its width the right one, as the usual
drawing programs write them. (The first data sets counted pixels from 1; that is half a pixel's matter.)
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, ElementTree, ParseError, SubElement, indent

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from cvsync.labels import Labels
from cvsync.manifest.by_image import images_of
from cvsync.manifest.cells import number_in
from cvsync.manifest.holds import EVERY_COLUMN, WHOLE_PIXELS, Holds
from cvsync.manifest.numbers import whole_pixels
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rows import Lost, Rows
from cvsync.manifest.target import Target
from cvsync.manifest.tree import TreeWriter, below, image_files, read_index
from cvsync.manifest.tree_reader import OneRow, TreeReader, lost_in

VOC = Holds(
    tags=False,
    needs_size=True,
    columns=EVERY_COLUMN - {"tag_type"},
    bad_tags=r"[\x00-\x1f\x{FFFE}\x{FFFF}]",  # what XML has no way to write
    precision=WHOLE_PIXELS,
)
ANNOTATIONS, PICTURES = "Annotations", "JPEGImages"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def is_voc(folder: Place) -> bool:
    """Whether a folder is of this format."""
    children = folder.children()
    if any(child.base == ANNOTATIONS and child.is_folder for child in children):
        return True
    return any(child.suffix == ".xml" for child in children)


def read_voc(place: Place, _reading: Reading) -> list[Rows]:
    """Read a folder of files, or one of them.

    Raises:
        ManifestError: There is none.
    """
    if not place.is_folder:
        folder = _parent(place)
        return [_read(folder, [place])]
    inside = place.child(ANNOTATIONS)
    files = [c for c in (inside if inside.exists else place).children(deep=True) if c.suffix == ".xml"]
    return [_read(place, files)]


def _parent(place: Place) -> Place:
    up = posixpath.dirname(place.path)
    if posixpath.basename(up) == ANNOTATIONS:
        up = posixpath.dirname(up)
    return place.at(posixpath.relpath(up, place.path))


def _read(folder: Place, files: list[Place]) -> Rows:
    index = read_index(folder)
    paths = [image.path for image in image_files(folder)]
    # Some programs leave the ending out of the name.
    pictures = {posixpath.splitext(path)[0]: path for path in paths} | {path: path for path in paths}
    tree = TreeReader(folder, *_CORNERS)
    used = set()
    for file in files:
        try:
            root = defusedxml.ElementTree.fromstring(file.read().to_pybytes(), forbid_dtd=True)
        except (ParseError, DefusedXmlException, LookupError, ValueError) as error:  # or of no known encoding
            why = str(error)[:200] or type(error).__name__
            tree.add(file.name, {}, [Lost("E044", 1, "file", why, source=file.name)])
            continue
        path = _image(folder, file, root, pictures, index)
        used.add(path)
        image = index.get(path, {"path": path}) | _size(root)
        tree.add(file.name, image, [*_labels(root, file, image)])
    left = len({*paths} - used)
    notes = (f"{left:,} images without an annotation left out",) if left else ()
    return tree.finish(box=Box.XYXY, units=Units.PIXEL, notes=notes)


def _image(
    folder: Place, file: Place, root: Element, pictures: Mapping[str, str], index: dict[str, Any]
) -> str:
    """Find the image of a file: where the format has it, beside the file, or where the file says."""
    stem = posixpath.splitext(posixpath.basename(file.path))[0]
    name = posixpath.basename((root.findtext("filename") or "").strip().replace("\\", "/")) or f"{stem}.jpg"
    beside = posixpath.dirname(file.path)
    within = posixpath.relpath(beside, folder.child(ANNOTATIONS).path)
    tries = [
        posixpath.normpath(folder.child(PICTURES, "" if within.startswith("..") else within, name).path),
        posixpath.join(beside, name),
        folder.child("images", name).path,
        (root.findtext("path") or "").strip(),
    ]
    found = next((pictures.get(path, path) for path in tries if path in pictures or path in index), None)
    if found is None and tries[-1] and below(folder, tries[-1]).exists:
        found = below(folder, tries[-1]).path
    if found is None:
        found = tries[0] if posixpath.basename(beside) == ANNOTATIONS else tries[1]
    return found


def _size(root: Element) -> dict[str, Any]:
    texts = {side: (root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")}
    return {f"image_{side}": number_in(text) for side, text in texts.items() if text and number_in(text) != 0}


def _labels(root: Element, file: Place, image: Mapping[str, Any]) -> Iterator[OneRow | Lost]:
    for number, found in enumerate(root.iter("object"), 1):
        corners = {name: (found.findtext(f"bndbox/{name}") or "").strip() for name in _CORNERS}
        if all(corners.values()):
            box = {name: number_in(text) for name, text in corners.items()}
            yield OneRow(number, {"tag": found.findtext("name"), **box})
        else:
            yield lost_in(file, image, "E041", number=number, column="object")


def write_voc(labels: Labels, target: Target) -> None:
    """Write a folder: a file for each image in ``Annotations``."""
    tree = TreeWriter(target)
    (target.path / ANNOTATIONS).mkdir()
    for image in images_of(labels):
        folder, name = posixpath.split(tree.place(image, under=PICTURES))
        root = Element("annotation")
        _add(root, "folder", folder)
        _add(root, "filename", name)
        if image.size:
            size = SubElement(root, "size")
            for side, value in zip(("width", "height", "depth"), (*image.size, 3), strict=True):
                _add(size, side, value)
        for label in image.labels:
            if label.box and image.size:
                found = SubElement(root, "object")
                _add(found, "name", label.tag)
                box = SubElement(found, "bndbox")
                for corner, value in zip(_CORNERS, whole_pixels(label.box, image.size), strict=True):
                    _add(box, corner, value)
        indent(root)
        path = target.path / ANNOTATIONS / (posixpath.splitext(name)[0] + ".xml")
        ElementTree(root).write(path, encoding="utf-8")
    tree.finish()


def _add(parent: Element, name: str, value: object) -> None:
    SubElement(parent, name).text = str(value)
