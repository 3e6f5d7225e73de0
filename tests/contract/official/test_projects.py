"""The official SDK, unmodified, against the emulator: domains and projects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import pytest

from cvsync.emulator import EmulatorThread
from official.shelf import COMPACT, MARKS, ApiKeyCredentials, Picture, Shelf, is_recent, models, sdk

pytestmark = MARKS


def test_get_domains(client: Any) -> None:
    domains = client.get_domains()

    assert [d.name for d in domains][:3] == ["General", "Food", "Landmarks"]
    assert {d.type for d in domains} == {"Classification", "ObjectDetection"}
    assert domains[0].exportable_platforms == []
    assert domains[0].model_information is None


def test_get_domain(client: Any) -> None:
    domain = client.get_domain(COMPACT)

    assert (domain.name, domain.exportable, domain.enabled) == ("General (compact)", True, True)
    assert "ONNX" in domain.exportable_platforms
    assert domain.model_information.estimated_model_size_in_megabytes == 5


def test_create_project(client: Any) -> None:
    project = client.create_project(
        "shelf", description="of mine", domain_id=COMPACT, classification_type="Multiclass",
        target_export_platforms=["ONNX", "CoreML"], notification_queue_uri="https://q.test/q",
    )  # fmt: skip

    settings = project.settings
    assert (project.name, project.description, project.status) == ("shelf", "of mine", "Succeeded")
    assert (settings.domain_id, settings.classification_type) == (COMPACT, "Multiclass")
    assert settings.target_export_platforms == ["ONNX", "CoreML"]
    assert settings.image_processing_settings.augmentation_methods["rotation"] is True
    assert (settings.notification_queue_uri, settings.export_model_container_uri) == (
        "https://q.test/q",
        None,
    )
    assert is_recent(project.created)
    assert project.thumbnail_uri is None


def test_get_projects(client: Any) -> None:
    ids = [client.create_project(name).id for name in ("first", "second")]

    assert [project.id for project in client.get_projects()] == ids[::-1]


def test_get_project(client: Any, shelf: Shelf) -> None:
    project = client.get_project(shelf.id)

    assert (project.name, project.settings.classification_type) == ("shelf", "Multilabel")
    with urlopen(project.thumbnail_uri) as answer:
        assert answer.status == 200


def test_update_project(client: Any, shelf: Shelf) -> None:
    settings = client.get_project(shelf.id).settings
    wanted = models.Project(name="rack", description="of steel", settings=settings)

    project = client.update_project(shelf.id, wanted)

    assert (project.name, project.description) == ("rack", "of steel")
    assert project.last_modified >= project.created
    assert client.get_project(shelf.id).name == "rack"


def test_delete_project(client: Any, shelf: Shelf) -> None:
    assert client.delete_project(shelf.id) is None

    with pytest.raises(models.CustomVisionErrorException) as caught:
        client.get_project(shelf.id)
    assert (caught.value.error.code, caught.value.response.status_code) == ("NotFoundProject", 404)


def test_export_project(client: Any, trained: Shelf) -> None:
    export = client.export_project(trained.id)

    counts = (export.image_count, export.region_count, export.tag_count, export.iteration_count)
    assert counts == (10, 0, 4, 2)  # the workspace counts as an iteration, and its tags again
    assert export.estimated_import_time_in_ms > 0
    assert "/project-export-info?" in export.token


def test_import_project(client: Any, trained: Shelf) -> None:
    copy = client.import_project(client.export_project(trained.id).token, name="copy")

    assert (copy.name, copy.status) == ("copy", "Importing")
    while copy.status == "Importing":
        copy = client.get_project(copy.id)
    assert copy.status == "Succeeded"
    assert client.get_tagged_image_count(copy.id) == 10
    assert [i.name for i in client.get_iterations(copy.id)] == ["Iteration 1"]


def test_get_artifact(start_served: Callable[..., EmulatorThread], make_picture: Picture) -> None:
    served = start_served(relative_links=True)
    key = ApiKeyCredentials(in_headers={"Training-key": "local-training-key"})
    with sdk.CustomVisionTrainingClient(served.url, key) as client:
        project = client.create_project("shelf").id
        client.create_images_from_data(project, make_picture())
        (image,) = client.get_untagged_images(project)

        content = b"".join(client.get_artifact(project, image.original_image_uri))

    assert image.original_image_uri.startswith("/i-")
    assert content == make_picture()
