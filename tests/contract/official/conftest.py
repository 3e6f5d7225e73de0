"""The official SDK and projects that it made, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cvsync.emulator import EmulatorThread
from official.shelf import (
    BOX,
    COMPACT,
    DETECTION,
    RESOURCE,
    ApiKeyCredentials,
    CustomVisionPredictionClient,
    Shelf,
    models,
    sdk,
    train,
)


@pytest.fixture
def client(served: EmulatorThread) -> Iterator[Any]:
    key = ApiKeyCredentials(in_headers={"Training-key": "local-training-key"})
    with sdk.CustomVisionTrainingClient(served.url, key) as client:
        yield client


@pytest.fixture
def predictor(served: EmulatorThread) -> Iterator[Any]:
    key = ApiKeyCredentials(in_headers={"Prediction-key": "local-prediction-key"})
    with CustomVisionPredictionClient(served.url, key) as client:
        yield client


@pytest.fixture
def shelf(client: Any) -> Shelf:
    """Ten images, five a tag."""
    project = client.create_project("shelf", domain_id=COMPACT).id
    tags = {name: client.create_tag(project, name).id for name in ("cat", "dog")}
    entries = [
        models.ImageUrlCreateEntry(url=f"http://x/{name}/{n}", tag_ids=[tag])
        for name, tag in tags.items() for n in range(5)
    ]  # fmt: skip
    summary = client.create_images_from_urls(project, models.ImageUrlCreateBatch(images=entries))
    return Shelf(project, tags, tuple(result.image.id for result in summary.images))


@pytest.fixture
def trained(client: Any, shelf: Shelf) -> Shelf:
    return train(client, shelf)


@pytest.fixture
def boxes(client: Any) -> Shelf:
    """A detector of fifteen images, published."""
    project = client.create_project("boxes", domain_id=DETECTION).id
    tag = client.create_tag(project, "cat").id
    region = models.Region(tag_id=tag, **BOX)
    entries = [models.ImageUrlCreateEntry(url=f"http://x/{n}", regions=[region]) for n in range(15)]
    summary = client.create_images_from_urls(project, models.ImageUrlCreateBatch(images=entries))
    images = tuple(result.image.id for result in summary.images)
    made = train(client, Shelf(project, {"cat": tag}, images))
    client.publish_iteration(project, made.iteration, "live", RESOURCE)
    return made
