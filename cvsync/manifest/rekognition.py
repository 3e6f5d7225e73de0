"""The manifests of Amazon Rekognition and SageMaker Ground Truth: one image a line.

``{"source-ref": "s3://…", ATTRIBUTE: …, "ATTRIBUTE-metadata": {"type": …, …}}``, where the type says what the
attribute is: boxes in pixels (``groundtruth/object-detection``), one tag
(``groundtruth/image-classification``), or numbers of tags (``groundtruth/image-classification-multilabel``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from cvsync.labels import Labels
from cvsync.manifest.by_image import OneImage, images_of, tag_names
from cvsync.manifest.holds import WHOLE_PIXELS, Holds
from cvsync.manifest.lines import Parsed, objects_of, read_parsed
from cvsync.manifest.nested import Label, ShapeError, text_of
from cvsync.manifest.numbers import whole_pixels
from cvsync.manifest.places import Place
from cvsync.manifest.reading import Box, Reading, Units
from cvsync.manifest.rows import Rows
from cvsync.manifest.target import Target

REKOGNITION = Holds(
    both=False,
    paths=False,
    needs_size=True,
    size_with_boxes=True,
    columns=frozenset({"size"}),
    precision=WHOLE_PIXELS,
)
METADATA = "-metadata"
_DATE = "1970-01-01T00:00:00.000000"  # a date must stand there; that of the labels is not known
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
            for size in value["image_size"][:1]:
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


def write_rekognition(labels: Labels, target: Target) -> None:
    """Write a file: boxes where any label is one, else one tag an image, or several."""
    is_one = len(labels) == len(labels.keys) and not labels.table.column("tag").null_count
    names = tag_names(labels)
    number = {name: n for n, name in enumerate(names)}
    about: dict[str, Any] = {"human-annotated": "yes", "creation-date": _DATE, "job-name": "cvsync"}
    has_boxes = labels.has_boxes
    with target.open() as file:
        for image in images_of(labels):
            said: dict[str, Any] = {"source-ref": image.cells["url"]}
            if has_boxes:
                said |= _written_boxes(image, number, about)
            elif not is_one:
                of_image = [number[label.tag] for label in image.labels]
                several: dict[str, Any] = {
                    "class-map": {str(n): names[n] for n in of_image},
                    "confidence-map": {str(n): 1 for n in of_image},
                    "type": MULTILABEL,
                }
                said |= {"labels": of_image, f"labels{METADATA}": several | about}
            elif image.labels:
                tag = image.labels[0].tag
                told = {"class-name": tag, "confidence": 1, "type": CLASSIFICATION}
                said |= {"label": number[tag], f"label{METADATA}": told | about}
            file.write(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE))


def _written_boxes(image: OneImage, number: Mapping[str, int], about: dict[str, Any]) -> dict[str, Any]:
    size = image.size or (1, 1)  # it is known wherever there is a box
    annotations = []
    for label in image.labels:
        if label.box:
            left, top, right, bottom = whole_pixels(label.box, size)
            sides = (left, top, right - left, bottom - top)
            annotations.append({"class_id": number[label.tag], **dict(zip(_SIDES, sides, strict=True))})
    told: dict[str, Any] = {
        "objects": [{"confidence": 1}] * len(annotations),
        "class-map": {str(number[label.tag]): label.tag for label in image.labels},
        "type": DETECTION,
    }
    sizes = [{"width": size[0], "height": size[1], "depth": 3}] if image.size else []
    boxes = {"image_size": sizes, "annotations": annotations}
    return {"bounding-box": boxes, f"bounding-box{METADATA}": told | about}
