from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from cvsync.errors import AuthError, NotFoundError
from cvsync.events import Event
from cvsync.model import Image
from cvsync.run.links import Links

NOON = 4_102_488_000.0  # 2100-01-01T12:00:00Z


@dataclass
class Service:
    """Answers with links that are numbered by the call."""

    asked: list[list[str]] = field(default_factory=list)
    gone: tuple[str, ...] = ()

    async def get_images_by_ids(self, project_id: str, ids: list[str], **_: Any) -> tuple[Image, ...]:
        self.asked.append(ids)
        return tuple(Image(i, original_image_uri=link(i, len(self.asked))) for i in ids if i not in self.gone)


def link(image_id: str, call: int, end: str = "2100-01-01T13:00:00Z") -> str:
    return f"https://x.test/{image_id}?n={call}&se={end.replace(':', '%3A')}"


def links(service: Any, clock: list[float], *, count: int = 500, end: str = "2100-01-01T13:00:00Z") -> Links:
    pairs = [(f"i{n}", link(f"i{n}", 0, end)) for n in range(count)]
    found = Links(service, "p", clock=lambda: clock[0], wall_clock=lambda: NOON + clock[0])
    found.add(pairs)
    return found


async def test_links_are_read_anew_before_they_are_over_200_at_a_time() -> None:
    service, clock = Service(), [0.0]
    found = links(service, clock)

    early = await found.current("i7")
    clock[0] = 3600.0 - 300.0  # they live for an hour, of which the last tenth is not begun with
    late = [await found.current(f"i{n}") for n in range(7, 190)]

    assert early == link("i7", 0)
    assert late == [link(f"i{n}", 1) for n in range(7, 190)]
    assert [len(ids) for ids in service.asked] == [200]


async def test_a_link_that_another_has_renewed_is_not_read_again() -> None:
    service = Service(gone=("i3",))
    found = links(service, [0.0])

    assert await found.renew("i1", link("i1", 0)) == link("i1", 1)
    assert await found.renew("i2", link("i2", 0)) == link("i2", 1)
    assert await found.current("i3") is None
    assert len(service.asked) == 1


@pytest.mark.parametrize("end", ["2099-01-01T00:00:00Z", "2199-01-01T00:00:00Z", "never", ""])
async def test_a_wrong_clock_or_an_odd_link_costs_no_calls(end: str) -> None:
    service, clock = Service(), [0.0]
    found = links(service, clock, end=end)

    clock[0] = 23 * 3600.0

    assert await found.current("i1") == link("i1", 0, end)
    assert service.asked == []


@pytest.mark.parametrize("refusals", [0, 1, 2, 3])
async def test_a_link_that_is_refused_is_renewed_so_many_times_and_told(refusals: int) -> None:
    told: list[Event] = []
    found = Links(Service(), "p", [("i1", link("i1", 0))], observer=told.append)  # type: ignore[arg-type]
    tried = []

    async def refused(place: str) -> str:
        tried.append(place)
        if len(tried) <= refusals:
            raise NotFoundError("download", 404, "NotFound", "the link is over")
        return "picture"

    if refusals == 3:
        with pytest.raises(NotFoundError):
            await found.use("i1", refused, renewals=2)
    else:
        assert await found.use("i1", refused, renewals=2) == "picture"

    assert tried == [link("i1", call) for call in range(min(refusals, 2) + 1)]
    assert [event.name for event in told] == ["link_renewed"] * (len(tried) - 1)


async def test_an_image_that_is_gone_has_no_link_to_use() -> None:
    async def refused(_: str) -> None:
        raise AuthError("download", 403, "AuthenticationFailed", "the link is over")

    found = Links(Service(gone=("i1",)), "p", [("i1", link("i1", 0))])  # type: ignore[arg-type]

    assert await found.use("i1", refused, renewals=2) is None
