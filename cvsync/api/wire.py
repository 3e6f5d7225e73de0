"""JSON -> model: one decoder for every value of ``model.py``, built from its annotations.

Names are compared without case, since v2.x leaks PascalCase; absent arrays are empty; unknown names are
passed over, and unknown enum values kept, since the service adds both at any time.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from cvsync.model import Image
from cvsync.predictions import StoredImagePrediction

T = TypeVar("T")
Convert = Callable[[Any], Any]

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
    hints = get_type_hints(kind)
    fields = [
        (f.name.replace("_", ""), _OLDER_NAMES.get((kind, f.name), ""), f.name, _converter(hints[f.name]))
        for f in dataclasses.fields(kind)
    ]
    blank = {f.name: None for f in dataclasses.fields(kind) if _has_no_default(f)}
    spelled: dict[str, tuple[tuple[str, Convert | None], ...]] = {}  # as it comes -> what it means here

    def meaning(name: str) -> tuple[tuple[str, Convert | None], ...]:
        plain = name.lower()
        found = [(a, c) for n, older, a, c in fields if plain in (n, older)]
        spelled[name] = known = tuple((a, None if c is _as_is else c) for a, c in found)
        return known

    def decode_one(value: Mapping[str, Any]) -> Any:
        arguments: dict[str, Any] = dict(blank)
        for name, item in value.items():
            if item is not None:
                known = spelled.get(name)
                for attribute, convert in meaning(name) if known is None else known:
                    arguments[attribute] = item if convert is None else convert(item)
        return kind(**arguments)

    return decode_one


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


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


def read_datetime(text: str) -> datetime:
    """Read any recorded form: with or without zone (UTC), with none to seven digits of a second."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
