"""The law itself; the package says how it goes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum

from cvsync.api.law.climb import NEAR, RISE, SEARCH, Climb
from cvsync.api.law.sends import Sends, Sent, span_at
from cvsync.limits import CALLS_PER_SECOND

PROOF_SECONDS = 1.0  # caps are of calls a second: what was let in for so long can be let in again
STARTING = 2.0  # times that, while nothing is known
HOLD_CUT = 0.8  # at most, at the first 429: the burst before it may have met an empty bucket
HOLD_MORE = CALLS_PER_SECOND  # 429s in the second after it that say nothing new; a bucket's would not end
LEARNT_SHARE = 0.95  # of a remembered rate, to begin with
LARGEST_STEP = 2.0  # from one call to the next
COARSE_CLIMB = 0.03  # a climb as fast as this overshoots, so its end is not the cap
SOON_SECONDS, SOON_CALLS = 5.0, 8  # a 429 as soon as this says that the search is still above the cap
SEARCH_CUT = 0.1
STEPS = ((0.05, 0.01), (0.03, 0.008), (0.02, 0.006), (0.015, 0.005), (0.01, 0.005))
"""The cut at a 429 and the share of 429s aimed at, for the first, the second, … 429 since the search."""
QUIET_SECONDS = 20.0  # without a 429, and at least
QUIET_MEANS = 1.7  # of the distance between two
QUIET_MEANS_SHARED = 3.5  # where 429s fall on several, chance makes longer gaps
SMALL_RISE = 1.2  # a rise that ends below this is doubted
CLUSTER, CLUSTER_OF = 4, 40  # so many 429s of so many answers are no chance
CLUSTER_CUT, DEEPEST_CUT = 0.2, 0.5
SLOWEST = 0.05  # calls a second
TOLD_DRIFT = 0.05  # a slow change is told once it has come to this


class Reason(StrEnum):
    """Why a rate changed."""

    START = "start"  # the first rate, and those that were proven by answers
    HOLD = "hold"  # the first 429: what was admitted until then
    SEARCH = "search"  # climbing to the next 429
    CUT = "cut"  # a 429
    CLUSTER = "cluster"  # many 429s: the cap fell, or a neighbour came
    RISE = "rise"  # a while without 429
    SHARE = "share"  # an equal share with the other runs of this machine


class Phase(Enum):
    """What the law is doing; the package says what each means."""

    START = "start"
    SEARCH = "search"
    SETTLED = "settled"


Watch = Callable[[float | None, float, Reason], None]
"""Is told the old rate, the new one, and why."""


@dataclass(slots=True)
class _Hold:
    """The first 429, which ended the start."""

    at: float
    least: float
    """The rate is not cut farther for it."""
    more: int = 0
    """429s of calls that left after it, in its second."""


class RateLaw:
    """The rate of one class of calls to one resource, in calls a second.

    Args:
        watch: Is told of every change; of a slow one whenever it has come to ``TOLD_DRIFT``.
        learnt: The rate that was found last time.
        most: A bound.
        fixed: The rate, whatever is answered; infinite for no rate at all.
    """

    def __init__(
        self,
        watch: Watch,
        *,
        learnt: float | None = None,
        most: float | None = None,
        fixed: float | None = None,
    ) -> None:
        self._watch = watch
        self._least, self._most = _bounds(most, fixed)
        self._phase = Phase.START
        self.rate = self._bounded(CALLS_PER_SECOND if learnt is None else LEARNT_SHARE * learnt)
        self._told = self.rate
        self._step = 0
        self._climb = SEARCH
        self._busy = 0.0  # seconds of calls that waited, since the last 429
        self._admitted = 0  # calls since the last 429
        self._cut_at = -math.inf
        self._hold: _Hold | None = None  # from the first 429 to the next cut
        self._rise_from: float | None = None
        self._is_doubted = False  # whether the last 429 took a rise back
        self._sends = Sends()
        self._let_in: deque[float] = deque()  # when answers came that let a call in, of the start
        self._recent: deque[bool] = deque(maxlen=CLUSTER_OF)  # whether answers were 429s
        self._together = 0.0  # of all who share the cap, when last looked
        self._sharers = 1
        if learnt is not None:
            self._search_near()
        watch(None, self.rate, Reason.START)

    @property
    def learnt(self) -> float | None:
        """The cap of all who share it, for next time; None: it is being sought, or a setting holds."""
        if self._phase is not Phase.SETTLED or self.is_bound:
            return None
        return self.rate * self._sharers

    @property
    def is_starting(self) -> bool:
        """Whether nothing is known of a cap: no 429 came, no setting and no neighbour says anything."""
        return self._phase is Phase.START and not self.is_bound

    @property
    def is_bound(self) -> bool:
        """Whether a setting holds the rate, and not the service."""
        return self.rate in (self._least, self._most)

    def bound(self, *, most: float | None, fixed: float | None) -> None:
        """Keep the rate under a bound, or where it is told to be."""
        self._least, self._most = _bounds(most, fixed)
        self._change(self.rate, Reason.START)

    def _bounded(self, rate: float) -> float:
        return min(self._most, max(self._least, rate))

    def sent(self, now: float, *, is_paced: bool) -> Sent:
        """Note that a call leaves."""
        sent, last = Sent(now, is_paced), self._sends.last
        if is_paced and last is not None:
            self._spend(min(now - last.at, 2 / self.rate))
        self._sends.add(sent, rate=self.rate)
        return sent

    def _spend(self, seconds: float) -> None:
        """Let time pass in which calls waited."""
        self._busy += seconds
        if self._phase is Phase.SEARCH:
            reason = Reason.SEARCH if self._rise_from is None else Reason.RISE
            self._drift(min(LARGEST_STEP, math.exp(self._speed() * seconds)), reason)
        elif self._phase is Phase.SETTLED and self._busy > self._quiet_span():
            self._search(RISE, rise_from=self.rate)

    def _quiet_span(self) -> float:
        means = QUIET_MEANS if self._sharers == 1 else QUIET_MEANS_SHARED
        return max(QUIET_SECONDS, means / (STEPS[-1][1] * self.rate))

    def _search(self, climb: Climb = SEARCH, *, rise_from: float | None = None) -> None:
        self._phase, self._climb, self._busy, self._rise_from = Phase.SEARCH, climb, 0.0, rise_from

    def _search_near(self) -> None:
        self._search(NEAR)
        self._step = 1

    def _speed(self) -> float:
        return self._climb.speed_after(self._busy, self.rate)

    def admitted(self, sent: Sent, now: float) -> None:
        """Note that a call was let in, whatever else was answered."""
        self._recent.append(False)
        self._admitted += 1
        if self._phase is Phase.START:
            self._start_faster(now)
        elif sent.is_paced and self._phase is Phase.SETTLED:
            cut, target = self._gains
            self._drift(1 + cut * target / (1 - target), Reason.RISE)

    def _start_faster(self, now: float) -> None:
        """Go as far beyond what was let in as one may guess, if calls wait for the rate."""
        self._let_in.append(now)
        while self._let_in[0] <= now - PROOF_SECONDS:
            self._let_in.popleft()
        rate = STARTING * len(self._let_in) / PROOF_SECONDS
        last = self._sends.last
        if rate > self.rate and last is not None and last.is_paced:
            self._drift(rate / self.rate, Reason.START)

    @property
    def _gains(self) -> tuple[float, float]:
        return STEPS[min(self._step, len(STEPS) - 1)]

    def throttled(self, sent: Sent, now: float) -> None:
        """Note a 429."""
        sent.is_throttled = True
        if sent.at > self._cut_at:
            self._recent.append(True)
            speed = self._speed() if self._phase is Phase.SEARCH else 0.0
            self._cut_at = now
            self._cut(sent, now, speed)
            self._busy, self._admitted = 0.0, 0
        elif self._hold is not None:
            self._refused_again(sent, now, self._hold)

    def _refused_again(self, sent: Sent, now: float, hold: _Hold) -> None:
        """Take in a 429 that came with the first, or in its second.

        The burst of the start is judged by all of its answers, not by the first. Where a cap is of each
        second of a clock, the rest of that second is refused at any rate.
        """
        if sent.at <= hold.at:
            let_in = self._sends.let_in(hold.at, PROOF_SECONDS)
            self._change(max(hold.least, min(self.rate, let_in)), Reason.HOLD)
            return
        hold.more += 1
        if hold.more == HOLD_MORE:
            self._cut_at = now

    def _cut(self, sent: Sent, now: float, speed: float) -> None:
        """Take in a 429 that is news; ``speed`` is that of the climb that it ends."""
        rise_from, self._rise_from = self._rise_from, None
        was_doubted, self._is_doubted = self._is_doubted, False
        self._hold = None
        if self._phase is Phase.START:
            self._end_start(sent, now)
        elif sum(self._recent) >= CLUSTER:
            self._fall(sent)
        elif rise_from is not None and self.rate < SMALL_RISE * rise_from:
            self._take_back(rise_from, was_doubted=was_doubted)
        elif speed > COARSE_CLIMB:
            # A bucket of one second's calls lets a climb of s a second overshoot by sqrt(2 s), a window by
            # next to nothing: half of that, and a slow climb from there.
            self._search()
            self._change((1 - math.sqrt(2 * speed) / 2) * self.rate, Reason.CUT)
        elif self._phase is Phase.SEARCH and (self._busy < SOON_SECONDS or self._admitted < SOON_CALLS):
            self._change((1 - SEARCH_CUT) * self.rate, Reason.CUT)
        else:
            if rise_from is not None:
                self._step = 0  # the cap is somewhere on the way
            self._settle()

    def _end_start(self, sent: Sent, now: float) -> None:
        """Begin to search at what was let in until the first 429."""
        self._search()
        self._hold = _Hold(now, least=(1 - HOLD_CUT) * self.rate)
        self._cut_at = now + PROOF_SECONDS
        found = min((1 - SEARCH_CUT) * self.rate, self._sends.let_in(sent.at, PROOF_SECONDS))
        self._change(max(self._hold.least, found), Reason.HOLD)

    def _fall(self, sent: Sent) -> None:
        """Search anew from what was let in lately: many 429s say that the cap is another one."""
        self._recent.clear()
        self._search()
        self._step = 0
        let_in = self._sends.let_in(sent.at, span_at(self.rate))
        found = min((1 - CLUSTER_CUT) * self.rate, let_in)
        self._change(max((1 - DEEPEST_CUT) * self.rate, found), Reason.CLUSTER)

    def _take_back(self, rise_from: float, *, was_doubted: bool) -> None:
        """Go back to where a small rise began.

        It was a lull of chance, or a bucket that filled while this process was held up. If it was the cap, no
        429 comes until the next rise, and that is half believed.
        """
        believed = (rise_from + self.rate) / 2 if was_doubted else rise_from
        self._phase, self._is_doubted = Phase.SETTLED, not was_doubted
        self._change(believed * (1 - self._gains[0]), Reason.CUT)

    def _settle(self) -> None:
        if self._phase is Phase.SEARCH:
            self._recent.clear()  # 429s of the search say nothing of the rate that it found
        self._phase = Phase.SETTLED
        cut, _ = self._gains
        self._step += 1
        self._change((1 - cut) * self.rate, Reason.CUT)

    def share(self, others: Sequence[float]) -> None:
        """Come to an equal share with others who call the same resource, given their rates.

        A 429 says how much is called, not by whom, so those who do not know of each other keep
        whatever shares they met with.
        """
        before, self._sharers = self._sharers, len(others) + 1
        if self._sharers == before:
            self._drift((self.rate + sum(others)) / before / self.rate, Reason.SHARE)
        elif self._together:  # one came or went: what was called together is shared anew
            self._change(self._together / self._sharers, Reason.SHARE)
        else:
            self._search_near()
            self._change(sum(others) / self._sharers, Reason.SHARE)
        self._together = self.rate * self._sharers

    def _drift(self, factor: float, reason: Reason) -> None:
        self.rate = self._bounded(self.rate * factor)
        if abs(self.rate - self._told) > TOLD_DRIFT * self._told:
            self._tell(reason)

    def _change(self, rate: float, reason: Reason) -> None:
        self.rate = self._bounded(rate)
        if self.rate != self._told:
            self._tell(reason)

    def _tell(self, reason: Reason) -> None:
        old, self._told = self._told, self.rate
        self._watch(old, self.rate, reason)


def _bounds(most: float | None, fixed: float | None) -> tuple[float, float]:
    return (SLOWEST, most or math.inf) if fixed is None else (fixed, fixed)
