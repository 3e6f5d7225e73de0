"""Names of files that are not UTF-8, as those of old archives are.

Python has the bytes that cannot be read as halves of characters, which files are opened by and nothing else
takes: neither JSON, nor a database, nor Arrow, nor the service.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import orjson


def is_odd(text: str) -> bool:
    """Tell whether a text can be written nowhere."""
    return not text.isascii() and as_text(text) != text


def as_text(name: str | os.PathLike[str]) -> str:
    """Give a name as it can be written everywhere: of odd ones the bytes that cannot are escaped."""
    return os.fspath(name).encode("utf-8", "backslashreplace").decode()


def dump_json(value: Any, *, option: int = 0) -> bytes:
    """Give the JSON of a value, whatever names stand in it."""
    try:
        return orjson.dumps(value, default=str, option=option)
    except orjson.JSONEncodeError:
        return orjson.dumps(_written(value), default=str, option=option)


def _written(value: Any) -> Any:
    match value:
        case str() | os.PathLike():
            return as_text(value)
        case Mapping():
            return {_written(name): _written(one) for name, one in value.items()}
        case list() | tuple():
            return [_written(one) for one in value]
        case _:
            return value
