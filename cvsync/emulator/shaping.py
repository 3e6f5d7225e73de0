"""How fast the emulator answers: rate caps and service time."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from typing import Literal, Protocol

SIGMA = 0.35  # spread of the lognormal service time; inferred


class Cap(Protocol):
    def admit(self) -> float:
        """0 lets a call in; else the seconds until the next chance."""
        ...


class Bucket:
    """A token bucket that holds one second of calls."""

    def __init__(self, tps: float, clock: Callable[[], float]) -> None:
        self.tps = tps
        self.size = max(1.0, tps)
        self.clock = clock
        self.tokens, self.last = self.size, clock()

    def admit(self) -> float:
        now = self.clock()
        self.tokens = min(self.size, self.tokens + (now - self.last) * self.tps)
        self.last = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.tps


class Window:
    """So many calls in each second of the clock; below one a second the window is longer."""

    def __init__(self, tps: float, clock: Callable[[], float]) -> None:
        self.length = max(1.0, 1 / tps)
        self.size = max(1, int(tps * self.length))
        self.clock = clock
        self.window, self.used = -1, 0

    def admit(self) -> float:
        now = self.clock()
        window = int(now // self.length)
        if window != self.window:
            self.window, self.used = window, 0
        if self.used < self.size:
            self.used += 1
            return 0.0
        return (window + 1) * self.length - now


class Shaping:
    """One cap for each class of operations, and the time that a call takes."""

    def __init__(
        self,
        tps: float | None,
        kind: Literal["bucket", "window"],
        latency: float,
        seed: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tps, self._kind, self._clock = tps, kind, clock
        self._caps: dict[str, Cap] = {}
        self._latency = latency
        self._dice = random.Random(seed)  # noqa: S311

    def admit(self, rate_class: str) -> int:
        """0 lets a call in; else whole seconds for `Retry-After`."""
        if self._tps is None:
            return 0
        cap = self._caps.get(rate_class)
        if cap is None:
            make = Bucket if self._kind == "bucket" else Window
            cap = self._caps[rate_class] = make(self._tps, self._clock)
        return math.ceil(cap.admit())

    def service_time(self) -> float:
        return self._latency and self._latency * self._dice.lognormvariate(0, SIGMA)
