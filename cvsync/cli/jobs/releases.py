"""Steps that make a model and follow each other are one release, as `cvsync train` does it.

So a model is published and exported only once it is judged, and a job that is killed in between finds the
training again that it had begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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

    Without a training, what a model must be like goes with each step that takes the model further.

    Raises:
        SettingsError: A model is judged and nothing becomes of it, or something is said twice.
    """
    for group in _groups(parts):
        place, verb, _ = group[0]
        if verb == "train":
            yield place, verb, _all_options(group)
        else:
            yield from _judged(group) if verb in MODEL else group


def _groups(parts: Iterable[Part]) -> list[list[Part]]:
    """Keep steps that take a model further together; a training begins another one."""
    groups: list[list[Part]] = []
    for part in parts:
        goes_on = part[1] in MODEL[1:] and groups and groups[-1][0][1] in MODEL
        if goes_on:
            groups[-1].append(part)
        else:
            groups.append([part])
    return groups


def _all_options(parts: list[Part]) -> Table:
    options: dict[str, Any] = {}
    for place, verb, table in parts:
        names = _AS_OPTIONS.get(verb, {})
        for key, value in table.items():
            name = names.get(key, key)
            if name in options:
                raise SettingsError(f"{place}: {key} is said twice in one release")
            options[name] = value
    return options


def _judged(parts: list[Part]) -> Iterator[Part]:
    gate: Table = {}
    for number, (place, verb, table) in enumerate(parts, 1):
        if verb != "judge":
            yield place, verb, {**gate, **table}
        elif number == len(parts):
            raise SettingsError(f"{place}: put it after a train step, or before a publish or export step")
        else:
            gate = {**gate, **table}
