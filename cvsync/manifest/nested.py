"""Labels inside one value: what a cell or a line of JSON says about an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from cvsync.manifest.columns import ALIASES, NUMBERS

_TAG = (*ALIASES["tag"], "category", "name", "displayName")
_BOX = ALIASES["box"]
_TYPE = ALIASES["tag_type"]
_LISTED = {"bbox", "box", "bboxes", "boxes"}

Label = dict[str, Any]
"""``tag``, numbers of a box by their fields or ``box`` with all four, ``tag_type``; as written."""


class ShapeError(ValueError):
    """A value that is no labels."""

    code = "E041"


class NoJSONError(ShapeError):
    """A text that starts like JSON and is none."""

    code = "E040"


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


def four_of(value: Any) -> list[Any]:
    """Read the four numbers of a box.

    Raises:
        ShapeError: They are not four.
    """
    if isinstance(value, Mapping):
        value = [*value.values()]
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
        if field in _BOX:
            if isinstance(value, Mapping):
                label |= {k.casefold(): v for k, v in value.items() if k.casefold() in NUMBERS}
            elif value is not None:
                label["box"] = four_of(value)
        elif field in NUMBERS:
            label[field] = value
        elif field in _TYPE:
            label["tag_type"] = text_of(value)
    tags = [item[name] for name in _TAG if item.get(name) is not None]
    if tags:
        label["tag"] = text_of(tags[0])
    if not label:
        raise ShapeError
    return label


def _from_lists(value: Mapping[str, Any]) -> list[Label]:
    """Read an object of lists of one length, such as ``{"bbox": […], "categories": […]}``."""
    lists = {name.casefold(): column for name, column in value.items() if isinstance(column, list)}
    if not lists:
        return [_label(value)]
    boxes = next((column for name, column in lists.items() if name in _LISTED), None)
    tags = next((c for name, c in lists.items() if name in (*_TAG, "categories", "labels")), None)
    if tags is None or (boxes is not None and len(boxes) != len(tags)):
        raise ShapeError
    if boxes is None:
        return [{"tag": text_of(tag)} for tag in tags]
    return [{"tag": text_of(t), "box": four_of(b)} for t, b in zip(tags, boxes, strict=True)]
