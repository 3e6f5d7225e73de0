"""The official SDK, unmodified, against the emulator: images."""

from __future__ import annotations

from typing import Any
from urllib.request import urlopen

from official.shelf import GENERAL, MARKS, Picture, Shelf, is_recent, models

pytestmark = MARKS


def test_create_images_from_urls(client: Any, shelf: Shelf) -> None:
    entry = models.ImageUrlCreateEntry(url="http://x/new", tag_ids=[shelf.tags["cat"]])
    known = models.ImageUrlCreateEntry(url="http://x/cat/0")
    batch = models.ImageUrlCreateBatch(images=[entry, known], metadata={"shop": "north"})

    summary = client.create_images_from_urls(shelf.id, batch)

    made, again = summary.images
    assert not summary.is_batch_successful
    assert (made.source_url, made.status, again.status) == ("http://x/new", "OK", "OKDuplicate")
    assert again.image.id == shelf.images[0]
    assert [tag.tag_id for tag in made.image.tags] == [shelf.tags["cat"]]
    assert made.image.metadata == {"shop": "north"}
    assert is_recent(made.image.created)


def test_create_images_from_files(client: Any, shelf: Shelf, make_picture: Picture) -> None:
    entries = [
        models.ImageFileCreateEntry(name=f"{n}.png", contents=make_picture((n, 0, 0))) for n in range(3)
    ]
    entries.append(models.ImageFileCreateEntry(name="text", contents=b"text"))
    batch = models.ImageFileCreateBatch(images=entries, tag_ids=[shelf.tags["dog"]])

    summary = client.create_images_from_files(shelf.id, batch)

    assert [r.status for r in summary.images] == ["OK", "OK", "OK", "ErrorImageFormat"]
    assert [r.source_url for r in summary.images] == ["0.png", "1.png", "2.png", "text"]
    assert (summary.images[0].image.width, summary.images[0].image.height) == (64, 48)
    assert summary.images[3].image is None


def test_create_images_from_data(client: Any, shelf: Shelf, make_picture: Picture) -> None:
    summary = client.create_images_from_data(shelf.id, make_picture(), [shelf.tags["cat"]])

    (result,) = summary.images
    assert (summary.is_batch_successful, result.status) == (True, "OK")
    with urlopen(result.image.original_image_uri) as answer:
        assert answer.read() == make_picture()


def test_create_images_from_predictions(client: Any, trained: Shelf) -> None:
    seen = client.quick_test_image_url(trained.id, "http://x/quick")
    entry = models.ImageIdCreateEntry(id=seen.id, tag_ids=[trained.tags["cat"]])

    summary = client.create_images_from_predictions(trained.id, models.ImageIdCreateBatch(images=[entry]))

    assert [(r.source_url, r.status) for r in summary.images] == [(seen.id, "OK")]
    query = models.PredictionQueryToken(order_by="Newest")
    assert client.query_predictions(trained.id, query).results == []


def test_get_images(client: Any, shelf: Shelf) -> None:
    client.update_image_metadata(shelf.id, shelf.images[:2], {"shop": "north"})

    page = client.get_images(shelf.id, order_by="Oldest", take=4, skip=8, tagging_status="Tagged")
    found = client.get_images(shelf.id, filter="metadata=shop eq 'north'")

    assert len(page) == 2
    assert page[0].tags[0].tag_name in ("cat", "dog")
    assert is_recent(page[0].tags[0].created)
    assert {image.id for image in found} == set(shelf.images[:2])
    assert found[0].metadata == {"shop": "north"}


def test_get_image_count(client: Any, shelf: Shelf) -> None:
    assert client.get_image_count(shelf.id) == 10
    assert client.get_image_count(shelf.id, tagging_status="Untagged") == 0
    assert client.get_image_count(shelf.id, tag_ids=[shelf.tags["cat"]]) == 5
    assert client.get_image_count(shelf.id, filter="shop eq 'north'") == 0


def test_get_tagged_images(client: Any, shelf: Shelf) -> None:
    found = client.get_tagged_images(shelf.id, tag_ids=[shelf.tags["cat"]])

    assert {image.id for image in found} == set(shelf.images[:5])
    assert found[0].regions is None
    assert found[0].width >= 256


def test_get_untagged_images(client: Any, shelf: Shelf) -> None:
    client.delete_image_tags(shelf.id, [shelf.images[0]], [shelf.tags["cat"]])

    (image,) = client.get_untagged_images(shelf.id)

    assert (image.id, image.tags) == (shelf.images[0], None)


def test_get_tagged_image_count(client: Any, shelf: Shelf) -> None:
    assert client.get_tagged_image_count(shelf.id) == 10
    assert client.get_tagged_image_count(shelf.id, tag_ids=[shelf.tags["dog"]]) == 5


def test_get_untagged_image_count(client: Any, shelf: Shelf) -> None:
    client.create_images_from_urls(
        shelf.id, models.ImageUrlCreateBatch(images=[models.ImageUrlCreateEntry(url="http://x/new")])
    )

    assert client.get_untagged_image_count(shelf.id) == 1


def test_get_images_by_ids(client: Any, shelf: Shelf) -> None:
    found = client.get_images_by_ids(shelf.id, shelf.images[:3])

    assert {image.id for image in found} == set(shelf.images[:3])


def test_delete_images(client: Any, shelf: Shelf) -> None:
    assert client.delete_images(shelf.id, shelf.images[:2]) is None
    assert client.get_image_count(shelf.id) == 8

    assert client.delete_images(shelf.id, all_images=True) is None

    assert client.get_image_count(shelf.id) == 0


def test_update_image_metadata(client: Any, shelf: Shelf) -> None:
    summary = client.update_image_metadata(shelf.id, [shelf.images[0], GENERAL], {"shop": "north"})

    assert not summary.is_batch_successful
    assert {e.image_id: (e.status, e.metadata) for e in summary.images} == {
        shelf.images[0]: ("OK", {"shop": "north"}), GENERAL: ("ErrorImageNotFound", None),
    }  # fmt: skip
