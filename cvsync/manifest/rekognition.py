"""The manifests of Amazon Rekognition and SageMaker Ground Truth: one image a line.

``{"source-ref": "s3://…", ATTRIBUTE: …, "ATTRIBUTE-metadata": {"type": …, …}}``, where the type says what the
attribute is: boxes in pixels (``groundtruth/object-detection``), one tag
(``groundtruth/image-classification``), or numbers of tags (``groundtruth/image-classification-multilabel``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cvsync.manifest.lines import Parsed, objects_of, read_parsed
from cvsync.manifest.nested import Label, ShapeError, text_of
from cvsync.manifest.places import Place, told
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rows import Rows

METADATA = "-metadata"
DETECTION = "groundtruth/object-detection"
CLASSIFICATION = "groundtruth/image-classification"
MULTILABEL = "groundtruth/image-classification-multilabel"
_SIDES = ("left", "top", "width", "height")


def is_rekognition(said: Mapping[str, Any]) -> bool:
    """Whether an object is a line of this format."""
    return "source-ref" in said and any(name.endswith(METADATA) for name in said)


def read_rekognition(place: Place, _reading: Reading) -> list[Rows]:
    """Read a file.

    Raises:
        ManifestError: It cannot be read.
    """
    with told(place.name):
        return [read_parsed(place, objects_of(place), _parse, box=Box.LTWH, units=Units.PIXEL)]


def _parse(said: Mapping[str, Any]) -> Parsed:
    cells: dict[str, Any] = {"url": text_of(said["source-ref"])}
    labels: list[Label] = []
    for name, about in said.items():
        if not name.endswith(METADATA):
            continue
        value: Any = said.get(name.removesuffix(METADATA))
        kind = about["type"]
        if kind == DETECTION:
            size = value["image_size"][0]
            cells |= {"image_width": size["width"], "image_height": size["height"]}
            labels += _boxes(value["annotations"], about["class-map"])
        elif kind == MULTILABEL:
            labels += [{"tag": _name(about["class-map"], number)} for number in value]
        elif kind == CLASSIFICATION:
            labels.append({"tag": text_of(about["class-name"])})
        else:
            raise ShapeError
    return cells, labels


def _boxes(annotations: list[Mapping[str, Any]], names: Mapping[str, Any]) -> Iterator[Label]:
    for one in annotations:
        yield {"tag": _name(names, one["class_id"])} | {side: one[side] for side in _SIDES}


def _name(names: Mapping[str, Any], number: Any) -> str | None:
    name = names.get(str(number))
    if name is None:
        raise ShapeError
    return text_of(name)
