"""Labels inside one value: what a cell or a line of JSON says about an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import orjson

from cvsync.manifest.columns import ALIASES, AS_CORNERS, CORNERS, NUMBERS, SIZE, UNCLEAR

_TAG = (*ALIASES["tag"], "category", "name", "displayName", "tagName")
_BOX = ALIASES["box"]
_TYPE = ALIASES["tag_type"]
_NOTHING: tuple[Any, ...] = (None, "", [], {})
_LISTED = {"bbox", "box", "bboxes", "boxes"}
_OUTLINES = frozenset(
    {"bndbox", "boundingpoly", "bounding_poly", "geometry", "mask", "points", "polygon", "polygons", "rect"}
    | {"rectangle", "rle", "segmentation", "vertices", "x1", "x2", "topx", "bottomx", "x_min", "x_max"}
)
BOX_FIELDS = frozenset({*NUMBERS, *UNCLEAR, "box"} - {*SIZE})
_SIDES = frozenset({*BOX_FIELDS, *chain(*AS_CORNERS), "w", "h"})

Label = dict[str, Any]
"""``tag``, numbers of a box by their fields or ``box`` with all four, ``tag_type``; as written."""


class ShapeError(ValueError):
    """A value that is no labels."""

    code = "E041"


class NoJSONError(ShapeError):
    """A text that starts like JSON and is none."""

    code = "E040"


class OutlineError(ShapeError):
    """A label with a box or an outline in a form that is not read: a tag alone would be less than it says."""

    code = "E051"


class TwiceError(ShapeError):
    """Labels in two fields of one object."""

    code = "E050"


def labels_of(value: Any) -> list[Label]:
    """Read what a value says: a tag, a list of tags, a list of objects, or an object of lists.

    Raises:
        ShapeError: It is none of them.
    """
    if value is None:
        return []
    if isinstance(value, Mapping):
        return _from_lists(value)
    if not isinstance(value, list):
        return [{"tag": text_of(value)}]
    return [_label(item) for item in value]


def text_of(value: Any) -> str | None:
    """Write a value of JSON as a cell would have it."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def box_of(value: Any) -> Label:
    """Read a box: four numbers, or an object that names them.

    Raises:
        ShapeError: They are not four, or have other names.
    """
    if not isinstance(value, Mapping):
        return {"box": _four_of(value)}
    named = {name.casefold(): number for name, number in value.items()}
    if not named.keys() & {*NUMBERS, *UNCLEAR}:
        raise OutlineError
    return {
        name: number
        for name, number in named.items()
        if number is not None and (name in NUMBERS or name in UNCLEAR)
    }


def _four_of(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) != 4 or any(isinstance(v, list | Mapping) for v in value):
        raise ShapeError
    return value


def _label(item: Any) -> Label:
    if not isinstance(item, Mapping):
        if isinstance(item, list):
            raise ShapeError
        return {"tag": text_of(item)}
    label: Label = {}
    for name, value in item.items():
        field = name.casefold()
        if value is None:
            continue
        if field in _BOX:
            label |= box_of(value)
        elif field in NUMBERS or field in UNCLEAR:
            label[field] = value
        elif field in _TYPE:
            label["tag_type"] = text_of(value)
    if not label.keys() & BOX_FIELDS:
        label |= _corners_of({name.casefold(): value for name, value in item.items()})
    if not label.keys() & BOX_FIELDS and _says_where(item):
        raise OutlineError
    tags = [item[name] for name in _TAG if item.get(name) is not None]
    if tags:
        label["tag"] = text_of(tags[0])
    if not label:
        raise ShapeError
    return label


def _corners_of(item: Mapping[str, Any]) -> Label:
    """Read corners by their other names."""
    names = next((names for names in AS_CORNERS if all(item.get(n) is not None for n in names)), ())
    return dict(zip(CORNERS, map(item.get, names), strict=bool(names)))


def _from_lists(value: Mapping[str, Any]) -> list[Label]:
    """Read an object of lists of one length, such as ``{"bbox": […], "categories": […]}``."""
    lists = {name.casefold(): column for name, column in value.items() if isinstance(column, list)}
    if not lists:
        return [_label(value)]
    boxes = next((column for name, column in lists.items() if name in _LISTED), None)
    tags = next((c for name, c in lists.items() if name in (*_TAG, "categories", "labels")), None)
    if tags is None or (boxes is not None and len(boxes) != len(tags)):
        raise ShapeError
    labels = [_label(tag) for tag in tags]
    if boxes is None:
        return labels
    if any(label.keys() & BOX_FIELDS for label in labels):
        raise TwiceError
    return [label | box_of(box) for label, box in zip(labels, boxes, strict=True)]


def _says_where(item: Mapping[str, Any]) -> bool:
    """Tell whether a label says where it is in a way that is not read: by a field's name, or by its sides."""
    told = {name: value for name, value in item.items() if value not in _NOTHING}
    if has_outline(told):
        return True
    parts = (value for value in told.values() if isinstance(value, Mapping))
    return any(len({name.casefold() for name in part} & _SIDES) > 1 for part in parts)


def has_outline(names: Iterable[str]) -> bool:
    """Tell whether fields of a label, by their names, say where it is in a way that is not read."""
    return any(name.casefold() in _OUTLINES for name in names)
