"""Copies that the services make themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import StartShelf
from make import make_png, write_csv
from pairs import Pair
from terminal import StartServed, Terminal

from cvsync.api.client import Client, open_client
from cvsync.emulator.importing import Importer
from cvsync.errors import OverdueError, PlanError, SettingsError, TransportError, UnsupportedError
from cvsync.flows.carry import Report
from cvsync.flows.server_side import copy_by_services
from cvsync.model import Project

ROWS = [{"path": f"{n}.png", "tag": tag, "metadata.shop": "Süd"} for n in range(4) for tag in ("fork", "cup")]


async def copy(pair: Pair, sleeps: list[float] | None = None, **options: Any) -> Report:
    async def sleep(seconds: float) -> None:
        (sleeps if sleeps is not None else []).append(seconds)
        await asyncio.sleep(0.01)  # the emulator is at work in this very loop

    async with pair.source.service() as source, pair.copy.service() as service:
        return await copy_by_services(source, service, pair.request(create=None, **options), sleep=sleep)


@pytest.fixture
async def pair(start_shelf: StartShelf, tmp_path: Path) -> Pair:
    """A source with four pictures of two tags each, and an empty target."""
    source = await start_shelf(tmp_path / "pictures")
    for n in range(4):
        (source.folder / f"{n}.png").write_bytes(make_png(n))
    await source.push(write_csv(source.folder / "m.csv", ROWS))
    target = await start_shelf(tmp_path / "others")
    return Pair(source, replace(target, state=tmp_path / "state-copy"))


@pytest.fixture
async def client(pair: Pair) -> AsyncIterator[Client]:
    """Of the target."""
    async with open_client(pair.copy.settings) as (client, _):
        yield client


@pytest.mark.parametrize("api_version", ["v3.2", "v3.3"])
async def test_the_services_copy_and_what_they_leave_out_is_sent(pair: Pair, api_version: str) -> None:
    """The metadata, of which nobody knows whether their copies have it; then there is nothing to do."""
    pair.source.api_version = pair.copy.api_version = api_version

    report = await copy(pair)
    again = await pair.migrate()

    has_metadata = api_version == "v3.3"
    assert (+report.counts, +again.counts) == ({"metadata_set": 4} if has_metadata else {}, {})
    writes = await pair.copy.writes()
    assert writes == ({"UpdateImageMetadata": 1} if has_metadata else {"UpdateProject": 1})
    found = await pair.verify()
    assert (found.counts, found.project, found.compared) == ({}, "copy", 4)


async def test_an_import_is_waited_for(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, looks = Client.get_project, 0

    async def slow(self: Client, project_id: str) -> Project:
        nonlocal looks
        looks += 1
        project = await genuine(self, project_id)
        return replace(project, status="Importing") if looks < 4 else project

    monkeypatch.setattr(Client, "get_project", slow)
    monkeypatch.setattr(Client, "import_project", importing(Client.import_project))
    sleeps: list[float] = []

    report = await copy(pair, sleeps)

    assert report.is_complete
    assert sleeps[:4] == [1.0, 1.5, 2.25, 3.375]
    assert max(sleeps) <= 15
    told = [event.facts["status"] for event in pair.copy.events if event.name == "import"]
    assert told == ["Importing", "Succeeded"]


async def test_an_import_that_is_stuck_ends_the_wait_and_is_found_again(
    pair: Pair, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stuck(self: Client, project_id: str) -> Project:
        return replace(await genuine(self, project_id), status="Importing")

    genuine = Client.get_project
    with monkeypatch.context() as broken:
        broken.setattr(Client, "get_project", stuck)
        broken.setattr(Client, "import_project", importing(Client.import_project))
        broken.setattr("cvsync.flows.server_side.LONGEST_IMPORT", 60.0)
        sleeps: list[float] = []
        with pytest.raises(OverdueError, match=r"import of copy .* the next run waits for it again"):
            await copy(pair, sleeps)

    report = await copy(pair)

    assert 45 < sum(sleeps) <= 60
    assert report.is_complete
    assert [project.name for project in await client.get_projects()] == ["copy"]


def importing(call: Any) -> Any:
    async def begin(*args: Any, **options: Any) -> Project:
        return replace(await call(*args, **options), status="Importing")

    return begin


async def test_an_import_without_an_answer_is_found_again(pair: Pair) -> None:
    lost = {"operation": "ImportProject", "kind": "reset_after", "count": 1}
    await pair.copy.control("POST", "faults", [lost])

    report = await copy(pair)

    assert report.is_complete
    async with open_client(pair.copy.settings) as (client, _):
        assert [project.name for project in await client.get_projects()] == ["copy"]


@pytest.mark.parametrize("api_version", ["v3.2", "v3.3"])
@pytest.mark.parametrize("step", ["_wait", "_learn", "migrate"])
async def test_a_copy_that_died_after_the_import_is_gone_on_with(
    pair: Pair, client: Client, monkeypatch: pytest.MonkeyPatch, api_version: str, step: str
) -> None:
    """Whether the copy has its name by then or not; once it is whole, there is nothing to go on with."""
    pair.source.api_version = pair.copy.api_version = api_version

    async def die(*_: Any, **__: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(f"cvsync.flows.server_side.{step}", die)
        with pytest.raises(ConnectionError):
            await copy(pair)

    report = await copy(pair)

    assert report.is_complete
    assert [project.name for project in await client.get_projects()] == ["copy"]
    assert (await pair.verify()).is_equal
    with pytest.raises(SettingsError, match="always makes a new one"):
        await copy(pair)


async def test_a_lost_import_is_not_taken_for_a_project_whose_name_only_begins_like_it(
    pair: Pair, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine, calls = Client.import_project, 0

    async def crossed(self: Client, *args: Any, **options: Any) -> Project:
        nonlocal calls
        calls += 1
        if calls == 1:
            await self.create_project("copy-of-somebody")
            raise TransportError("ImportProject", "no answer", sent=True)
        return await genuine(self, *args, **options)

    monkeypatch.setattr(Client, "import_project", crossed)

    await copy(pair)

    assert sorted(project.name for project in await client.get_projects()) == ["copy", "copy-of-somebody"]
    assert calls == 2


async def test_an_import_that_fails_is_said(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(self: Importer, project: Any, *_: Any) -> None:
        self._end(project, -1)

    monkeypatch.setattr(Importer, "_bring", fail)

    with pytest.raises(PlanError, match="says Failed"):
        await copy(pair)


async def test_only_a_new_project_is_made_so(pair: Pair, client: Client) -> None:
    await client.create_project("copy")

    with pytest.raises(SettingsError, match="always makes a new one"):
        await copy(pair)


async def test_older_versions_cannot(pair: Pair) -> None:
    pair.source.api_version = "v2.2"

    with pytest.raises(UnsupportedError):
        await copy(pair)


def test_from_the_command_line(
    terminal: Terminal, start_served: StartServed, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.push(terminal.manifest(terminal.rows(3)))
    monkeypatch.setenv("CVSYNC_FROM_TRAINING_KEY", "local-training-key")
    source = ("--from-endpoint", terminal.emulator.url)
    terminal.emulator = start_served(fetch=True)

    ran = terminal.run("migrate", *source, "shelf", "copy", "--server-side")
    same = terminal.run("verify", *source, "--source", "shelf", "-p", "copy", "--all-bytes")

    assert (ran.code, ran.out.strip()) == (0, "nothing to do")
    assert "copy by the services: Succeeded" in ran.err
    assert (same.code, same.out.splitlines()[-1]) == (0, "equal")
