"""Pascal VOC: an XML file an image, with boxes by their corners in pixels.

Corners are read as edges: ``xmin`` 0 is the image's left edge, ``xmax`` its width the right one, as the usual
drawing programs write them. (The first data sets counted pixels from 1; that is half a pixel's matter.)
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from cvsync.manifest.build import Columns
from cvsync.manifest.places import Place, told
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rows import Lost, Rows
from cvsync.manifest.tree import Listed, below, image_files, read_index, tree_rows

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
    with told(place.name):
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
    return Place(
        posixpath.normpath(posixpath.join(place.name, posixpath.relpath(up, place.path))),
        place.files,
        up,
        place.is_local,
    )


def _read(folder: Place, files: list[Place]) -> Rows:
    index = read_index(folder)
    pictures = {image.path for image in image_files(folder)}
    built = Columns("path", "tag", *_CORNERS)
    sources: list[str] = []
    which: list[int] = []
    lost: list[Lost] = []
    count, used = 0, set()
    for file in files:
        try:
            root = defusedxml.ElementTree.fromstring(file.read().to_pybytes(), forbid_dtd=True)
        except (ParseError, DefusedXmlException) as error:
            lost.append(Lost("E044", 1, "file", str(error)[:200] or type(error).__name__, source=file.name))
            count += 1
            continue
        image = _image(folder, file, root, pictures, index)
        used.add(image)
        listed = index.get(image)
        common = {"path": image} if listed is None else dict(listed.cells)
        common |= _size(root)
        labels = [*_labels(root)]
        for number, label in enumerate(labels, 1):
            if label is None:
                lost.append(Lost("E041", number, "object", None, source=file.name, path=image))
                continue
            built.add(number, common, label)
            which.append(len(sources))
        if not labels:
            built.add(0, common)
            which.append(len(sources))
        count += max(1, len(labels))
        sources.append(file.name)
    table, numbers = built.finish()
    left = len(pictures - used)
    notes = (f"{left:,} images without an annotation left out",) if left else ()
    return tree_rows(
        folder, table, numbers, sources, which,
        lost=tuple(lost), count=count, box=Box.XYXY, units=Units.PIXEL, notes=notes,
    )  # fmt: skip


def _image(folder: Place, file: Place, root: Element, pictures: set[str], index: dict[str, Listed]) -> str:
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
    found = next((path for path in tries if path in pictures or path in index), None)
    if found is None and tries[-1] and below(folder, tries[-1]).exists:
        found = below(folder, tries[-1]).path
    if found is None:
        found = tries[0] if posixpath.basename(beside) == ANNOTATIONS else tries[1]
    return found


def _size(root: Element) -> dict[str, Any]:
    texts = {side: (root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")}
    return {f"image_{side}": _number(text) for side, text in texts.items() if text and _number(text) != 0}


def _labels(root: Element) -> Iterator[dict[str, Any] | None]:
    for found in root.iter("object"):
        corners = {name: (found.findtext(f"bndbox/{name}") or "").strip() for name in _CORNERS}
        if not all(corners.values()):
            yield None
            continue
        yield {"tag": found.findtext("name"), **{name: _number(text) for name, text in corners.items()}}


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
