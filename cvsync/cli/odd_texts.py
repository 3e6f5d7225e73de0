"""What is said on the command line and is no text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from cvsync.odd_names import is_odd

_PATHS = ("manifests", "pictures")  # texts to click, as they may be URLs


def refuse_odd_texts(context: click.Context) -> None:
    """Refuse names of projects, tags and the like that are not UTF-8; paths may be of any bytes.

    The service would be sent something else, or nothing could be.

    Raises:
        click.BadParameter: There is one.
    """
    for parameter in context.command.params:
        if parameter.name in _PATHS:
            continue
        for text in _texts(context.params.get(str(parameter.name))):
            if is_odd(text):
                raise click.BadParameter(f"{text!r} is not UTF-8.", context, parameter)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        yield from (one for one in value if isinstance(one, str))
