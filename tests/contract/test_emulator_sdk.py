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


async def test_what_is_left_of_projects_tags_and_listings(client):
    def session():
        assert len(client.get_domains()) > 5
        assert client.get_domain(COMPACT).name == "General (compact)"
        project = fill(client, COMPACT)
        renamed = client.update_project(
            project.id, models.Project(name="rack", description="of mine", settings=project.settings)
        )
        assert renamed.name == "rack"
        cat = next(tag for tag in client.get_tags(project.id) if tag.name == "cat")
        assert client.get_tag(project.id, cat.id).image_count == 5
        assert (
            client.update_tag(
                project.id, cat.id, models.Tag(name="lynx", description="wild", type="Regular")
            ).name
            == "lynx"
        )
        ids = [image.id for image in client.get_tagged_images(project.id)]
        assert {image.id for image in client.get_images_by_ids(project.id, ids[:3])} == set(ids[:3])
        client.delete_tag(project.id, cat.id)
        assert len(client.get_untagged_images(project.id)) == 5

    await asyncio.to_thread(session)


async def test_what_is_left_of_iterations_predictions_and_suggestions(emulator, client, make_picture):
    def session():
        project = fill(client, COMPACT)
        iteration = client.train_project(project.id)
        while iteration.status == "Training":
            iteration = client.get_iteration(project.id, iteration.id)
        assert client.update_iteration(project.id, iteration.id, name="best").name == "best"
        assert [i.name for i in client.get_iterations(project.id)] == ["best"]
        count = client.get_image_performance_count(project.id, iteration.id)
        assert len(client.get_image_performances(project.id, iteration.id)) == count > 0
        assert len(client.quick_test_image_url(project.id, "http://x/q").predictions) == 2
        (stored,) = client.query_predictions(
            project.id, models.PredictionQueryToken(order_by="Newest")
        ).results
        batch = models.ImageIdCreateBatch(images=[models.ImageIdCreateEntry(id=stored.id)])
        assert client.create_images_from_predictions(project.id, batch).images[0].status == "OK"
        client.delete_prediction(project.id, [stored.id])
        tag_ids = [tag.id for tag in client.get_tags(project.id)]
        (image,) = client.get_untagged_images(project.id)
        (suggested,) = client.suggest_tags_and_regions(project.id, iteration.id, [image.id])
        assert len(suggested.predictions) == 2
        token = models.SuggestedTagAndRegionQueryToken(threshold=0.0, max_count=5)
        assert [s.id for s in client.query_suggested_images(project.id, iteration.id, token).results] == [
            image.id
        ]
        assert client.query_suggested_image_count(project.id, iteration.id, threshold=0.0, tag_ids=tag_ids)
        client.publish_iteration(project.id, iteration.id, "live", RESOURCE)
        key = ApiKeyCredentials(in_headers={"Prediction-key": "local-prediction-key"})
        with CustomVisionPredictionClient(emulator.url, key) as predictor:
            assert predictor.classify_image_with_no_store(project.id, "live", make_picture()).predictions
            assert predictor.classify_image_url_with_no_store(
                project.id, "live", url="http://x/z"
            ).predictions

    await asyncio.to_thread(session)


async def test_a_detector_is_published(emulator, client, make_picture):
    def session():
        project = client.create_project("shelf", domain_id=DETECTION)
        tag = client.create_tag(project.id, "cat")
        region = models.Region(tag_id=tag.id, left=0.1, top=0.1, width=0.2, height=0.2)
        entries = [models.ImageUrlCreateEntry(url=f"http://x/{n}", regions=[region]) for n in range(15)]
        client.create_images_from_urls(project.id, models.ImageUrlCreateBatch(images=entries))
        iteration = client.train_project(project.id)
        while iteration.status == "Training":
            iteration = client.get_iteration(project.id, iteration.id)
        client.publish_iteration(project.id, iteration.id, "live", RESOURCE)
        key = ApiKeyCredentials(in_headers={"Prediction-key": "local-prediction-key"})
        with CustomVisionPredictionClient(emulator.url, key) as predictor:
            for found in (
                predictor.detect_image(project.id, "live", make_picture()),
                predictor.detect_image_with_no_store(project.id, "live", make_picture()),
                predictor.detect_image_url(project.id, "live", url="http://x/1"),
                predictor.detect_image_url_with_no_store(project.id, "live", url="http://x/2"),
            ):
                assert found.predictions[0].bounding_box.width == pytest.approx(0.3)

    await asyncio.to_thread(session)


async def test_links_of_a_virtual_network_are_read_as_artifacts(start_emulator, make_picture):
    emulator = await start_emulator(relative_links=True)

    def session():
        key = ApiKeyCredentials(in_headers={"Training-key": "local-training-key"})
        with sdk.CustomVisionTrainingClient(emulator.url, key) as client:
            project = client.create_project("shelf")
            client.create_images_from_data(project.id, make_picture())
            (image,) = client.get_untagged_images(project.id)
            content = b"".join(client.get_artifact(project.id, image.original_image_uri))
            assert content == make_picture()

    await asyncio.to_thread(session)
