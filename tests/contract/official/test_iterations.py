"""The official SDK, unmodified, against the emulator: training, publishing and exporting."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any
from urllib.request import urlopen

import pytest

from official.shelf import COMPACT, MARKS, RESOURCE, Shelf, models

pytestmark = MARKS


def test_train_project(client: Any, shelf: Shelf) -> None:
    first = client.train_project(shelf.id, selected_tags=[*shelf.tags.values()])
    assert (first.name, first.status, first.exportable_to, first.trained_at) == (
        "Iteration 1", "Training", None, None,
    )  # fmt: skip
    while client.get_iteration(shelf.id, first.id).status == "Training":
        pass

    with pytest.raises(models.CustomVisionErrorException) as caught:
        client.train_project(shelf.id, selected_tags=[*shelf.tags.values()])
    base = models.CustomBaseModelInfo(project_id=shelf.id, iteration_id=first.id)
    second = client.train_project(shelf.id, force_train=True, custom_base_model_info=base)

    assert caught.value.error.code == "BadRequestTrainingNotNeeded"
    assert (second.training_type, second.reserved_budget_in_hours) == ("Regular", 0)
    assert second.custom_base_model_info.iteration_id == first.id


def test_get_iterations(client: Any, trained: Shelf) -> None:
    (iteration,) = client.get_iterations(trained.id)

    assert (iteration.id, iteration.name, iteration.status) == (trained.iteration, "Iteration 1", "Completed")


def test_get_iteration(client: Any, trained: Shelf) -> None:
    iteration = client.get_iteration(trained.id, trained.iteration)

    assert (iteration.domain_id, iteration.classification_type) == (COMPACT, "Multilabel")
    assert (iteration.exportable, iteration.publish_name) == (True, None)
    assert "ONNX" in iteration.exportable_to
    assert iteration.training_time_in_minutes == 1
    assert iteration.created <= iteration.trained_at


def test_update_iteration(client: Any, trained: Shelf) -> None:
    assert client.update_iteration(trained.id, trained.iteration, "best").name == "best"


def test_delete_iteration(client: Any, trained: Shelf) -> None:
    assert client.delete_iteration(trained.id, trained.iteration) is None

    assert client.get_iterations(trained.id) == []


def test_publish_iteration(client: Any, trained: Shelf) -> None:
    assert client.publish_iteration(trained.id, trained.iteration, "live", RESOURCE, overwrite=True) is True

    iteration = client.get_iteration(trained.id, trained.iteration)
    assert (iteration.publish_name, iteration.original_publish_resource_id) == ("live", RESOURCE)


def test_unpublish_iteration(client: Any, trained: Shelf) -> None:
    client.publish_iteration(trained.id, trained.iteration, "live", RESOURCE)

    assert client.unpublish_iteration(trained.id, trained.iteration) is None

    assert client.get_iteration(trained.id, trained.iteration).publish_name is None


def test_get_iteration_performance(client: Any, trained: Shelf) -> None:
    found = client.get_iteration_performance(trained.id, trained.iteration, 0.5, 0.3)

    assert {tag.name: tag.id for tag in found.per_tag_performance} == trained.tags
    assert (found.precision, found.recall, found.average_precision) == (0.5, 0.25, 1.0)


def test_get_image_performances(client: Any, trained: Shelf) -> None:
    found = client.get_image_performances(trained.id, trained.iteration, order_by="Oldest")

    assert {image.id for image in found} < set(trained.images)
    assert {p.tag_id for p in found[0].predictions} == set(trained.tags.values())
    assert found[0].tags[0].tag_name in trained.tags
    assert found[0].image_uri


def test_get_image_performance_count(client: Any, trained: Shelf) -> None:
    assert client.get_image_performance_count(trained.id, trained.iteration) == 2
    assert client.get_image_performance_count(trained.id, trained.iteration, [trained.tags["cat"]]) == 1


def test_export_iteration(client: Any, trained: Shelf) -> None:
    export = client.export_iteration(trained.id, trained.iteration, "ONNX", flavor="ONNX12")

    assert (export.platform, export.status, export.flavor) == ("ONNX", "Exporting", "ONNX12")
    assert (export.download_uri, export.newer_version_available) == (None, False)
    with pytest.raises(models.CustomVisionErrorException) as caught:
        client.export_iteration(trained.id, trained.iteration, "ONNX", flavor="ONNX12")
    assert caught.value.error.code == "BadRequestExportAlreadyInProgress"


def test_get_exports(client: Any, trained: Shelf) -> None:
    client.export_iteration(trained.id, trained.iteration, "ONNX")
    while (export := client.get_exports(trained.id, trained.iteration)[0]).status == "Exporting":
        pass

    assert (export.status, export.platform) == ("Done", "ONNX")
    with urlopen(export.download_uri) as answer, zipfile.ZipFile(BytesIO(answer.read())) as archive:
        assert {"model.onnx", "labels.txt"} <= set(archive.namelist())
