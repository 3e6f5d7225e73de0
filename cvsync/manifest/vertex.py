"""The JSON Lines of Vertex AI: one image a line.

``{"imageGcsUri": "gs://…", …}`` with one of ``classificationAnnotation`` (``{"displayName"}``),
``classificationAnnotations`` (a list of them) and ``boundingBoxAnnotations`` (a list of ``{"displayName",
"xMin", "yMin", "xMax", "yMax"}``, fractions 0 to 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from cvsync.labels import Labels
from cvsync.manifest.by_image import images_of
from cvsync.manifest.holds import CORNERS_EXACT, Holds
from cvsync.manifest.lines import Parsed, objects_of, read_parsed
from cvsync.manifest.nested import OutlineError, text_of
from cvsync.manifest.numbers import corners
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rows import Rows
from cvsync.manifest.target import Target

VERTEX = Holds(both=False, paths=False, precision=CORNERS_EXACT)
_CORNERS = {"xMin": "xmin", "yMin": "ymin", "xMax": "xmax", "yMax": "ymax"}
_UNREAD = frozenset(
    f"{kind}Annotation{s}" for kind in ("segmentation", "polygon", "polyline") for s in ("", "s")
)


def is_vertex(said: Mapping[str, Any]) -> bool:
    """Whether an object is a line of this format."""
    return "imageGcsUri" in said


def read_vertex(place: Place, _reading: Reading) -> list[Rows]:
    """Read a file.

    Raises:
        ManifestError: It cannot be read.
    """
    return [read_parsed(place, objects_of(place), _parse, box=Box.XYXY, units=Units.FRACTION)]


def _parse(said: Mapping[str, Any]) -> Parsed:
    cells = {"url": text_of(said["imageGcsUri"])}
    if _UNREAD & said.keys():
        raise OutlineError
    labels = [_tag(one) for one in said.get("classificationAnnotations") or []]
    if said.get("classificationAnnotation"):
        labels.append(_tag(said["classificationAnnotation"]))
    for one in said.get("boundingBoxAnnotations") or []:
        # Corners at 0 may be left out, as that format leaves out every number that is 0.
        labels.append(_tag(one) | {field: one.get(name, 0) for name, field in _CORNERS.items()})
    return cells, labels


def _tag(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"tag": text_of(one["displayName"])}


def write_vertex(labels: Labels, target: Target) -> None:
    """Write a file: boxes where any label is one, else one tag an image, or several."""
    is_one = len(labels) == len(labels.keys)
    has_boxes = labels.has_boxes
    with target.open() as file:
        for image in images_of(labels):
            said: dict[str, Any] = {"imageGcsUri": image.cells["url"]}
            tags = [{"displayName": label.tag} for label in image.labels]
            if has_boxes:
                said["boundingBoxAnnotations"] = [
                    tag | dict(zip(_CORNERS, corners(label.box), strict=True))
                    for tag, label in zip(tags, image.labels, strict=True)
                    if label.box
                ]
            elif not is_one:
                said["classificationAnnotations"] = tags
            elif tags:
                said["classificationAnnotation"] = tags[0]
            file.write(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE))
