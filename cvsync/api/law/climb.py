"""How a rate rises while it searches: the longer no 429 comes, the farther the cap may be."""

from __future__ import annotations

import math
from dataclasses import dataclass

FASTER_SECONDS = 5.0  # until a climb has doubled its speed
FASTEST = 0.16


@dataclass(frozen=True, slots=True)
class Climb:
    """A way to search for a cap."""

    speed: float
    """Of the rate, a second."""
    steady: float
    """Seconds until it gets faster."""
    speed_a_call: float = math.inf
    """The most from one call to the next; this and the next two are for slow rates, which learn slowly."""
    steady_calls: float = 0.0
    faster_calls: float = 0.0

    def speed_after(self, busy: float, rate: float) -> float:
        """Say how fast a rate rises, of itself a second.

        Args:
            busy: The seconds that calls waited since the last 429.
            rate: Calls a second.
        """
        steady = max(self.steady, self.steady_calls / rate)
        faster = max(FASTER_SECONDS, self.faster_calls / rate)
        speed = min(self.speed, self.speed_a_call * rate)
        return float(min(FASTEST, speed * 2.0 ** (max(0.0, busy - steady) / faster)))


SEARCH = Climb(0.02, steady=8.0)
NEAR = Climb(0.003, steady=45.0)  # from a rate that was learnt
RISE = Climb(0.02, steady=8.0, speed_a_call=0.003, steady_calls=40.0, faster_calls=25.0)  # from a right one
