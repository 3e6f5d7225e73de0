"""JSON -> model: one decoder for every value of ``model.py``, built from its annotations.

Names are compared without case, since v2.x leaks PascalCase; absent arrays are empty; unknown names are
passed over, and unknown enum values kept, since the service adds both at any time. Whatever else is not as
annotated is an answer that cannot be read, and the only error that decoding raises.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from cvsync.errors import TransportError
from cvsync.model import Image, ImageOutcome
from cvsync.predictions import StoredImagePrediction

T = TypeVar("T")
Convert = Callable[[Any], Any]
_Reader = tuple[type | None, Convert]
"""The type of JSON values that are taken as they are, and what becomes of any other."""
_Place = tuple[str, int, type | None, Convert]
"""A name, the field that it fills, and how."""

_MOST_SHAPES = 256  # of a class; more are no help

_OLDER_NAMES: dict[tuple[type, str], str] = {  # v2.0 and v2.1 have one link for both
    (kind, name): "imageuri"
    for kind in (Image, StoredImagePrediction)
    for name in ("original_image_uri", "resized_image_uri")
}
_BLANKS: dict[tuple[type, str], Any] = {  # fields without a default that an answer need not fill
    (ImageOutcome, "source_url"): "",  # spec: may be null in v2.x
    (ImageOutcome, "image"): None,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a call brought back: JSON that nobody has looked into yet."""

    operation: str
    value: Any = dataclasses.field(repr=False)


def decode(kind: type[T], answer: Answer) -> T:
    """Read one value: of a class of ``model.py``, or plain.

    Raises:
        TransportError: The answer is not of this kind; whatever was asked for may have been done.
    """
    return cast(T, _read(_reader(kind), answer))


def decode_all(kind: type[T], answer: Answer) -> tuple[T, ...]:
    """Read a list; raises as ``decode`` does."""
    return cast(tuple[T, ...], _read((None, _list_of(_reader(kind))), answer))


def _read(reader: _Reader, answer: Answer) -> Any:
    exact, convert = reader
    try:
        return answer.value if type(answer.value) is exact else convert(answer.value)
    except _UnreadableError as error:
        raise TransportError(answer.operation, f"the answer cannot be read: {error}", sent=True) from error


class _UnreadableError(Exception):
    """What is wrong, and on the way up: where. It shows names and kinds only, as values may be secrets."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
        self.where = ""

    def within(self, place: str) -> None:
        """Note that it was found below a place."""
        joint = "" if not self.where or self.where.startswith("[") else "."
        self.where = f"{place}{joint}{self.where}"

    def __str__(self) -> str:
        return f"{self.where or 'it'} is {self.what}"


def _refusal(value: Any, wanted: str) -> _UnreadableError:
    return _UnreadableError(f"{_KINDS.get(type(value), 'something else')}, not {wanted}")


_KINDS = {
    type(None): "null", bool: "true or false", int: "a number", float: "a number", str: "a text",
    list: "a list", dict: "an object",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """How the fields of a class are filled."""

    kind: Any
    names: list[str]
    """As the service spells them."""
    own: dict[str, int]
    older: list[tuple[str, int]]
    """A lower-case name and the field that it fills, as in ``own``: where its own name does not come."""
    readers: list[_Reader]
    blank: list[Any]
    """What a field holds that an answer does not fill."""
    made: list[tuple[int, Callable[[], Any]]]
    """The fields whose blank is made anew each time."""
    needed: frozenset[int]
    """The fields that an answer must fill."""

    def places(self, names: tuple[str, ...]) -> list[_Place]:
        """What to do with the names of an object."""
        plain = [(name, name.lower()) for name in names]
        # A field's older name fills it only where its own does not come, or is null: so it goes first.
        found = [(name, n) for name, low in plain for old, n in self.older if low == old]
        found += [(name, self.own[low]) for name, low in plain if low in self.own]
        for n in sorted(self.needed.difference(n for _, n in found)):
            error = _UnreadableError("missing")
            error.within(self.names[n])
            raise error
        return [(name, n, *self.readers[n]) for name, n in found]


def _plan(kind: Any) -> _Plan:
    hints, missing = get_type_hints(kind), dataclasses.MISSING
    fields = list(enumerate(dataclasses.fields(kind)))
    return _Plan(
        kind,
        names=[_camel(f.name) for _, f in fields],
        own={f.name.replace("_", ""): n for n, f in fields},
        older=[(_OLDER_NAMES[kind, f.name], n) for n, f in fields if (kind, f.name) in _OLDER_NAMES],
        readers=[_reader(hints[f.name]) for _, f in fields],
        blank=[_BLANKS.get((kind, f.name)) if f.default is missing else f.default for _, f in fields],
        made=[(n, f.default_factory) for n, f in fields if f.default_factory is not missing],
        needed=frozenset(
            n for n, f in fields
            if f.default is f.default_factory is missing and (kind, f.name) not in _BLANKS
        ),
    )  # fmt: skip


@cache
def _decoder(kind: Any) -> Convert:
    """Build the decoder of a class.

    It learns what to do with an object's names when it first meets them together: to compare names without
    case costs more than all the rest, and the service always writes the same ones.
    """
    plan = _plan(kind)
    blank, made, needed = plan.blank, plan.made, plan.needed
    shapes: dict[tuple[str, ...], list[_Place]] = {}

    def decode_one(value: Any) -> Any:
        if type(value) is not dict:
            raise _refusal(value, "an object")
        names = tuple(value)
        shape = shapes.get(names)
        if shape is None:
            shape = plan.places(names)
            if len(shapes) < _MOST_SHAPES:
                shapes[names] = shape
        arguments = blank.copy()
        for n, make in made:
            arguments[n] = make()
        name = ""
        try:
            for name, n, exact, convert in shape:
                item = value[name]
                if type(item) is exact:
                    arguments[n] = item
                elif item is not None or n in needed:
                    arguments[n] = convert(item)
        except _UnreadableError as error:
            error.within(name)
            raise
        return kind(*arguments)

    return decode_one


def _reader(hint: Any) -> _Reader:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _reader(next(a for a in arguments if a is not type(None)))
    if origin is tuple:
        return None, _list_of(_reader(arguments[0]))
    if origin is not None:  # a mapping, whose names are texts as in any JSON
        return None, _mapping_of(_reader(arguments[1]))
    if dataclasses.is_dataclass(hint):
        return None, _decoder(cast(Hashable, hint))
    return _PLAIN[hint]


def _list_of(reader: _Reader) -> Convert:
    exact, convert = reader

    def read(values: Any) -> tuple[Any, ...]:
        if type(values) is not list:
            raise _refusal(values, "a list")
        found: list[Any] = []
        try:
            for value in values:
                found.append(value if type(value) is exact else convert(value))
        except _UnreadableError as error:
            error.within(f"[{len(found)}]")
            raise
        return tuple(found)

    return read


def _mapping_of(reader: _Reader) -> Convert:
    exact, convert = reader

    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _refusal(value, "an object")
        try:
            return {name: item if type(item) is exact else convert(item) for name, item in value.items()}
        except _UnreadableError as error:
            error.within("[…]")  # its names are somebody's own
            raise

    return read


def _as_text(value: Any) -> Any:
    raise _refusal(value, "a text")


def _as_flag(value: Any) -> Any:
    raise _refusal(value, "true or false")


def _as_number(value: Any) -> float:
    if type(value) is int:
        return float(value)
    raise _refusal(value, "a number")


def _as_integer(value: Any) -> int:
    whole = int(value) if type(value) is float and value.is_integer() else value
    if type(whole) is not int:
        raise _refusal(value, "a whole number")
    if not -(2**31) <= whole < 2**31:  # spec: int32
        raise _UnreadableError("larger than any number of the service")
    return whole


def _as_moment(value: Any) -> datetime:
    if type(value) is not str:
        raise _refusal(value, "a date")
    try:
        return read_datetime(value)
    except ValueError:
        raise _UnreadableError("a text, not a date") from None


_PLAIN: dict[Any, _Reader] = {
    str: (str, _as_text), bool: (bool, _as_flag), float: (float, _as_number), int: (None, _as_integer),
    datetime: (None, _as_moment),
}  # fmt: skip


def encode(value: Any) -> Any:
    """Write a value of ``model.py`` or ``predictions.py`` as JSON has it; None and empty are left out."""
    if dataclasses.is_dataclass(value):
        pairs = ((f.name, encode(getattr(value, f.name))) for f in dataclasses.fields(value))
        return {_camel(name): item for name, item in pairs if item not in (None, [])}
    return [encode(item) for item in value] if isinstance(value, tuple) else value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@lru_cache(maxsize=1024)  # an image, its tags and its regions are of one moment
def read_datetime(text: str) -> datetime:
    """Read any recorded form: with or without zone (UTC), with none to seven digits of a second."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
