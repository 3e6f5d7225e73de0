from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cvsync.api.circuit import CAPACITY, PROBE_SECONDS, RETRY_COST, TIMEOUT_COST, Circuit
from cvsync.errors import ServiceError, TransportError

DOWN = ServiceError("X", 503, "503", "")
LOST = TransportError("X", "no answer in time", sent=True)


def make(**options: float) -> tuple[Circuit, list[bool]]:
    states: list[bool] = []
    return Circuit(lambda circuit: states.append(circuit.is_open), **options), states


def fail(circuit: Circuit, times: int, error: ServiceError | TransportError = DOWN, now: float = 0.0) -> None:
    for _ in range(times):
        circuit.failed(error, now)
        circuit.withdraw(error, now)


def test_quota_pays_for_so_many_retries_and_then_the_circuit_opens() -> None:
    circuit, states = make()

    fail(circuit, CAPACITY // RETRY_COST)
    assert states == []
    fail(circuit, 3)

    assert states == [True]


def test_no_answer_costs_more_than_a_bad_one() -> None:
    circuit, _ = make()

    fail(circuit, 1, LOST)

    assert circuit.quota == CAPACITY - TIMEOUT_COST


def test_successes_pay_back() -> None:
    circuit, _ = make()
    fail(circuit, 1)

    for _ in range(RETRY_COST):
        circuit.succeeded(1.0)

    assert circuit.quota == CAPACITY


def test_probes_come_soon_and_then_every_half_minute() -> None:
    circuit, _ = make()
    circuit.open(0.0)
    now, gaps = 0.0, []

    for _ in range(8):
        gaps.append(circuit.next_at - now)
        now = circuit.next_at
        assert circuit.may_probe(now)
        circuit.begin_probe()
        assert not circuit.may_probe(now + 100)
        circuit.end_probe(now)

    assert gaps == [1, 2, 4, 8, 16, PROBE_SECONDS, PROBE_SECONDS, PROBE_SECONDS]


def test_success_closes_it_and_fills_the_quota() -> None:
    circuit, states = make()
    fail(circuit, 21)

    circuit.succeeded(5.0)

    assert states == [True, False]
    assert circuit.quota == CAPACITY
    assert circuit.error is None


def test_answer_to_a_call_that_left_before_the_failures_says_nothing() -> None:
    circuit, states = make()
    fail(circuit, 21, now=10.0)

    circuit.succeeded(9.5)
    assert states == [True]
    circuit.succeeded(11.0)

    assert states == [True, False]


def test_outage_is_over_when_nothing_succeeded_for_so_long() -> None:
    circuit, _ = make(max_outage=60.0)
    circuit.succeeded(0.0)
    circuit.failed(DOWN, 100.0)
    circuit.failed(DOWN, 150.0)

    assert not circuit.is_over(159.9)
    assert circuit.is_over(160.0)
    circuit.succeeded(161.0)
    assert not circuit.is_over(10_000.0)


@given(st.lists(st.sampled_from(["ok", "down", "lost"]), max_size=200))
def test_quota_is_never_negative_nor_over_its_capacity(happenings: list[str]) -> None:
    circuit, _ = make()
    for now, happening in enumerate(happenings):
        if happening == "ok":
            circuit.succeeded(now)
        else:
            fail(circuit, 1, DOWN if happening == "down" else LOST, now)

        assert 0 <= circuit.quota <= CAPACITY
