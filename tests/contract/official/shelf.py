"""What tests of the official SDK share: where it is, a project, and its training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.cognitiveservices.vision.customvision.training as sdk
import pytest
from azure.cognitiveservices.vision.customvision.prediction import CustomVisionPredictionClient
from azure.cognitiveservices.vision.customvision.training import models
from msrest.authentication import ApiKeyCredentials

__all__ = [
    "BOX",
    "COMPACT",
    "DETECTION",
    "GENERAL",
    "MARKS",
    "RESOURCE",
    "ApiKeyCredentials",
    "CustomVisionPredictionClient",
    "Picture",
    "Shelf",
    "is_recent",
    "models",
    "sdk",
    "train",
]

GENERAL = "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31"
COMPACT = "0732100f-1a38-4e49-a514-c9b44c697ab5"
DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a"
BOX = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
Picture = Callable[..., bytes]
MARKS = [
    pytest.mark.usefixtures("quick_learner"),
    # The SDK is archived and built on libraries that warn of themselves.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


@dataclass(frozen=True)
class Shelf:
    """A project with images, and what was trained on it."""

    id: str
    tags: dict[str, str]
    images: tuple[str, ...]
    iteration: str = ""


def train(client: Any, shelf: Shelf) -> Shelf:
    iteration = client.train_project(shelf.id)
    while iteration.status == "Training":
        iteration = client.get_iteration(shelf.id, iteration.id)
    assert iteration.status == "Completed"
    return Shelf(shelf.id, shelf.tags, shelf.images, iteration.id)


def is_recent(moment: datetime) -> bool:
    """Whether a date was read as one; the SDK takes what has no zone as UTC."""
    return abs(moment.astimezone(UTC) - datetime.now(UTC)) < timedelta(minutes=5)
