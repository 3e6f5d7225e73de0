"""JSON -> model: one decoder for every value of ``model.py``, built from its annotations.

Names are compared without case, since v2.x leaks PascalCase; absent arrays are empty; unknown names are
passed over, and unknown enum values kept, since the service adds both at any time.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from cvsync.model import Image
from cvsync.predictions import StoredImagePrediction

T = TypeVar("T")
Convert = Callable[[Any], Any]
_Place = tuple[str, int, Convert | None]
"""A name, the field that it fills, and how."""

_MOST_SHAPES = 256  # of a class; more are no help

_OLDER_NAMES: dict[tuple[type, str], str] = {  # v2.0 and v2.1 have one link for both
    (kind, name): "imageuri"
    for kind in (Image, StoredImagePrediction)
    for name in ("original_image_uri", "resized_image_uri")
}


def decode(kind: type[T], value: Any) -> T:
    """Read one value of a class of ``model.py``."""
    found: T = _decoder(cast(Hashable, kind))(value)
    return found


def decode_all(kind: type[T], values: Any) -> tuple[T, ...]:
    """Read a list; None is empty."""
    decoder = _decoder(cast(Hashable, kind))
    return tuple(decoder(value) for value in values or ())


@cache
def _decoder(kind: Any) -> Convert:
    """Build the decoder of a class.

    It learns what to do with an object's names when it first meets them together: to compare names without
    case costs more than all the rest, and the service always writes the same ones.
    """
    hints = get_type_hints(kind)
    fields = dataclasses.fields(kind)
    own = {f.name.replace("_", ""): n for n, f in enumerate(fields)}
    older = [(_OLDER_NAMES[kind, f.name], n) for n, f in enumerate(fields) if (kind, f.name) in _OLDER_NAMES]
    converts = [_converter(hints[f.name]) for f in fields]
    blank = [None if f.default is dataclasses.MISSING else f.default for f in fields]
    made = [
        (n, f.default_factory) for n, f in enumerate(fields) if f.default_factory is not dataclasses.MISSING
    ]
    shapes: dict[tuple[str, ...], list[_Place]] = {}

    def learn(names: tuple[str, ...]) -> list[_Place]:
        plain = [(name, name.lower()) for name in names]
        # A field's older name fills it only where its own does not come, or is null: so it goes first.
        found = [(name, n) for name, low in plain for old, n in older if low == old]
        found += [(name, own[low]) for name, low in plain if low in own]
        return [(name, n, None if converts[n] is _as_is else converts[n]) for name, n in found]

    def decode_one(value: Mapping[str, Any]) -> Any:
        names = tuple(value)
        shape = shapes.get(names)
        if shape is None:
            shape = learn(names)
            if len(shapes) < _MOST_SHAPES:
                shapes[names] = shape
        arguments = blank.copy()
        for n, make in made:
            arguments[n] = make()
        for name, n, convert in shape:
            item = value[name]
            if item is not None:
                arguments[n] = item if convert is None else convert(item)
        return kind(*arguments)

    return decode_one


def _converter(hint: Any) -> Convert:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _converter(next(a for a in arguments if a is not type(None)))
    if origin is tuple:
        item = _converter(arguments[0])
        return lambda values: tuple(item(value) for value in values)
    if hint is datetime:
        return read_datetime
    if dataclasses.is_dataclass(hint):
        return _decoder(cast(Hashable, hint))
    return _as_is


def encode(value: Any) -> Any:
    """Write a value of ``model.py`` or ``predictions.py`` as JSON has it; None and empty are left out."""
    if dataclasses.is_dataclass(value):
        pairs = ((f.name, encode(getattr(value, f.name))) for f in dataclasses.fields(value))
        return {_camel(name): item for name, item in pairs if item not in (None, [])}
    return [encode(item) for item in value] if isinstance(value, tuple) else value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _as_is(value: Any) -> Any:
    return value


@lru_cache(maxsize=1024)  # an image, its tags and its regions are of one moment
def read_datetime(text: str) -> datetime:
    """Read any recorded form: with or without zone (UTC), with none to seven digits of a second."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
