"""The official SDK, unmodified, against the emulator: quick tests, stored predictions and suggestions."""

from __future__ import annotations

from typing import Any
from urllib.request import urlopen

import pytest

from official.shelf import COMPACT, MARKS, Picture, Shelf, is_recent, models

pytestmark = MARKS


def test_quick_test_image(client: Any, trained: Shelf, make_picture: Picture) -> None:
    seen = client.quick_test_image(trained.id, make_picture(), iteration_id=trained.iteration)

    assert (seen.project, seen.iteration) == (trained.id, trained.iteration)
    assert is_recent(seen.created)
    assert {p.tag_name: p.tag_id for p in seen.predictions} == trained.tags
    assert seen.predictions[0].probability > seen.predictions[1].probability
    assert seen.predictions[0].tag_type == "Regular"


def test_quick_test_image_url(client: Any, trained: Shelf) -> None:
    seen = client.quick_test_image_url(trained.id, "http://x/q", store=False)

    assert seen.iteration == trained.iteration  # without an id, the latest
    assert client.query_predictions(trained.id, models.PredictionQueryToken(order_by="Newest")).results == []


def test_query_predictions(client: Any, trained: Shelf) -> None:
    made = [client.quick_test_image_url(trained.id, f"http://x/{n}").id for n in range(3)]

    page = client.query_predictions(trained.id, models.PredictionQueryToken(order_by="Oldest", max_count=2))
    rest = client.query_predictions(trained.id, page.token)

    assert [r.id for r in (*page.results, *rest.results)] == made
    assert rest.token.continuation is None
    stored = page.results[0]
    assert (stored.iteration, stored.domain) == (trained.iteration, COMPACT)
    assert is_recent(stored.created)
    with urlopen(stored.original_image_uri) as answer:
        assert answer.status == 200


def test_delete_prediction(client: Any, trained: Shelf) -> None:
    made = [client.quick_test_image_url(trained.id, f"http://x/{n}").id for n in range(3)]

    assert client.delete_prediction(trained.id, made[:2]) is None

    left = client.query_predictions(trained.id, models.PredictionQueryToken(order_by="Newest")).results
    assert [stored.id for stored in left] == made[2:]


@pytest.fixture
def untagged(client: Any, trained: Shelf) -> str:
    """An image that a trained project has not labelled."""
    batch = models.ImageUrlCreateBatch(images=[models.ImageUrlCreateEntry(url="http://x/new")])
    return str(client.create_images_from_urls(trained.id, batch).images[0].image.id)


def test_suggest_tags_and_regions(client: Any, trained: Shelf, untagged: str) -> None:
    (suggested,) = client.suggest_tags_and_regions(trained.id, trained.iteration, [untagged])

    assert {p.tag_id for p in suggested.predictions} == set(trained.tags.values())
    assert 0 <= suggested.prediction_uncertainty <= 1


def test_query_suggested_images(client: Any, trained: Shelf, untagged: str) -> None:
    client.suggest_tags_and_regions(trained.id, trained.iteration, [untagged])
    token = models.SuggestedTagAndRegionQueryToken(threshold=0.0, max_count=5, sort_by="UncertaintyAscending")

    found = client.query_suggested_images(trained.id, trained.iteration, token)

    (result,) = found.results
    assert (result.id, result.iteration, result.domain) == (untagged, trained.iteration, COMPACT)
    assert result.width >= 256
    assert result.original_image_uri
    assert found.token.continuation is None


def test_query_suggested_image_count(client: Any, trained: Shelf, untagged: str) -> None:
    client.suggest_tags_and_regions(trained.id, trained.iteration, [untagged])
    tags = [*trained.tags.values()]

    counts = client.query_suggested_image_count(trained.id, trained.iteration, threshold=0.0, tag_ids=tags)

    assert counts == dict.fromkeys(tags, 1)
