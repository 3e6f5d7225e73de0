"""How pictures get from one project to another: links that hold, links that are over, and bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from conftest import StartShelf
from pairs import Pair, make_detection
from shelf import QUICK, Shelf

from cvsync.api.client import Client, open_client
from cvsync.emulator.links import Links as EmulatorLinks
from cvsync.plan import Action
from cvsync.run.links import Links
from cvsync.run.origin import Origin


async def test_images_whose_links_the_copy_cannot_read_go_through_this_machine(
    pair: Pair, client: Client
) -> None:
    await make_detection(client)
    unread = {"kind": "partial", "image_status": "ErrorSource", "every": 1}
    await pair.copy.control("POST", "faults", [unread | {"operation": "CreateImagesFromUrls"}])

    report = await pair.migrate()

    assert report.counts["images_created"] == 6
    assert (await pair.verify()).is_equal
    assert not [*pair.copy.state.rglob("fetched")]


async def test_links_that_are_about_to_be_over_are_read_anew(
    pair: Pair, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one call for the images of a batch, and what is sent is a link."""
    await make_detection(client)
    days = count(0, 100_000)
    monkeypatch.setattr("cvsync.flows.migrate.Links", partial(Links, clock=lambda: float(next(days))))
    await pair.source.forget()

    report = await pair.migrate()

    assert report.counts["images_created"] == 6
    assert await reads_by_id(pair.source) == (await pair.copy.writes())["CreateImagesFromUrls"]
    assert (await pair.copy.writes()).keys() == {"CreateProject", "CreateTag", "CreateImagesFromUrls"}
    assert (await pair.verify()).is_equal


async def test_links_that_turn_out_to_be_over_are_read_anew(
    pair: Pair, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The images are downloaded here then: nobody knew that their links live so short."""
    await make_detection(client)
    moments, uses = count(10), Counter[str]()

    def is_over(_: EmulatorLinks, expiry: str) -> bool:
        uses[expiry] += 1
        return uses[expiry] > 3

    monkeypatch.setattr(EmulatorLinks, "expiry", lambda _: f"2100-01-01T00:00:{next(moments)}Z")
    monkeypatch.setattr(EmulatorLinks, "is_over", is_over)
    await pair.source.forget()

    report = await pair.migrate()
    monkeypatch.undo()

    assert report.counts["images_created"] == 6
    assert await reads_by_id(pair.source) > 0
    assert (await pair.verify()).is_equal


async def reads_by_id(shelf: Shelf) -> int:
    counts = (await shelf.control("GET", "requests"))["by_operation"]
    return sum(counts.get("GetImagesByIds", {}).values())


async def test_an_image_that_goes_meanwhile_is_refused(
    pair: Pair, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = await make_detection(client)
    genuine = Origin.current

    async def late(self: Origin, actions: Sequence[Action]) -> tuple[Action, ...]:
        await client.delete_images(project.id, [actions[0].key or ""])
        return await genuine(self, actions)

    monkeypatch.setattr(Origin, "current", late)

    report = await pair.migrate()

    assert report.counts["refused"] >= 1
    assert report.counts["images_created"] + report.counts["refused"] == 6
    assert report.rejects is not None
    assert "ErrorSource" in report.rejects.read_text()
    assert (await pair.plan()).is_empty


async def test_paths_of_a_virtual_network_are_read_by_the_source(
    start_shelf: StartShelf, tmp_path: Path
) -> None:
    source = await start_shelf(tmp_path / "pictures", relative_links=True)
    pair = Pair(source, replace(await start_shelf(tmp_path / "others"), state=tmp_path / "state-copy"))
    async with open_client(source.settings) as (client, _):
        await make_detection(client)

    report = await pair.migrate()

    assert report.counts["images_created"] == 6
    assert "CreateImagesFromUrls" not in await pair.copy.writes()
    assert (await pair.verify()).is_equal


async def test_all_as_bytes(pair: Pair, client: Client) -> None:
    await make_detection(client)

    await pair.migrate(run=replace(QUICK, as_bytes=("*",)))

    assert "CreateImagesFromUrls" not in await pair.copy.writes()
    assert (await pair.verify()).is_equal
