from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsync.api.law import RateLaw, Reason
from cvsync.api.law.rate import CLUSTER, HOLD_MORE, LEARNT_SHARE, SLOWEST, STARTING, STEPS
from cvsync.limits import CALLS_PER_SECOND


class Calls:
    """A law and a virtual clock: calls that all waited for the rate, answered in no time."""

    def __init__(self, **options: Any) -> None:
        self.told: list[tuple[float | None, float, Reason]] = []
        self.law = RateLaw(lambda *change: self.told.append(change), **options)
        self.now = 0.0

    def pass_time(self, seconds: float) -> None:
        """Have every call admitted for so long."""
        end = self.now + seconds
        while self.now < end:
            self.now += 1 / self.law.rate
            self.law.admitted(self.law.sent(self.now, is_paced=True), self.now)

    def refuse(self) -> None:
        self.now += 1 / self.law.rate
        self.law.throttled(self.law.sent(self.now, is_paced=True), self.now)

    @property
    def reasons(self) -> list[Reason]:
        return [reason for _, _, reason in self.told]


def settled(rate: float = 10.0) -> Calls:
    """A law that has met the cap often enough for its smallest steps."""
    calls = Calls(learnt=rate / LEARNT_SHARE)
    for _ in range(len(STEPS) + 2):
        calls.pass_time(12)
        calls.refuse()
    return calls


def test_unknown_service_is_called_at_the_published_rate_and_then_as_answers_bear_out() -> None:
    calls = Calls()

    calls.pass_time(0.5)
    unproven = calls.law.rate
    calls.pass_time(0.5)

    assert unproven == CALLS_PER_SECOND
    assert calls.told[0] == (None, CALLS_PER_SECOND, Reason.START)
    assert calls.law.rate == pytest.approx(STARTING * (calls.now * CALLS_PER_SECOND), rel=0.3)
    assert set(calls.reasons) == {Reason.START}


def test_start_goes_twice_as_fast_as_the_last_second_bears_out() -> None:
    calls = Calls()
    for _ in range(2 * CALLS_PER_SECOND):  # two windows, which came back at once
        sent = calls.law.sent(0.0, is_paced=True)
        calls.law.admitted(sent, 0.2)
    at_once = calls.law.rate

    calls.law.admitted(calls.law.sent(5.0, is_paced=True), 5.0)

    assert at_once == STARTING * 2 * CALLS_PER_SECOND
    assert calls.law.rate == at_once, "a pause says nothing"


def test_rate_that_nobody_waits_for_proves_nothing() -> None:
    calls = Calls()

    for second in range(100):
        for _ in range(50):
            calls.law.admitted(calls.law.sent(float(second), is_paced=False), float(second))

    assert calls.law.rate == CALLS_PER_SECOND
    assert calls.law.learnt is None


def test_first_429_holds_what_was_admitted() -> None:
    calls = Calls()
    calls.pass_time(1.0)  # at more than the published rate by now, of which the service took all
    before = calls.law.rate

    calls.refuse()

    assert calls.reasons[-1] is Reason.HOLD
    assert before / STARTING / 2 <= calls.law.rate <= 0.9 * before


def test_all_answers_to_the_first_burst_count() -> None:
    calls = Calls()
    burst = [calls.law.sent(0.0, is_paced=False) for _ in range(8)]

    for sent in burst[:4]:
        calls.law.throttled(sent, 0.1)

    assert calls.law.rate == pytest.approx(4)


def test_rest_of_the_second_of_the_first_429_says_nothing_new() -> None:
    """A cap of ten in each second of a clock refuses whatever comes after a burst of ten."""
    calls = Calls()
    for _ in range(10):
        calls.law.admitted(calls.law.sent(0.0, is_paced=False), 0.05)
    calls.now = 0.1
    calls.refuse()
    held = calls.law.rate

    while calls.now < 0.9:
        calls.refuse()

    assert held == 9
    assert calls.law.rate == pytest.approx(held, rel=0.02), "but that it goes on to search"


def test_429s_without_end_after_the_first_one_are_news() -> None:
    """A bucket that let a burst in on top of its rate goes on refusing."""
    calls = Calls()
    calls.pass_time(1.5)
    calls.refuse()
    held = calls.law.rate

    for _ in range(HOLD_MORE + 1):
        calls.refuse()

    assert calls.now < 3
    assert calls.law.rate < held


def test_search_climbs_and_gets_faster() -> None:
    calls = Calls()
    calls.refuse()
    start = calls.law.rate

    calls.pass_time(5)
    slow = calls.law.rate / start
    calls.pass_time(30)

    assert 1 < slow < 1.12
    assert calls.law.rate > 3 * start
    assert Reason.SEARCH in calls.reasons


def test_429s_of_one_burst_cut_once() -> None:
    calls = settled()
    sents = [calls.law.sent(calls.now + n / 100, is_paced=True) for n in range(3)]
    before = calls.law.rate

    for sent in sents:
        calls.law.throttled(sent, calls.now + 1)

    assert calls.law.rate == pytest.approx(before * (1 - STEPS[-1][0]))
    assert calls.reasons[-1] is Reason.CUT


def test_many_429s_are_a_cap_that_fell() -> None:
    calls = settled()
    before = calls.law.rate

    for _ in range(CLUSTER):
        calls.refuse()

    assert Reason.CLUSTER in calls.reasons
    assert before / 3 <= calls.law.rate < 0.85 * before


def test_long_quiet_is_a_cap_that_rose() -> None:
    calls = settled()
    before = calls.law.rate

    calls.pass_time(80)

    assert calls.reasons[-1] is Reason.RISE
    assert calls.law.rate > 1.5 * before


def test_rise_that_meets_the_cap_at_once_is_taken_back() -> None:
    calls = settled()
    calls.pass_time(36)
    before = calls.law.rate

    calls.refuse()

    assert calls.law.rate == pytest.approx(before, rel=0.06)
    assert calls.law.rate < before


def test_rise_that_comes_again_at_once_is_half_believed() -> None:
    calls = settled()
    for _ in range(2):
        while Reason.RISE not in calls.reasons:
            calls.pass_time(1)
        calls.pass_time(3)
        top = calls.law.rate
        calls.refuse()
        below = calls.law.rate
        calls.told.clear()

    assert 0.92 * top < below < 0.99 * top


@pytest.mark.parametrize("rate", [2.0, 10.0, 50.0, 200.0])
def test_share_of_429s_settles_at_the_target_at_any_cap(rate: float) -> None:
    """One 429 in 200 calls, whenever it comes, leaves the rate where it was."""
    calls = settled(rate)
    before = calls.law.rate

    for _ in range(10):
        for _ in range(199):
            calls.now += 1 / calls.law.rate
            calls.law.admitted(calls.law.sent(calls.now, is_paced=True), calls.now)
        calls.refuse()

    assert calls.law.rate == pytest.approx(before, rel=0.03)


def test_learnt_rate_is_begun_just_below() -> None:
    calls = Calls(learnt=40.0)

    assert calls.law.rate == pytest.approx(38)
    assert calls.law.learnt is None, "or each short run would learn a little less"


def test_fixed_rate_stays_whatever_is_answered() -> None:
    calls = Calls(fixed=3.0)

    calls.pass_time(10)
    calls.refuse()

    assert calls.told == [(None, 3.0, Reason.START)]
    assert calls.law.learnt is None


def test_bounded_rate_never_passes_its_bound() -> None:
    calls = Calls(most=15.0)

    calls.pass_time(20)

    assert calls.law.rate == 15
    assert calls.law.is_bound


def test_neighbours_come_to_equal_shares_of_what_they_had() -> None:
    old, new = settled(), Calls()
    old.law.share(())
    total = old.law.rate

    new.law.share([old.law.rate])
    old.law.share([new.law.rate])

    assert new.law.rate == pytest.approx(total / 2)
    assert old.law.rate == pytest.approx(total / 2)
    assert old.law.learnt == pytest.approx(total)


def test_who_stays_takes_over_what_the_other_left() -> None:
    law = settled().law
    law.share(())
    total = law.rate
    law.share([total])

    law.share(())

    assert law.rate == pytest.approx(total)


@given(
    st.lists(st.tuples(st.sampled_from(["ok", "429", "old 429", "share"]), st.floats(0.001, 30)), max_size=80)
)
def test_rate_stays_within_reason(happenings: list[tuple[str, float]]) -> None:
    calls = Calls()
    old = calls.law.sent(0.0, is_paced=False)
    for happening, seconds in happenings:
        calls.now += seconds
        if happening == "ok":
            calls.law.admitted(calls.law.sent(calls.now, is_paced=True), calls.now)
        elif happening == "429":
            calls.law.throttled(calls.law.sent(calls.now, is_paced=True), calls.now)
        elif happening == "old 429":
            calls.law.throttled(old, calls.now)
        else:
            calls.law.share([seconds])

        assert SLOWEST <= calls.law.rate < math.inf
    assert all(old != new for old, new, _ in calls.told)
