"""The type of a project that a push makes: what the whole manifest needs, refused rows included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from make import write_csv
from shelf import Shelf, boxed_rows

from cvsync.api.client import open_client
from cvsync.api.listing import project_type
from cvsync.errors import ManifestError
from cvsync.flows.project import NewProject
from cvsync.model import ProjectType


async def type_of_shelf(shelf: Shelf) -> ProjectType:
    async with open_client(shelf.settings) as (client, _):
        (project,) = await client.get_projects()
        return await project_type(client, project)


def with_commas(row: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value).replace(".", ",") if name != "url" else value for name, value in row.items()}


async def test_boxes_that_are_all_refused_make_a_detection_project(shelf: Shelf, tmp_path: Path) -> None:
    rows = boxed_rows(shelf, 3)

    refused = await shelf.push(write_csv(tmp_path / "m.csv", [with_commas(row) for row in rows]))
    mended = await shelf.push(write_csv(tmp_path / "m.csv", rows))

    assert await type_of_shelf(shelf) is ProjectType.DETECTION
    assert not refused.is_complete
    assert mended.is_complete
    assert mended.counts["images_created"] == 3


async def test_boxes_in_pixels_of_images_without_a_size_make_one_too(shelf: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    image = {"id": 1, "file_name": "0.png", "coco_url": shelf.url("0.png"), "width": 0, "height": 0}
    label = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
    said = {"images": [image], "annotations": [label], "categories": [{"id": 1, "name": "fork"}]}
    path.write_text(json.dumps(said))

    await shelf.push(path)

    assert await type_of_shelf(shelf) is ProjectType.DETECTION


async def test_a_second_tag_that_is_refused_makes_a_multilabel_project(shelf: Shelf, tmp_path: Path) -> None:
    rows = [
        {"url": shelf.url("0.png"), "tag": tag, "metadata.note": note}
        for tag, note in (("fork", "short"), ("spoon", "x" * 600))
    ]

    await shelf.push(write_csv(tmp_path / "m.csv", rows))

    assert await type_of_shelf(shelf) is ProjectType.MULTILABEL


@pytest.mark.parametrize(
    "label",
    [
        {"tag": "fork", "box": [0.1, 0.2, 0.3]},
        {"labels": [{"tag": "fork", "polygon": [[0.1, 0.2, 0.3, 0.4, 0.1, 0.4]]}]},
    ],
)
async def test_no_type_is_guessed_from_what_unread_boxes_leave(
    shelf: Shelf, tmp_path: Path, label: dict[str, Any]
) -> None:
    path = tmp_path / "m.jsonl"
    lines = [{"url": shelf.url("0.png"), **label}, {"url": shelf.url("1.png"), "tag": None}]
    path.write_text("\n".join(map(json.dumps, lines)))

    for ask in (shelf.plan, shelf.push):
        with pytest.raises(ManifestError, match=r"row 1: .* say --type"):
            await ask(path)
    assert await shelf.writes() == {}
    await shelf.push(path, create=NewProject(type=ProjectType.DETECTION))

    assert await type_of_shelf(shelf) is ProjectType.DETECTION
    assert not (await shelf.push(path)).is_complete
