"""The official SDK, unmodified, against the emulator: no operation is left out, and what it meets besides."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import pytest

import official
from cvsync.emulator import EmulatorThread
from official.shelf import MARKS, ApiKeyCredentials, CustomVisionPredictionClient, Shelf, models, sdk

pytestmark = MARKS
CLIENTS = (sdk.CustomVisionTrainingClient, CustomVisionPredictionClient)


def operations() -> set[str]:
    return {
        name
        for client in CLIENTS
        for name, _ in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_") and name != "close"
    }


def is_tested(operation: str) -> bool:
    names = (f"official.{file.name}" for file in pkgutil.iter_modules(official.__path__))
    tests = (getattr(importlib.import_module(name), f"test_{operation}", None) for name in names)
    return any(test and f".{operation}(" in inspect.getsource(test) for test in tests)


def test_every_operation_of_the_sdk_has_a_test_that_calls_it() -> None:
    assert {name for name in operations() if not is_tested(name)} == set()
    assert len(operations()) == 52 + 8


def test_a_wrong_key_is_refused(served: EmulatorThread) -> None:
    key = ApiKeyCredentials(in_headers={"Training-key": "wrong"})
    with (
        sdk.CustomVisionTrainingClient(served.url, key) as client,
        pytest.raises(models.CustomVisionErrorException) as caught,
    ):
        client.get_projects()

    assert caught.value.response.status_code == 401


def test_more_than_64_images_are_sent_and_refused(client: Any, shelf: Shelf) -> None:
    entries = [models.ImageUrlCreateEntry(url=f"http://x/{n}") for n in range(65)]

    with pytest.raises(models.CustomVisionErrorException) as caught:
        client.create_images_from_urls(shelf.id, models.ImageUrlCreateBatch(images=entries))

    assert caught.value.error.code == "BadRequestExceededBatchSize"
