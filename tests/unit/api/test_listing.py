"""Reading a project that changes meanwhile."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cvsync.api.client import Client
from cvsync.api.listing import fetch_snapshot
from cvsync.errors import PlanError
from cvsync.limits import MAX_PAGE
from cvsync.model import Image, Project, ProjectType


class Changing:
    """A project without tags, of which an image goes and another comes before some pages are read."""

    def __init__(self, count: int, *, changes: int = 0) -> None:
        self.ids = [f"id-{n:04}" for n in range(count)]
        self.changes = changes
        self.skips: list[int] = []

    async def get_tags(self, project_id: str, **_: Any) -> tuple[()]:
        return ()

    async def get_tagged_image_count(self, project_id: str, **_: Any) -> int:
        return 0

    async def get_tagged_images(self, project_id: str, **_: Any) -> list[Image]:
        return []

    async def get_untagged_image_count(self, project_id: str, **_: Any) -> int:
        return len(self.ids)

    async def get_untagged_images(self, project_id: str, *, skip: int, **_: Any) -> list[Image]:
        self.skips.append(skip)
        if skip and self.changes:
            self.changes -= 1
            self.ids = [*self.ids[1:], f"new-{self.changes}"]
        return [Image(i, width=8, height=8) for i in self.ids[skip : skip + MAX_PAGE]]

    async def read(self) -> list[str]:
        found = await fetch_snapshot(cast("Client", self), Project("p", "shelf"), ProjectType.MULTILABEL)
        return cast("list[str]", found.images.column("image_id").to_pylist())


@pytest.mark.parametrize(
    ("count", "skips"),
    [(0, []), (1, [0]), (2, [0]), (256, [0]), (257, [0, 255]), (511, [0, 255]), (512, [0, 255, 510])],
)
async def test_pages_overlap_by_one_and_each_image_is_there_once(count: int, skips: list[int]) -> None:
    project = Changing(count)

    assert await project.read() == project.ids
    assert project.skips == skips


@pytest.mark.parametrize("count", [257, 512, 900])
async def test_an_image_that_goes_while_another_comes_is_seen(count: int) -> None:
    """The count and the number of distinct ids are right, and yet one image would be missing."""
    project = Changing(count, changes=1)

    assert await project.read() == project.ids


async def test_a_project_that_does_not_rest_is_not_taken_for_whole() -> None:
    with pytest.raises(PlanError, match="keeps changing"):
        await Changing(512, changes=99).read()
