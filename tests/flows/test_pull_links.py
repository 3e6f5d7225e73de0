"""Links that end, fail or are none."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from make import make_png, write_csv
from shelf import Shelf

from cvsync.api.originals import Originals
from cvsync.api.retry import RetryPolicy
from cvsync.cli import exits
from cvsync.emulator.links import Links as EmulatorLinks
from cvsync.errors import AuthError, TransportError
from cvsync.flows.pull import PullReport, PullRequest, pull
from cvsync.run import pulling

COUNT = 30


async def fill(shelf: Shelf, number: int = COUNT) -> None:
    for n in range(number):
        (shelf.folder / f"{n}.png").write_bytes(make_png(n))
    rows = [{"path": f"{n}.png", "tag": "fork"} for n in range(number)]
    await shelf.push(write_csv(shelf.folder / "m.csv", rows))


async def take(shelf: Shelf, **options: Any) -> PullReport:
    async with shelf.service() as service:
        return await pull(
            service, PullRequest(project="shelf", folder=shelf.folder.parent / "out", **options)
        )


@pytest.fixture
def short_links(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Have links work for ten downloads after they were given."""
    moments, uses = count(10), {}

    def is_over(_: EmulatorLinks, expiry: str) -> bool:
        uses[expiry] = uses.get(expiry, 0) + 1
        return uses[expiry] > 10

    monkeypatch.setattr(EmulatorLinks, "expiry", lambda _: f"2100-01-01T00:00:{next(moments)}Z")
    monkeypatch.setattr(EmulatorLinks, "is_over", is_over)
    yield [*uses]


async def test_links_that_are_over_are_read_anew(short_links: Any, shelf: Shelf) -> None:
    await fill(shelf)
    await shelf.forget()

    report = await take(shelf)

    assert (report.pulled.fetched, report.pulled.refused) == (COUNT, {})
    counts = (await shelf.control("GET", "requests"))["by_operation"]
    assert counts["GetImagesByIds"]["200"] == 2
    assert "link_renewed" in {event.name for event in shelf.events}
    assert "sig=" not in str(shelf.events)


async def test_links_that_never_work_end_the_pull(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(shelf)
    monkeypatch.setattr(EmulatorLinks, "is_over", lambda *_: True)

    with pytest.raises(AuthError, match="403"):
        await take(shelf)

    assert [*(shelf.folder.parent / "out" / "images").iterdir()] == []


async def test_an_image_that_goes_while_it_is_pulled_is_left_out(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(shelf)
    genuine = pulling.Puller.pull

    async def late(self: pulling.Puller) -> pulling.Pulled:
        while not self._waiting.is_closed:  # noqa: ASYNC110 - until the project has been read
            await asyncio.sleep(0)
        await self.client.delete_images(self.project_id, sorted(self._seen)[:2])
        return await genuine(self)

    monkeypatch.setattr(pulling.Puller, "pull", late)

    report = await take(shelf)

    assert (report.images, report.pulled.fetched, len(report.pulled.gone)) == (COUNT - 2, COUNT - 2, 2)
    assert report.pulled.refused == {}


async def test_paths_in_the_place_of_links_are_read_as_artifacts(start_shelf: Any) -> None:
    shelf = await start_shelf(relative_links=True)
    await fill(shelf)

    report = await take(shelf)

    assert report.pulled.fetched == COUNT
    assert len([*(shelf.folder.parent / "out" / "images").glob("*.png")]) == COUNT


async def test_what_is_no_picture_is_refused_and_keeps_its_row(shelf: Shelf) -> None:
    await fill(shelf)
    source = (await shelf.sources())[0]
    (blob,) = shelf.emulator.settings.data.rglob(f"*{source['sha256']}*")
    blob.write_bytes(b"<html>sign in first</html>")

    report = await take(shelf, format="csv")

    assert [*report.pulled.refused] == [source["id"]]
    assert "is no picture" in report.pulled.refused[source["id"]]
    assert report.images == COUNT
    assert source["id"] in (shelf.folder.parent / "out" / "manifest.csv").read_text()
    assert not [*Path(shelf.folder.parent / "out" / "images").glob("*.part")]
    pushed = await shelf.push(shelf.folder.parent / "out" / "manifest.csv")
    assert +pushed.counts == {}


async def test_a_storage_that_does_not_answer_is_tried_again_and_ends_the_pull(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(shelf)

    async def broken(*_: Any) -> Any:
        raise TransportError("download", "the connection was reset", sent=True)

    monkeypatch.setattr(Originals, "receive", broken)
    monkeypatch.setattr(pulling, "RetryPolicy", lambda: RetryPolicy(attempts=2, first_wait=0.0))

    with pytest.raises(TransportError):
        await take(shelf)

    assert [event.name for event in shelf.events].count("retry") >= 20


async def test_a_full_disk_ends_the_pull_and_names_the_folder(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(shelf)

    async def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")  # as a write says it, without a name

    monkeypatch.setattr(Originals, "receive", full)

    with pytest.raises(OSError, match="images") as caught:
        await take(shelf)

    assert exits.exit_code(caught.value) == exits.LATER
    assert "make room and run again" in (exits.explain(caught.value) or "")
