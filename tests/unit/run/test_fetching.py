"""Images that are downloaded here, and go as bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench import Bench
from bench_fixtures import StartBench
from make import make_png
from plans import box

from cvsync.limits import MAX_IMAGE_BYTES
from cvsync.plan.actions import Action, Kind

UNREACHABLE = {"operation": "CreateImagesFromUrls", "kind": "partial", "image_status": "ErrorSource"}


@pytest.fixture
async def bench(start_bench: StartBench, tmp_path: Path) -> Bench:
    """The service has a folder of pictures at hand, under URLs."""
    files = tmp_path / "pictures"
    files.mkdir()
    for n in range(6):
        (files / f"{n}.png").write_bytes(make_png(n))
    return await start_bench(files=files, fetch=True)


def pictures(bench: Bench, *names: str) -> Any:
    url = f"{bench.emulator.url}/files"
    actions = [
        Action(Kind.CREATE_IMAGE, name, (box("fork"),), url=f"{url}/{name}?sig=secret") for name in names
    ]
    return bench.plan(*actions, tags=["fork"])


async def test_image_that_the_service_cannot_download_goes_as_bytes(bench: Bench) -> None:
    await bench.control("POST", "faults", [UNREACHABLE | {"every": 2}])
    names = [f"{n}.png" for n in range(6)]

    outcomes = await bench.apply(pictures(bench, *names))

    assert outcomes.counts["images_created"] == 6
    assert bench.ids().keys() == set(names)
    assert await bench.stale_fingerprints() == {}
    calls = await bench.calls()
    assert (calls["CreateImagesFromUrls"], calls["CreateImagesFromFiles"]) == (1, 1)
    assert not [*bench.folder.rglob("fetched")]


async def test_image_that_nobody_can_download_is_refused_with_the_reason(bench: Bench) -> None:
    outcomes = await bench.apply(pictures(bench, "0.png", "none.png"))

    (refusal,) = outcomes.refusals
    assert (refusal.action.key, refusal.code) == ("none.png", "ErrorSource")
    assert "neither could cvsync: status 404" in refusal.message
    assert "secret" not in refusal.message
    assert outcomes.counts["images_created"] == outcomes.counts["refused"] == 1


async def test_image_larger_than_the_service_takes_is_not_downloaded_whole(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.control("POST", "faults", [UNREACHABLE])
    (tmp_path / "pictures" / "0.png").write_bytes(b"x" * (MAX_IMAGE_BYTES + 1))

    outcomes = await bench.apply(pictures(bench, "0.png"))

    (refusal,) = outcomes.refusals
    assert refusal.message == "over 6,000,000 bytes, which is the most that the service takes"


async def test_falling_back_can_be_forbidden(bench: Bench) -> None:
    await bench.control("POST", "faults", [UNREACHABLE])

    outcomes = await bench.apply(pictures(bench, "0.png"), fall_back=False)

    assert [r.code for r in outcomes.refusals] == ["ErrorSource"]
    assert (await bench.calls())["CreateImagesFromUrls"] == 3
    assert "CreateImagesFromFiles" not in await bench.calls()


async def test_urls_of_a_pattern_go_as_bytes_from_the_start(bench: Bench) -> None:
    outcomes = await bench.apply(pictures(bench, "0.png", "1.png", "2.png"), as_bytes=("*/files/[12].png",))

    assert outcomes.counts["images_created"] == 3
    calls = await bench.calls()
    assert (calls["CreateImagesFromUrls"], calls["CreateImagesFromFiles"]) == (1, 1)


@pytest.mark.parametrize("when", ["lost", "never"])
async def test_downloaded_bytes_are_there_until_their_batch_is_settled(bench: Bench, when: str) -> None:
    bench.trouble("CreateImagesFromFiles", when)

    outcomes = await bench.apply(pictures(bench, "0.png", "1.png"), as_bytes=("*",))

    assert outcomes.counts["images_created"] == 2
    assert not [*bench.folder.rglob("fetched")]


class Stopping(list[Any]):
    """Events that end the run as soon as a batch leaves."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench

    def append(self, event: Any) -> None:
        super().append(event)
        if event.name == "batch_sent":
            self._bench.stop.request()


async def test_nothing_more_is_sent_of_what_was_downloaded_once_the_run_is_to_end(bench: Bench) -> None:
    url = f"{bench.emulator.url}/files"
    apart = [
        Action(Kind.CREATE_IMAGE, f"{n}", url=f"{url}/{n}.png", metadata=(("number", f"{n}"),))
        for n in range(3)
    ]
    bench.events = Stopping(bench)

    outcomes = await bench.apply(bench.plan(*apart), as_bytes=("*",))

    assert outcomes.counts["images_created"] == 1
    assert (await bench.calls())["CreateImagesFromFiles"] == 1


async def test_no_more_metadata_is_set_once_the_run_is_to_end(bench: Bench) -> None:
    await bench.apply(pictures(bench, "0.png", "1.png", "2.png"))
    changes = [
        Action(Kind.SET_METADATA, key, image_id=image_id, metadata=(("of", key),))
        for key, image_id in bench.ids().items()
    ]
    bench.events = Stopping(bench)

    await bench.apply(bench.plan(*changes))

    assert (await bench.calls())["UpdateImageMetadata"] == 1
