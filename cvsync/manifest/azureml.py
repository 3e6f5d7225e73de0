"""The JSON Lines of Azure Machine Learning: one image a line.

``{"image_url": …, "image_details": {"format": …, "width": "640px", "height": "480px"}, "label": …}``, where a
label is a tag, a list of tags, or a list of ``{"label", "topX", "topY", "bottomX", "bottomY", "isCrowd"}``
with the corners as fractions 0 to 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cvsync.manifest.lines import Parsed, objects_of, read_parsed
from cvsync.manifest.nested import ShapeError, text_of
from cvsync.manifest.places import Place, told
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rows import Rows

_CORNERS = {"topX": "xmin", "topY": "ymin", "bottomX": "xmax", "bottomY": "ymax"}
_PIXELS = re.compile(r"^(\d+)(px)?$")


def is_azureml(said: Mapping[str, Any]) -> bool:
    """Whether an object is a line of this format, and of no simpler one."""
    label = said.get("label")
    has_corners = isinstance(label, list) and any(isinstance(one, Mapping) and "topX" in one for one in label)
    return "image_url" in said and ("image_details" in said or has_corners)


def read_azureml(place: Place, _reading: Reading) -> list[Rows]:
    """Read a file.

    Raises:
        ManifestError: It cannot be read.
    """
    with told(place.name):
        return [read_parsed(place, objects_of(place), _parse, box=Box.XYXY, units=Units.FRACTION)]


def _parse(said: Mapping[str, Any]) -> Parsed:
    details = said.get("image_details") or {}
    cells = {"url": text_of(said["image_url"])} | {
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
    crowd = one.get("isCrowd")
    return label | {"crowd": "true"} if crowd and str(crowd).casefold() != "false" else label


def _pixels(value: Any) -> Any:
    match = _PIXELS.match(value) if isinstance(value, str) else None
    return int(match[1]) if match else value
