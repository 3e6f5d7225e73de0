"""Steps that make a model and follow each other are one release, as `cvsync train` does it.

So a model is published and exported only once it is judged, and a job that is killed in between finds the
training again that it had begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from cvsync.cli.config import Table
from cvsync.errors import SettingsError

MODEL = ("train", "judge", "publish", "export")
Part = tuple[str, str, Table]
"""Where a step stands, its verb, and its options."""

_AS_OPTIONS = {"publish": {"name": "publish"}, "export": {"platforms": "export"}}
"""What is an argument of a verb, and an option of a release."""


def as_one_release(parts: Iterable[Part]) -> Iterator[Part]:
    """Join the steps that follow a training, and make a model of it, with it.

    Raises:
        SettingsError: A model is judged without a training before it, or a step of it comes twice.
    """
    for is_model, group in groupby(parts, key=lambda part: part[1] in MODEL):
        steps = [*group]
        yield from _joined(steps) if is_model else steps


def _joined(parts: list[Part]) -> Iterator[Part]:
    if parts[0][1] != "train":
        for place, verb, table in parts:
            if verb == "judge":
                raise SettingsError(f"{place}: it judges what was trained; put a train step before it")
            yield place, verb, table
        return
    options: dict[str, Any] = {}
    for place, verb, table in parts:
        names = _AS_OPTIONS.get(verb, {})
        for key, value in table.items():
            name = names.get(key, key)
            if name in options:
                raise SettingsError(f"{place}: {key} is said twice in one release")
            options[name] = value
    yield parts[0][0], "train", options
