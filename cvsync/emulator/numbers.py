"""How the service writes numbers, times and ids, and in which order it puts ids.

Times are ticks: hundreds of nanoseconds since 1970, UTC.
"""

from __future__ import annotations

import re
import struct
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import orjson

TICKS_PER_SECOND = 10_000_000
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FRACTION = re.compile(r"[.,](\d+)")
_START = datetime(1970, 1, 1, tzinfo=UTC)
_SINGLE = struct.Struct("<f")  # the native form would make an infinity of what is too large


def now() -> int:
    return time.time_ns() // 100


def sql_datetime(ticks: int) -> int:
    """The nearest step of an SQL Server `datetime`, 1/300 s. recorded: projects' `created`."""
    steps = round(ticks * 300 / TICKS_PER_SECOND)
    return (steps * TICKS_PER_SECOND + 150) // 300


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=4096)
def naive(ticks: int) -> str:
    """No zone, up to seven digits, trailing zeros trimmed. recorded: `created` of images and labels."""
    seconds, rest = divmod(ticks, TICKS_PER_SECOND)
    return f"{_second(seconds)}.{rest:07d}".rstrip("0").rstrip(".")


def naive_milliseconds(ticks: int) -> str:
    return zulu_milliseconds(ticks)[:-1]


def zulu_milliseconds(ticks: int) -> str:
    """recorded: projects and iterations in v3.x, always three digits."""
    seconds, milliseconds = divmod((ticks + 5_000) // 10_000, 1_000)
    return f"{_second(seconds)}.{milliseconds:03d}Z"


def zulu(ticks: int) -> str:
    seconds, rest = divmod(ticks, TICKS_PER_SECOND)
    return f"{_second(seconds)}.{rest:07d}Z"


def ticks(text: str) -> int:
    """Read a time to the last of its digits; UTC unless it says otherwise. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC, microsecond=0) - _START) // timedelta(seconds=1)
    fraction = _FRACTION.search(text)
    return seconds * TICKS_PER_SECOND + (int(fraction[1].ljust(7, "0")[:7]) if fraction else 0)


def to_single(value: float) -> float:
    """The nearest 32-bit float; raises OverflowError beyond its range."""
    result: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    return result


@lru_cache(maxsize=1 << 16)
def single_text(value: float) -> str:
    """Print a 32-bit float as .NET's "R" does. recorded: 7 digits if they round-trip, else 9."""
    value = to_single(value)
    text = f"{value:.7g}"
    if to_single(float(text)) != value:
        text = f"{value:.9g}"
    return text if "." in text or "e" in text else f"{text}.0"


@lru_cache(maxsize=1 << 16)
def single(value: float) -> orjson.Fragment:
    return orjson.Fragment(single_text(value))


def is_guid(text: str) -> bool:
    return _GUID.fullmatch(text) is not None


def compact(guid: str) -> str:
    """A GUID without dashes, as blob names have it."""
    return guid.replace("-", "")


def sql_order(guid: str) -> bytes:
    """A key that sorts GUIDs as SQL Server does. recorded: tag lists and ties of images."""
    raw = bytes.fromhex(guid.replace("-", ""))
    return raw[10:] + raw[8:10] + raw[7:5:-1] + raw[5:3:-1] + raw[3::-1]
