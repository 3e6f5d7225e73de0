"""How many calls may be in flight: as many as the rate needs at this latency, fewer while the service fails.

Pure. Under a cap on calls a second latency does not rise as the cap nears, so there is nothing to learn from
it; the window only has to be so wide that it never slows the rate. 5xx and timeouts are another matter: the
service has too much to do.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

from cvsync.limits import CALLS_PER_SECOND

LEAST_WINDOW = CALLS_PER_SECOND  # what the published cap lets in at once; a burst may need as much
ROOM = 1.5  # over what the rate needs at ``SLOW_SHARE`` of the latencies
SLOW_SHARE = 0.95
FAILING_SHARE = 0.05
CUT, GROWTH = 0.7, 1  # at most once a round trip
_LATENCIES, _OUTCOMES = 64, 40


class WindowLaw:
    """The window of one class of calls to one resource."""

    def __init__(self) -> None:
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._ranked: list[float] = []
        self._slow = 0.0
        self._failed: deque[bool] = deque(maxlen=_OUTCOMES)
        self._limit = math.inf
        self._changed_at = -math.inf

    def size(self, rate: float) -> float:
        """Give the window for a rate; a call may leave while fewer than this are in flight."""
        if rate == math.inf:
            return max(1.0, self._limit)
        needed = max(LEAST_WINDOW, rate * self._slow * ROOM)
        return max(1.0, min(self._limit, needed))

    def answered(self, latency: float, now: float, *, in_flight: int, rate: float) -> None:
        """Note an answer; ``in_flight`` counts its call too."""
        if len(self._latencies) == _LATENCIES:
            del self._ranked[bisect_left(self._ranked, self._latencies[0])]
        self._latencies.append(latency)
        insort(self._ranked, latency)
        self._slow = self._ranked[int(SLOW_SHARE * len(self._ranked))]
        self._failed.append(False)
        is_used = in_flight >= self.size(rate) / 2  # a window that nobody fills proves nothing
        if self._limit < math.inf and is_used and self._is_due(now):
            self._limit += GROWTH
            self._changed_at = now

    def failed(self, now: float, *, in_flight: int, rate: float) -> None:
        """Note a 5xx, a timeout or a lost connection."""
        self._failed.append(True)
        if sum(self._failed) > FAILING_SHARE * _OUTCOMES and self._is_due(now):
            self._limit = max(1.0, CUT * min(self.size(rate), in_flight))
            self._changed_at = now

    def _is_due(self, now: float) -> bool:
        return now - self._changed_at >= self._slow
