from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsync.api.window import LEAST_WINDOW, WindowLaw


def answered(law: WindowLaw, latency: float, count: int, *, rate: float = 10, in_flight: int = 8) -> None:
    for n in range(count):
        law.answered(latency, float(n), in_flight=in_flight, rate=rate)


def test_window_follows_the_latency_but_leaves_room_for_a_burst() -> None:
    law = WindowLaw()

    assert law.size(10) == LEAST_WINDOW
    answered(law, 0.1, 1)
    assert law.size(10) == LEAST_WINDOW
    answered(law, 2.0, 1)
    assert law.size(10) == pytest.approx(30)


def test_window_has_room_for_slow_answers() -> None:
    law = WindowLaw()
    answered(law, 0.5, 60)
    answered(law, 2.0, 4)

    assert law.size(10) == pytest.approx(30)


@given(st.lists(st.sampled_from([0.5, 1.0, 2.0]) | st.floats(0, 100), min_size=1, max_size=200))
def test_window_has_room_for_the_slow_of_the_last_answers(latencies: list[float]) -> None:
    law = WindowLaw()
    for now, latency in enumerate(latencies):
        law.answered(latency, float(now), in_flight=8, rate=10)

    last = sorted(latencies[-64:])
    assert law.size(10) == pytest.approx(max(LEAST_WINDOW, 15 * last[int(0.95 * len(last))]))


def test_one_failure_is_no_reason_to_shrink() -> None:
    law = WindowLaw()
    answered(law, 1.0, 10)
    before = law.size(10)

    law.failed(20.0, in_flight=15, rate=10)

    assert law.size(10) == before


def test_failures_cut_the_window_once_a_round_trip() -> None:
    law = WindowLaw()
    answered(law, 1.0, 10)

    for moment in (20.0, 20.1, 20.2, 20.3, 20.4):
        law.failed(moment, in_flight=10, rate=10)
    once = law.size(10)
    law.failed(21.3, in_flight=10, rate=10)

    assert once == pytest.approx(7)
    assert law.size(10) == pytest.approx(4.9)


def test_cut_window_grows_by_one_a_round_trip_while_it_is_used() -> None:
    law = WindowLaw()
    answered(law, 1.0, 10)
    for moment in (20.0, 20.1, 20.2):
        law.failed(moment, in_flight=10, rate=10)
    law.answered(1.0, 30.0, in_flight=1, rate=10)
    unused = law.size(10)
    law.answered(1.0, 31.0, in_flight=7, rate=10)
    law.answered(1.0, 31.5, in_flight=7, rate=10)

    assert unused == pytest.approx(7)
    assert law.size(10) == pytest.approx(8)


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.001, 100), st.integers(1, 100)), max_size=60),
    st.floats(0.05, 1000),
)
def test_a_call_may_always_leave(answers: list[tuple[bool, float, int]], rate: float) -> None:
    law, now = WindowLaw(), 0.0
    for is_failure, latency, in_flight in answers:
        now += latency
        if is_failure:
            law.failed(now, in_flight=in_flight, rate=rate)
        else:
            law.answered(latency, now, in_flight=in_flight, rate=rate)

        assert law.size(rate) >= 1


def test_rate_without_end_has_a_window_without_end() -> None:
    law = WindowLaw()
    answered(law, 0.1, 3, rate=float("inf"))

    assert law.size(float("inf")) == float("inf")
