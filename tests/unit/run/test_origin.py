"""Images that are copied from another project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cvsync.api.download import Received
from cvsync.errors import AuthError, NotFoundError
from cvsync.model import Image
from cvsync.plan import Action, Kind
from cvsync.run.links import Links
from cvsync.run.origin import Origin

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
DAY = "2026-01-02T00:00:00Z"


class Source:
    """Gives links, each reading others; those of `gone` no more."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.gone: set[str] = set()

    async def get_images_by_ids(self, _: str, ids: Sequence[str], **__: Any) -> list[Image]:
        self.calls.append([*ids])
        return [Image(i, original_image_uri=self.link(i)) for i in ids if i not in self.gone]

    def link(self, image_id: str) -> str:
        return f"https://x.test/{image_id}?n={len(self.calls)}&sig=s&se=2026-01-02T12%3A00%3A00Z"


class Storage:
    """Takes down what is downloaded, after so many refusals."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals, self.links = refusals, []  # type: ignore[var-annotated]

    async def receive(self, link: str, part: Path, **_: Any) -> Received:
        self.links.append(link)
        if len(self.links) <= self.refusals:
            raise AuthError("download", 403, "AuthenticationFailed", "the link is over")
        return Received.write(b"picture", part)


def origin(
    source: Source, storage: Storage | None = None, *, end: str = DAY, clock: Callable[[], float]
) -> Origin:
    links = [(f"i{n}", f"https://x.test/i{n}?n=0&sig=s&se={end.replace(':', '%3A')}") for n in range(300)]
    found = Links(source, "p", links, just_read=False, clock=clock, wall_clock=lambda: NOW)  # type: ignore[arg-type]
    return Origin(source, storage or Storage(), "p", found)  # type: ignore[arg-type]


def create(*names: str) -> list[Action]:
    return [Action(Kind.CREATE_IMAGE, name, url=f"https://x.test/{name}?n=0") for name in names]


async def test_links_that_hold_cost_no_call() -> None:
    source = Source()

    found = await origin(source, clock=lambda: 0.0).current(create("i1", "i7"))

    assert [action.url and action.url[:21] for action in found] == [
        "https://x.test/i1?n=0",
        "https://x.test/i7?n=0",
    ]
    assert source.calls == []


@pytest.mark.parametrize("end", ["2025-12-31T23:59:59Z", "2026-01-01T00:05:00Z"])
async def test_links_that_are_or_will_be_over_are_read_in_one_call(end: str) -> None:
    source, now = Source(), [0.0]
    images = origin(source, end=end, clock=lambda: now[0])
    now[0] = 290.0

    found = await images.current(create("i1", "i7"))

    assert source.calls == [["i1", "i7"]]
    assert all("n=1" in (action.url or "") for action in found)


async def test_an_image_that_is_gone_keeps_its_link(tmp_path: Path) -> None:
    source, now = Source(), [0.0]
    source.gone = {"i1"}
    images = origin(source, clock=lambda: now[0])
    now[0] = 90_000.0

    found = await images.current(create("i1", "i2"))

    assert [("n=0" in (action.url or "")) for action in found] == [True, False]
    with pytest.raises(NotFoundError, match="gone from the source"):
        await images.download(found[0], tmp_path / "x.png", most=9)


async def test_what_goes_as_bytes_is_left_alone() -> None:
    source, now = Source(), [0.0]
    action = Action(Kind.CREATE_IMAGE, "i1", path="x.png")

    images = origin(source, clock=lambda: now[0])
    now[0] = 90_000.0

    found = await images.current([action])

    assert found == (action,)
    assert source.calls == []


@pytest.mark.parametrize("refusals", [0, 1, 2])
async def test_a_link_that_is_refused_is_read_anew(refusals: int, tmp_path: Path) -> None:
    source, storage = Source(), Storage(refusals)

    await origin(source, storage, clock=lambda: 0.0).download(create("i5")[0], tmp_path / "x.png", most=9)

    assert len(storage.links) == len(set(storage.links)) == refusals + 1
    assert [file.name for file in tmp_path.iterdir()] == ["x.png"]


async def test_a_link_that_is_refused_again_and_again_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AuthError):
        await origin(Source(), Storage(9), clock=lambda: 0.0).download(
            create("i5")[0], tmp_path / "x.png", most=9
        )
