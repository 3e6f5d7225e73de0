"""The official SDK, unmodified, against the emulator."""

import asyncio

import pytest

sdk = pytest.importorskip("azure.cognitiveservices.vision.customvision.training")
from azure.cognitiveservices.vision.customvision.prediction import CustomVisionPredictionClient  # noqa: E402
from azure.cognitiveservices.vision.customvision.training import models  # noqa: E402
from msrest.authentication import ApiKeyCredentials  # noqa: E402

COMPACT = "0732100f-1a38-4e49-a514-c9b44c697ab5"
DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a"
pytestmark = [
    pytest.mark.usefixtures("quick_learner"),
    # The SDK is archived and built on libraries that warn of themselves.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


@pytest.fixture
def client(emulator):
    key = ApiKeyCredentials(in_headers={"Training-key": "local-training-key"})
    with sdk.CustomVisionTrainingClient(emulator.url, key) as client:
        yield client


def fill(client, domain):
    project = client.create_project("shelf", domain_id=domain)
    for name in ("cat", "dog"):
        tag = client.create_tag(project.id, name)
        entries = [models.ImageUrlCreateEntry(url=f"http://x/{name}/{n}", tag_ids=[tag.id]) for n in range(5)]
        summary = client.create_images_from_urls(project.id, models.ImageUrlCreateBatch(images=entries))
        assert summary.is_batch_successful
    return project


async def test_a_classifier_from_project_to_prediction(emulator, client, make_picture):
    def session():
        project = fill(client, COMPACT)
        assert [p.id for p in client.get_projects()] == [project.id]
        assert {tag.name: tag.image_count for tag in client.get_tags(project.id)} == {"cat": 5, "dog": 5}
        iteration = client.train_project(project.id)
        while iteration.status == "Training":
            iteration = client.get_iteration(project.id, iteration.id)
        assert iteration.status == "Completed"
        performance = client.get_iteration_performance(project.id, iteration.id, threshold=0.5)
        assert len(performance.per_tag_performance) == 2
        result = client.quick_test_image(project.id, make_picture(), iteration_id=iteration.id)
        assert len(result.predictions) == 2
        client.publish_iteration(project.id, iteration.id, "live", RESOURCE)
        key = ApiKeyCredentials(in_headers={"Prediction-key": "local-prediction-key"})
        with CustomVisionPredictionClient(emulator.url, key) as predictor:
            found = predictor.classify_image(project.id, "live", make_picture())
            assert found.predictions[0].probability >= found.predictions[1].probability
            assert predictor.classify_image_url(project.id, "live", url="http://x/y").id
        assert (
            len(client.query_predictions(project.id, models.PredictionQueryToken(order_by="Newest")).results)
            == 3
        )
        export = client.export_iteration(project.id, iteration.id, "ONNX")
        while export.status == "Exporting":
            export = client.get_exports(project.id, iteration.id)[0]
        assert export.download_uri
        with pytest.raises(models.CustomVisionErrorException) as caught:
            client.train_project(project.id)
        assert caught.value.error.code == "BadRequestTrainingNotNeeded"
        client.unpublish_iteration(project.id, iteration.id)
        client.delete_iteration(project.id, iteration.id)
        client.delete_project(project.id)

    await asyncio.to_thread(session)


async def test_files_and_streams(client, make_picture):
    def session():
        project = client.create_project("shelf")
        tag = client.create_tag(project.id, "cat")
        entries = [
            models.ImageFileCreateEntry(name=f"{n}.png", contents=make_picture((n, 0, 0)), tag_ids=[tag.id])
            for n in range(3)
        ]
        batch = models.ImageFileCreateBatch(images=entries, metadata={"shop": "north"})
        summary = client.create_images_from_files(project.id, batch)
        assert {image.source_url for image in summary.images} == {"0.png", "1.png", "2.png"}
        summary = client.create_images_from_data(project.id, make_picture((9, 9, 9)), [tag.id])
        assert [image.status for image in summary.images] == ["OK"]
        again = client.create_images_from_files(project.id, batch)
        assert [image.status for image in again.images] == ["OKDuplicate"] * 3
        assert not again.is_batch_successful
        assert client.get_tagged_image_count(project.id) == 4
        assert len(client.get_images(project.id, filter="shop eq 'north'")) == 3

    await asyncio.to_thread(session)


async def test_regions(client):
    def session():
        project = client.create_project("shelf", domain_id=DETECTION)
        tag = client.create_tag(project.id, "cat")
        region = models.Region(tag_id=tag.id, left=0.1, top=0.1, width=0.2, height=0.2)
        entry = models.ImageUrlCreateEntry(url="u", regions=[region])
        client.create_images_from_urls(project.id, models.ImageUrlCreateBatch(images=[entry]))
        image = client.get_tagged_images(project.id, take=2)[0]
        assert image.regions[0].left == pytest.approx(0.1)
        more = models.ImageRegionCreateEntry(
            image_id=image.id, tag_id=tag.id, left=0.5, top=0.5, width=0.2, height=0.2
        )
        summary = client.create_image_regions(project.id, [more])
        client.delete_image_regions(project.id, [summary.created[0].region_id, image.regions[0].region_id])
        assert client.get_untagged_image_count(project.id) == 1
        client.create_image_tags(project.id, [models.ImageTagCreateEntry(image_id=image.id, tag_id=tag.id)])
        client.delete_image_tags(project.id, [image.id], [tag.id])
        client.update_image_metadata(project.id, [image.id], {"a": "b"})
        assert client.get_image_region_proposals(project.id, image.id).proposals
        client.delete_images(project.id, [image.id])
        assert client.get_image_count(project.id) == 0

    await asyncio.to_thread(session)


async def test_a_project_is_copied(client):
    def session():
        project = fill(client, COMPACT)
        export = client.export_project(project.id)
        copy = client.import_project(export.token, name="copy")
        while copy.status == "Importing":
            copy = client.get_project(copy.id)
        assert (copy.name, copy.status) == ("copy", "Succeeded")
        assert client.get_tagged_image_count(copy.id) == 10

    await asyncio.to_thread(session)
