"""What retries may cost a resource, and the pause when that is used up.

Pure. Each retry draws on a quota that successes fill again, so an outage is met with a bounded number of
calls. When the quota is empty the circuit opens: nothing leaves but one call now and then, the probe; nothing
is dropped, and what waits spends no attempts. The first answer closes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from cvsync.errors import ServiceError, TransportError

Failed = ServiceError | TransportError

CAPACITY = 100
RETRY_COST = 5
TIMEOUT_COST = 10  # no answer at all: the dearer kind of failure, for both sides
REPAID = 1  # by a success
FIRST_PROBE_SECONDS = 1.0  # a hiccup should cost a second, not half a minute
PROBE_SECONDS = 30.0  # and an outage no more than this, so the wait doubles up to here and no further

Watch = Callable[["Circuit"], None]
"""Is told when the circuit opens or closes."""


class Circuit:
    """The retry quota of one resource.

    Args:
        watch: Is told when it opens and when it closes.
        max_outage: Seconds from the first failure after which what waits is given up.
    """

    def __init__(self, watch: Watch, *, max_outage: float = math.inf) -> None:
        self._watch = watch
        self.max_outage = max_outage
        self.quota = CAPACITY
        self.is_open = False
        self.error: Failed | None = None
        """The last failure since the last success."""
        self.succeeded_at = -math.inf
        """When the last call left that succeeded."""
        self._failing_since = math.inf
        self._probe_at = math.inf
        self._wait = FIRST_PROBE_SECONDS
        self._is_probing = False

    def succeeded(self, sent_at: float) -> None:
        """Note an answer that shows the service at work, be it a refusal, and when its call left."""
        if self.error is not None and sent_at < self._failing_since:
            return  # it left before the failures, so they are the newer tale
        self.succeeded_at, self.error, self._failing_since = sent_at, None, math.inf
        self.quota = min(CAPACITY, self.quota + REPAID)
        if self.is_open:
            self.is_open, self._is_probing, self.quota = False, False, CAPACITY
            self._watch(self)

    def failed(self, error: Failed, now: float) -> None:
        """Note a 5xx, a timeout or a lost connection."""
        self.error = error
        self._failing_since = min(self._failing_since, now)

    def withdraw(self, error: Failed, now: float) -> None:
        """Pay for a retry; open the circuit if the quota is too low for it."""
        cost = TIMEOUT_COST if isinstance(error, TransportError) else RETRY_COST
        if self.quota < cost:
            self.open(now)
        else:
            self.quota -= cost

    def open(self, now: float) -> None:
        """Let nothing leave but probes; safe to call again."""
        if not self.is_open:
            self.is_open, self._wait = True, FIRST_PROBE_SECONDS
            self._probe_at = now + self._wait
            self._watch(self)

    @property
    def next_at(self) -> float:
        """When to look again: for a probe, or to give up."""
        return min(math.inf if self._is_probing else self._probe_at, self._failing_since + self.max_outage)

    def may_probe(self, now: float) -> bool:
        """Tell whether it is time for a probe."""
        return not self._is_probing and now >= self._probe_at

    def begin_probe(self) -> None:
        """Note that the probe leaves."""
        self._is_probing = True

    def end_probe(self, now: float) -> None:
        """Note that the probe came back, or was called off; another follows unless it closed the circuit."""
        self._is_probing = False
        self._wait = min(PROBE_SECONDS, 2 * self._wait)
        self._probe_at = now + self._wait

    def is_over(self, now: float) -> bool:
        """Tell whether the outage has lasted as long as it may."""
        return now - self._failing_since >= self.max_outage
