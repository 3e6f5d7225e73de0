"""Tags that have another name in the copy."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest
from emulator_fixtures import DETECTION
from make import make_png
from pairs import Pair, make_detection

from cvsync.api.client import Client
from cvsync.api.images import FileEntry
from cvsync.flows.source import renamed_tags
from cvsync.model import Project, ProjectType, Region, Tag
from cvsync.snapshot import Snapshot


async def test_tags_get_other_names_on_the_way(pair: Pair, client: Client) -> None:
    """Two that get the same name are one from then on."""
    project = await make_detection(client, 3)
    await client.create_tag(project.id, "cup")

    await pair.migrate(tag_map={"löffel": "spoon", "unused": "CUP"})

    assert await pair.copy.tags() == ["CUP", "fork", "spoon"]
    assert sorted(len(image.regions) for image in await pair.copy.images()) == [0, 1, 2]
    again = await pair.plan(tag_map={"löffel": "spoon", "unused": "CUP"})
    assert again.is_empty


@pytest.mark.parametrize("order", [*permutations(range(4))])
async def test_the_order_of_tags_decides_nothing_where_two_become_one(order: tuple[int, ...]) -> None:
    names = ("fork", "cup", "unused", "Tasse")
    tags = [Tag(f"id-{n}", name, description=f"{name}!" if n > 1 else None) for n, name in enumerate(names)]
    contents = Snapshot.empty(Project("p", "shelf"), ProjectType.DETECTION, [tags[n] for n in order])

    renamed = renamed_tags(contents, {"tasse": "CUP", "unused": "CUP"})

    assert {(tag.id, tag.name, tag.description) for tag in renamed.tags} == {
        ("id-0", "fork", None),
        ("id-1", "CUP", "Tasse!"),
    }


async def test_boxes_that_a_tag_has_twice_stay_two_where_others_become_one(
    pair: Pair, client: Client
) -> None:
    project = await client.create_project("shelf", domain_id=DETECTION)
    fork, cup, mug = [await client.create_tag(project.id, name) for name in ("fork", "cup", "mug")]
    box = (0.1, 0.2, 0.3, 0.4)
    boxes = tuple(Region(tag.id, *box) for tag in (fork, fork, cup, mug))
    await client.create_images_from_files(project.id, [FileEntry("0.png", make_png(0), (), boxes)])

    await pair.migrate(tag_map={"mug": "cup"})

    (image,) = await pair.copy.images()
    assert Counter(region.tag_name for region in image.regions) == {"fork": 2, "cup": 1}
