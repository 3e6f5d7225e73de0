"""Options that are numbers."""

from __future__ import annotations

import math
from typing import cast

import click


class Number(click.FloatRange):
    """A number in a range; click lets ``nan`` into every range."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Give the number."""
        number = float(super().convert(cast(float, value), param, ctx))
        if math.isnan(number):
            self.fail(f"nan is no number; give one in the range {self._describe_range()}", param, ctx)
        return number
