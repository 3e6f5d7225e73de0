"""The official SDK, unmodified, against the emulator: a test for each of its operations, named after it."""

from __future__ import annotations

import inspect
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from urllib.request import urlopen

import pytest

from cvsync.emulator import EmulatorThread

sdk = pytest.importorskip("azure.cognitiveservices.vision.customvision.training")
from azure.cognitiveservices.vision.customvision.prediction import CustomVisionPredictionClient  # noqa: E402
from azure.cognitiveservices.vision.customvision.training import models  # noqa: E402
from msrest.authentication import ApiKeyCredentials  # noqa: E402

GENERAL = "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31"
COMPACT = "0732100f-1a38-4e49-a514-c9b44c697ab5"
DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a"
CLIENTS = (sdk.CustomVisionTrainingClient, CustomVisionPredictionClient)
BOX = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
Picture = Callable[..., bytes]
pytestmark = [
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


def train(client: Any, shelf: Shelf) -> Shelf:
    iteration = client.train_project(shelf.id)
    while iteration.status == "Training":
        iteration = client.get_iteration(shelf.id, iteration.id)
    assert iteration.status == "Completed"
    return Shelf(shelf.id, shelf.tags, shelf.images, iteration.id)


def is_recent(moment: datetime) -> bool:
    """Whether a date was read as one; the SDK takes what has no zone as UTC."""
    return abs(moment.astimezone(UTC) - datetime.now(UTC)) < timedelta(minutes=5)


def operations() -> set[str]:
    return {
        name
        for client in CLIENTS
        for name, _ in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_") and name != "close"
    }


def is_tested(operation: str) -> bool:
    test = getattr(sys.modules[__name__], f"test_{operation}", None)
    return test is not None and f".{operation}(" in inspect.getsource(test)


def test_every_operation_of_the_sdk_has_a_test_that_calls_it() -> None:
    assert {name for name in operations() if not is_tested(name)} == set()
    assert len(operations()) == 52 + 8


# Domains and projects


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


# Tags


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


# Images


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


# Labels


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


# Iterations


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


# Predictions and suggestions


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


# The prediction client


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


# What the SDK meets besides


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
