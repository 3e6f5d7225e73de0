"""The official SDK, unmodified, against the emulator: the prediction endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from official.shelf import MARKS, RESOURCE, Picture, Shelf, is_recent, models

pytestmark = MARKS


@pytest.fixture
def live(client: Any, trained: Shelf) -> Shelf:
    client.publish_iteration(trained.id, trained.iteration, "live", RESOURCE)
    return trained


def kept(client: Any, shelf: Shelf) -> int:
    return len(client.query_predictions(shelf.id, models.PredictionQueryToken(order_by="Newest")).results)


def is_classified(seen: Any, shelf: Shelf) -> bool:
    assert (seen.project, seen.iteration) == (shelf.id, shelf.iteration)
    assert is_recent(seen.created)
    best, other = seen.predictions
    assert {best.tag_name: best.tag_id, other.tag_name: other.tag_id} == shelf.tags
    assert best.bounding_box is None
    return bool(best.probability > other.probability)


def test_classify_image(client: Any, predictor: Any, live: Shelf, make_picture: Picture) -> None:
    assert is_classified(predictor.classify_image(live.id, "live", make_picture()), live)
    assert kept(client, live) == 1


def test_classify_image_with_no_store(
    client: Any, predictor: Any, live: Shelf, make_picture: Picture
) -> None:
    assert is_classified(predictor.classify_image_with_no_store(live.id, "live", make_picture()), live)
    assert kept(client, live) == 0


def test_classify_image_url(client: Any, predictor: Any, live: Shelf) -> None:
    assert is_classified(predictor.classify_image_url(live.id, "live", "http://x/u", application="app"), live)
    query = models.PredictionQueryToken(order_by="Newest", application="app")
    assert len(client.query_predictions(live.id, query).results) == 1


def test_classify_image_url_with_no_store(client: Any, predictor: Any, live: Shelf) -> None:
    assert is_classified(predictor.classify_image_url_with_no_store(live.id, "live", "http://x/u"), live)
    assert kept(client, live) == 0


def is_detected(seen: Any, shelf: Shelf) -> bool:
    assert (seen.project, seen.iteration) == (shelf.id, shelf.iteration)
    found = seen.predictions[0]
    assert (found.tag_name, found.tag_type) == ("cat", "Regular")
    box = found.bounding_box
    return bool((box.left, box.top, box.width, box.height) == pytest.approx((0.1, 0.2, 0.3, 0.4)))


def test_detect_image(client: Any, predictor: Any, boxes: Shelf, make_picture: Picture) -> None:
    assert is_detected(predictor.detect_image(boxes.id, "live", make_picture()), boxes)
    assert kept(client, boxes) == 1


def test_detect_image_with_no_store(client: Any, predictor: Any, boxes: Shelf, make_picture: Picture) -> None:
    assert is_detected(predictor.detect_image_with_no_store(boxes.id, "live", make_picture()), boxes)
    assert kept(client, boxes) == 0


def test_detect_image_url(client: Any, predictor: Any, boxes: Shelf) -> None:
    assert is_detected(predictor.detect_image_url(boxes.id, "live", "http://x/u"), boxes)
    assert kept(client, boxes) == 1


def test_detect_image_url_with_no_store(client: Any, predictor: Any, boxes: Shelf) -> None:
    assert is_detected(predictor.detect_image_url_with_no_store(boxes.id, "live", "http://x/u"), boxes)
    assert kept(client, boxes) == 0
