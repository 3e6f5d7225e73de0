"""The whole client against an emulator with a rate cap, in real time; a few seconds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cvsync.api.client import open_client
from cvsync.api.rates import RateBook
from cvsync.api.retry import RetryPolicy
from cvsync.events import Event
from cvsync.run.private import make_private
from cvsync.settings import Settings

KEY = "local-training-key"


@pytest.mark.parametrize("kind", ["bucket", "window"])
async def test_every_call_lands_under_a_cap(start_emulator: Any, kind: str) -> None:
    emulator = await start_emulator(tps=10, tps_kind=kind)
    events: list[Event] = []
    settings = Settings(endpoint=emulator.url, training_key=KEY)

    async with open_client(settings, observer=events.append) as (client, _):
        project = (await client.create_project("shelf")).id
        tags = await asyncio.gather(*(client.create_tag(project, f"tag {n}") for n in range(24)))
        stored = await client.get_tags(project)

    assert sorted(tag.id for tag in tags) == sorted(tag.id for tag in stored)
    reasons = [e.facts["reason"] for e in events if e.name == "rate" and e.facts["lane"] == "writes"]
    assert reasons[0] == "start"
    assert not [e for e in events if e.name in ("retry", "circuit")]


async def test_clients_of_one_process_share_a_fixed_rate(emulator: Any) -> None:
    settings = Settings(endpoint=emulator.url, training_key=KEY, tps=20)
    loop = asyncio.get_running_loop()

    async with open_client(settings) as (one, _), open_client(settings) as (two, _):
        began = loop.time()
        await asyncio.gather(*(client.get_projects() for client in (one, two) for _ in range(6)))

    assert loop.time() - began >= 11 / 20 - 0.05


async def test_client_goes_on_where_the_last_one_found_the_rate(emulator: Any, tmp_path: Path) -> None:
    book = RateBook(tmp_path / "rates.sqlite", prepare=make_private)
    book.of(emulator.url, KEY).learn("reads", 40.0)
    events: list[Event] = []
    settings = Settings(endpoint=emulator.url, training_key=KEY)

    async with open_client(settings, rates=book, observer=events.append) as (client, _):
        await client.get_projects()
    book.close()

    (rate,) = [e.facts for e in events if e.name == "rate"]
    assert rate == {"lane": "reads", "old": None, "new": 38.0, "reason": "start"}


async def test_failures_in_passing_are_not_noticed(start_emulator: Any) -> None:
    emulator = await start_emulator()
    settings = Settings(endpoint=emulator.url, training_key=KEY)
    events: list[Event] = []
    faults = [{"operation": "GetProjects", "kind": "status", "status": 503, "count": 3}]
    policy = RetryPolicy(first_wait=0.01)

    async with open_client(settings, policy=policy, observer=events.append) as (client, downloader):
        session = downloader._connections.session
        async with session.post(f"{emulator.url}/_emulator/faults", json=faults) as response:
            assert response.status == 204
        assert await client.get_projects() == ()

    assert [e.facts["attempt"] for e in events if e.name == "retry"] == [1, 2, 3]
