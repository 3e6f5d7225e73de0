"""The JSON Lines of Azure Machine Learning: one image a line.

``{"image_url": …, "image_details": {"format": …, "width": "640px", "height": "480px"}, "label": …}``, where a
label is a tag, a list of tags, or a list of ``{"label", "topX", "topY", "bottomX", "bottomY", "isCrowd"}``
with the corners as fractions 0 to 1, or a ``polygon`` in their place.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from cvsync.labels import Labels
from cvsync.manifest.by_image import OneLabel, images_of
from cvsync.manifest.holds import CORNERS_EXACT, Holds
from cvsync.manifest.lines import Parsed, objects_of, read_parsed
from cvsync.manifest.nested import ShapeError, text_of
from cvsync.manifest.numbers import corners
from cvsync.manifest.outlines import box_around
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rows import Rows
from cvsync.manifest.target import Target

AZUREML = Holds(both=False, columns=frozenset({"size"}), precision=CORNERS_EXACT)
_CORNERS = {"topX": "xmin", "topY": "ymin", "bottomX": "xmax", "bottomY": "ymax"}
_PIXELS = re.compile(r"^(\d+)(px)?$")


def is_azureml(said: Mapping[str, Any]) -> bool:
    """Whether an object is a line of this format, and of no simpler one."""
    label = said.get("label")
    is_placed = isinstance(label, list) and any(
        isinstance(one, Mapping) and {"topX", "polygon"} & one.keys() for one in label
    )
    return "image_url" in said and ("image_details" in said or is_placed)


def read_azureml(place: Place, _reading: Reading) -> list[Rows]:
    """Read a file.

    Raises:
        ManifestError: It cannot be read.
    """
    return [read_parsed(place, objects_of(place), _parse, box=Box.XYXY, units=Units.FRACTION)]


def _parse(said: Mapping[str, Any]) -> Parsed:
    details = said.get("image_details") or {}
    place = text_of(said["image_url"]) or ""
    cells = {"url" if ":/" in place else "path": place} | {
        f"image_{side}": _pixels(details[side]) for side in ("width", "height") if side in details
    }
    label = said.get("label", said.get("labels"))
    if label is None:
        return cells, []
    if not isinstance(label, list):
        return cells, [{"tag": text_of(label)}]
    return cells, [_label(one) for one in label]


def _label(one: Any) -> dict[str, Any]:
    if not isinstance(one, Mapping):
        if isinstance(one, list):
            raise ShapeError
        return {"tag": text_of(one)}
    label = {"tag": text_of(one["label"])} | {
        field: one[name] for name, field in _CORNERS.items() if name in one
    }
    if len(label) == 1 and one.get("polygon"):
        label |= dict(zip(_CORNERS.values(), box_around(one["polygon"]), strict=True)) | {
            "outline": "polygon"
        }
    crowd = one.get("isCrowd")
    return label | {"crowd": "true"} if crowd and str(crowd).casefold() != "false" else label


def _pixels(value: Any) -> Any:
    match = _PIXELS.match(value) if isinstance(value, str) else None
    return int(match[1]) if match else value


def write_azureml(labels: Labels, target: Target) -> None:
    """Write a file; where any label is a box, all are written as boxes."""
    has_boxes = labels.has_boxes
    with target.open() as file:
        for image in images_of(labels):
            place = image.cells.get("url") or image.cells["path"]
            said: dict[str, Any] = {"image_url": place}
            details = {"format": posixpath.splitext(urlsplit(place).path)[1][1:].lower() or None}
            if image.size:
                details |= {"width": f"{image.size[0]}px", "height": f"{image.size[1]}px"}
            said["image_details"] = {name: value for name, value in details.items() if value}
            if has_boxes:
                said["label"] = [_written(label) for label in image.labels]
            elif len(image.labels) == 1:
                said["label"] = image.labels[0].tag
            else:
                said["label"] = [label.tag for label in image.labels]
            file.write(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE))


def _written(label: OneLabel) -> dict[str, Any]:
    assert label.box is not None
    return {"label": label.tag, **dict(zip(_CORNERS, corners(label.box), strict=True)), "isCrowd": 0}
