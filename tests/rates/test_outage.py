"""Outages in virtual time: what they cost in calls, and that nothing is dropped."""

from __future__ import annotations

import asyncio

import pytest
from simulation import Bucket, Client, Service, run

from cvsync.events import Event

START, SECONDS = 300.0, 300.0
END = 900.0


async def survive(
    *, calls: int = 16, until: float = END, max_outage: float = 1800.0
) -> tuple[Client, list[Event]]:
    """Call a service at its cap of ten; for five minutes it answers nothing but 503."""
    events: list[Event] = []
    service = Service(Bucket(10), seed=1, is_out=lambda now: START <= now < START + SECONDS)
    client = Client(service, calls=calls, seed=1, max_outage=max_outage, observer=events.append)
    await client.load(until)
    client.close()
    return client, events


@pytest.mark.parametrize("calls", [1, 2, 8, 16, 64])
def test_five_minutes_of_503_drop_nothing_and_cost_few_calls(calls: int) -> None:
    client, events = run(survive(calls=calls))

    seen = client.seen
    assert client.errors == []
    assert client.answered == client.started == len(seen.admitted)
    assert (client.answered + len(seen.failed)) / client.started <= 1.2
    assert len(seen.failed) <= 40 + 2 * calls
    assert [e.facts["state"] for e in events if e.name == "circuit"] == ["open", "closed"]


def test_good_minutes_are_used_in_full() -> None:
    client, _ = run(survive())

    again = START + SECONDS + 60
    assert client.seen.count(60, START) / (10 * (START - 60)) >= 0.95
    assert client.seen.count(again, END) / (10 * (END - again)) >= 0.95


def test_outage_that_lasts_too_long_ends_with_its_error() -> None:
    async def main() -> tuple[Client, float]:
        client, _ = await survive(max_outage=120.0)
        return client, asyncio.get_running_loop().time()

    client, ended = run(main())

    assert {error.status for error in client.errors} == {503}  # type: ignore[attr-defined]
    assert START + 120 <= ended <= START + 125
    assert client.answered + len(client.errors) == client.started
