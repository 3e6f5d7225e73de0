"""The calls that left, as far back as it matters which of them were let in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_SPAN_SECONDS, _SPAN_CALLS = 2.0, 10.0  # at least, to measure a rate
_KEPT_SECONDS = 2.0  # beyond a span: it may end with a call that left a while ago


@dataclass(slots=True, eq=False)
class Sent:
    """A call that left."""

    at: float
    is_paced: bool
    """Whether it waited for the rate, and not for work or for another call's answer."""
    is_throttled: bool = False


class Sends:
    """The last calls, in the order in which they left."""

    def __init__(self) -> None:
        self._sends: deque[Sent] = deque()

    @property
    def last(self) -> Sent | None:
        """The call that left last; None: none has."""
        return self._sends[-1] if self._sends else None

    def add(self, sent: Sent, *, rate: float) -> None:
        """Add a call, and forget those that no longer matter at a rate."""
        self._sends.append(sent)
        kept = sent.at - span_at(rate) - _KEPT_SECONDS
        while self._sends[0].at < kept and len(self._sends) > 1:
            self._sends.popleft()

    def let_in(self, until: float, span: float) -> float:
        """Give the calls a second that were let in before a moment, as far as answers tell."""
        return sum(until - span < s.at <= until and not s.is_throttled for s in self._sends) / span


def span_at(rate: float) -> float:
    """Give the seconds in which enough calls leave, at a rate, to measure it."""
    return max(_SPAN_SECONDS, _SPAN_CALLS / rate)
