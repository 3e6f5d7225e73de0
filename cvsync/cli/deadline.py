"""The option that says when a run has to end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    FloatType = click.ParamType[float]
else:
    FloatType = click.ParamType  # generic only for who checks types


class Deadline(FloatType):
    """Seconds from now, or a time of day."""

    name = "SECONDS|HH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Give the seconds that are left."""
        if isinstance(value, float):
            return value
        try:
            return seconds_until(str(value), datetime.now())
        except ValueError:
            self.fail(f"{value!r} is neither a number of seconds nor a time as 06:30", param, ctx)


def seconds_until(text: str, now: datetime) -> float:
    """Give the seconds from now to the next time of day, or a number of seconds as it is.

    Args:
        text: Seconds, or hours and minutes as clocks here show them.
        now: What they show now, without an offset: on some nights it changes before the time comes.

    Raises:
        ValueError: It is neither.
    """
    hours, colon, minutes = text.partition(":")
    if not colon:
        seconds = float(text)
        if not 0 <= seconds < float("inf"):
            raise ValueError(text)
        return seconds
    then = now.replace(hour=int(hours), minute=int(minutes), second=0, microsecond=0)
    if then <= now:
        then += timedelta(days=1)
    return then.timestamp() - now.timestamp()
