"""The official SDK, unmodified, against the emulator: tags, and what images have of them."""

from __future__ import annotations

from typing import Any

import pytest

from official.shelf import BOX, MARKS, Shelf, is_recent, models

pytestmark = MARKS


def test_create_tag(client: Any, shelf: Shelf) -> None:
    tag = client.create_tag(shelf.id, "none of these", description="d", type="Negative")

    assert (tag.name, tag.description, tag.type, tag.image_count) == ("none of these", "d", "Negative", 0)


def test_get_tags(client: Any, shelf: Shelf) -> None:
    tags = client.get_tags(shelf.id)

    assert {tag.name: (tag.id, tag.image_count) for tag in tags} == {n: (i, 5) for n, i in shelf.tags.items()}


def test_get_tag(client: Any, shelf: Shelf) -> None:
    tag = client.get_tag(shelf.id, shelf.tags["cat"])

    assert (tag.name, tag.image_count, tag.type, tag.description) == ("cat", 5, "Regular", None)


def test_update_tag(client: Any, shelf: Shelf) -> None:
    wanted = models.Tag(name="lynx", description="wild", type="Regular")

    tag = client.update_tag(shelf.id, shelf.tags["cat"], wanted)

    assert (tag.name, tag.description, tag.image_count) == ("lynx", "wild", 5)


def test_delete_tag(client: Any, shelf: Shelf) -> None:
    assert client.delete_tag(shelf.id, shelf.tags["cat"]) is None

    assert [tag.name for tag in client.get_tags(shelf.id)] == ["dog"]
    assert client.get_untagged_image_count(shelf.id) == 5


def test_create_image_tags(client: Any, shelf: Shelf) -> None:
    entries = [
        models.ImageTagCreateEntry(image_id=shelf.images[0], tag_id=tag) for tag in shelf.tags.values()
    ]

    summary = client.create_image_tags(shelf.id, entries)

    assert [(t.image_id, t.tag_id) for t in summary.created] == [(shelf.images[0], shelf.tags["dog"])]
    assert [t.tag_id for t in summary.duplicated] == [shelf.tags["cat"]]
    assert summary.exceeded == []


def test_delete_image_tags(client: Any, shelf: Shelf) -> None:
    assert client.delete_image_tags(shelf.id, shelf.images[:2], [shelf.tags["cat"]]) is None

    assert client.get_tag(shelf.id, shelf.tags["cat"]).image_count == 3


def test_create_image_regions(client: Any, boxes: Shelf) -> None:
    place = {"image_id": boxes.images[0], "tag_id": boxes.tags["cat"]}
    entries = [
        models.ImageRegionCreateEntry(**place, **BOX),
        models.ImageRegionCreateEntry(**place, **BOX | {"left": 0.5}),
    ]

    summary = client.create_image_regions(boxes.id, entries)

    (created,), (duplicated,) = summary.created, summary.duplicated
    assert (created.image_id, created.tag_name, created.left) == (boxes.images[0], None, 0.5)
    assert is_recent(created.created)
    assert duplicated.left == pytest.approx(0.1)
    assert len(client.get_images_by_ids(boxes.id, [boxes.images[0]])[0].regions) == 2


def test_delete_image_regions(client: Any, boxes: Shelf) -> None:
    (image,) = client.get_images_by_ids(boxes.id, [boxes.images[0]])
    (region,) = image.regions
    assert (region.tag_name, region.height) == ("cat", pytest.approx(0.4))

    assert client.delete_image_regions(boxes.id, [region.region_id]) is None

    (image,) = client.get_untagged_images(boxes.id)
    assert (image.id, image.regions) == (boxes.images[0], None)


def test_get_image_region_proposals(client: Any, shelf: Shelf) -> None:
    found = client.get_image_region_proposals(shelf.id, shelf.images[0])

    assert (found.project_id, found.image_id) == (shelf.id, shelf.images[0])
    assert 0 < found.proposals[0].confidence < 1
    assert 0 < found.proposals[0].bounding_box.width < 1
