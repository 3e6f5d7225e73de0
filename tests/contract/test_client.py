"""cvsync's own client through every operation of every version, against the emulator."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import published
import pytest

from cvsync.api.client import Client, open_client
from cvsync.api.images import FileEntry, PredictionEntry, UrlEntry
from cvsync.api.versions import PREDICTION_VERSIONS, is_at_least
from cvsync.emulator import Emulator
from cvsync.errors import AuthError, NotFoundError, ServiceError, TooLargeError, UnsupportedError
from cvsync.flows.train import train
from cvsync.model import BaseModel, Region
from cvsync.predictions import PredictionQueryToken, SuggestionQueryToken
from cvsync.settings import API_VERSIONS, Settings

DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
COMPACT = "0732100f-1a38-4e49-a514-c9b44c697ab5"
RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a"
pytestmark = pytest.mark.usefixtures("quick_learner")


def settings(emulator: Emulator, version: str = "v3.3", **changes: Any) -> Settings:
    keys = {"training_key": "local-training-key", "prediction_key": "local-prediction-key"}
    return Settings(endpoint=emulator.url, api_version=version, **keys | changes)


@pytest.fixture(params=API_VERSIONS)
async def client(request: pytest.FixtureRequest, emulator: Emulator) -> AsyncIterator[Client]:
    async with open_client(settings(emulator, request.param)) as (opened, _):
        yield opened


async def classifier(client: Client, domain: str | None = COMPACT) -> tuple[str, dict[str, str]]:
    """A project of ten images; its id and its tags' ids by name."""
    project = await client.create_project("shelf", domain_id=domain)
    tags = {name: (await client.create_tag(project.id, name)).id for name in ("cat", "dog")}
    entries = [UrlEntry(f"https://x.test/{n}", (tags["cat" if n % 2 else "dog"],)) for n in range(10)]
    await client.create_images_from_urls(project.id, entries)
    return project.id, tags


async def test_domains_and_projects(client: Client) -> None:
    domains = await client.get_domains()
    project = await client.create_project("shelf", description="of mine", domain_id=domains[0].id)
    changed = await client.update_project(project.id, {"name": "rack"})

    assert await client.get_domain(domains[0].id) == domains[0]
    assert (project.description, changed.name) == ("of mine", "rack")
    assert (await client.get_project(project.id)).settings.domain_id == domains[0].id
    assert [p.id for p in await client.get_projects()] == [project.id]
    assert project.created is not None
    await client.delete_project(project.id)
    assert await client.get_projects() == ()


async def test_tags(client: Client) -> None:
    project = (await client.create_project("shelf")).id

    tag = await client.create_tag(project, "Größe, 1&2", description="d")
    renamed = await client.update_tag(project, tag.id, {"name": "size"})

    assert (tag.name, renamed.name) == ("Größe, 1&2", "size")
    assert (await client.get_tag(project, tag.id)).name == "size"
    assert [t.id for t in await client.get_tags(project)] == [tag.id]
    await client.delete_tag(project, tag.id)
    assert await client.get_tags(project) == ()


async def test_images_in_and_out(client: Client, make_picture: Any) -> None:
    project, tags = await classifier(client)
    picture = make_picture()

    files = await client.create_images_from_files(
        project, [FileEntry("a.png", picture), FileEntry("b", b"text")], tag_ids=[tags["cat"]]
    )
    again = await client.create_images_from_data(project, picture)

    assert [o.status for o in files.images] == ["OK", "ErrorImageFormat"]
    assert files.images[0].source_url == "a.png"
    assert again.images[0].status == "OKDuplicate"
    assert not files.is_batch_successful
    assert await client.get_tagged_image_count(project) == 11
    others = [str(UUID(int=n)) for n in range(30)]
    assert await client.get_tagged_image_count(project, tag_ids=[tags["cat"], *others]) == 6
    assert await client.get_untagged_image_count(project) == 0
    page = await client.get_tagged_images(project, tag_ids=[tags["cat"]], order_by="Oldest", take=3, skip=1)
    assert len(page) == 3
    assert page[0].original_image_uri
    assert page[0].tags[0].tag_id == tags["cat"]
    ids = [image.id for image in page]
    assert {i.id for i in await client.get_images_by_ids(project, ids)} == set(ids)
    await client.delete_image_tags(project, ids, [tags["cat"]])
    assert len(await client.get_untagged_images(project)) == 3
    summary = await client.create_image_tags(project, [(ids[0], tags["dog"])])
    assert [(t.image_id, t.tag_id) for t in summary.created] == [(ids[0], tags["dog"])]
    await client.delete_images(project, ids)
    assert await client.get_tagged_image_count(project) == 8


async def test_regions(client: Client) -> None:
    project, tags = await classifier(client, DETECTION)
    (image, *_) = await client.get_untagged_images(project) or await client.get_tagged_images(project)

    added = await client.create_image_regions(project, [(image.id, Region(tags["cat"], 0.1, 0.2, 0.3, 0.4))])

    (region,) = added.created
    (stored,) = await client.get_images_by_ids(project, [image.id])
    assert [(r.region_id, r.tag_name, r.left) for r in stored.regions] == [(region.region_id, "cat", 0.1)]
    proposals = await client.get_image_region_proposals(project, image.id)
    assert proposals.image_id == image.id
    assert all(0 <= p.confidence <= 1 for p in proposals.proposals)
    await client.delete_image_regions(project, [region.region_id or ""])
    assert (await client.get_images_by_ids(project, [image.id]))[0].regions == ()


async def test_several_files_go_in_one_form(client: Client, make_picture: Any) -> None:
    project, tags = await classifier(client)
    files = {'a "quoted" name.png': make_picture((1, 2, 3)), "größe.png": make_picture((4, 5, 6))}

    made = await client.create_images_from_data(project, files, tag_ids=[tags["cat"]])

    assert [o.status for o in made.images] == ["OK", "OK"]
    assert [o.source_url for o in made.images] == [r'"a \"quoted\" name.png"', '"größe.png"']  # as sent
    assert await client.get_tagged_image_count(project, tag_ids=[tags["cat"]]) == 7


async def test_from_training_to_export(client: Client, make_picture: Any) -> None:
    project, tags = await classifier(client)
    iteration = await train(client, project, sleep=_at_once)

    performance = await client.get_iteration_performance(
        project, iteration.id, threshold=0.5, overlap_threshold=0.3
    )
    assert {tag.name for tag in performance.per_tag_performance} == {"cat", "dog"}
    count = await client.get_image_performance_count(project, iteration.id)
    assert len(await client.get_image_performances(project, iteration.id)) == count > 0
    quick = await client.quick_test_image(project, make_picture(), iteration_id=iteration.id)
    assert {p.tag_id for p in quick.predictions} == set(tags.values())
    await client.quick_test_image_url(project, "https://x.test/q", iteration_id=iteration.id)
    assert (await client.export_iteration(project, iteration.id, "ONNX")).status == "Exporting"
    assert [e.platform for e in await client.get_exports(project, iteration.id)] == ["ONNX"]
    renamed = await client.update_iteration(project, iteration.id, {"name": "best"})
    assert renamed.name == "best"
    assert [i.id for i in await client.get_iterations(project)] == [iteration.id]
    assert {t.id for t in await client.get_tags(project, iteration_id=iteration.id)} == set(tags.values())
    await client.delete_iteration(project, iteration.id)
    with pytest.raises(NotFoundError):
        await client.get_iteration(project, iteration.id)


async def _at_once(_seconds: float) -> None:
    """Ask again without a wait: the emulator's training needs no time to speak of."""


async def test_predictions_are_kept_and_become_images(client: Client, make_picture: Any) -> None:
    project, tags = await classifier(client)
    iteration = await train(client, project, sleep=_at_once)
    pictures = [make_picture((n * 40, 9, 9)) for n in range(4)]
    if is_at_least(client.api_version, "v3.0"):
        assert await client.publish_iteration(project, iteration.id, "live 1", RESOURCE)
        await client.classify_image(project, "live 1", pictures[0], application="app")
        await client.classify_image_with_no_store(project, "live 1", pictures[1])
        await client.classify_image_url(project, "live 1", "https://x.test/u")
        await client.classify_image_url_with_no_store(project, "live 1", "https://x.test/v")
        with pytest.raises(ServiceError):
            await client.detect_image(project, "live 1", pictures[2])
    else:
        await client.predict_image(project, pictures[0], iteration_id=iteration.id, application="app")
        await client.predict_image_with_no_store(project, pictures[1], iteration_id=iteration.id)
        await client.predict_image_url(project, "https://x.test/u", iteration_id=iteration.id)
        await client.predict_image_url_with_no_store(project, "https://x.test/v", iteration_id=iteration.id)

    page = await client.query_predictions(project, PredictionQueryToken(order_by="Oldest", max_count=1))
    rest = await client.query_predictions(project, page.token)

    assert len(page.results) == len(rest.results) == 1
    assert rest.token.continuation is None
    kept = [page.results[0].id, rest.results[0].id]
    entries = [PredictionEntry(kept[0], (tags["cat"],))]
    made = await client.create_images_from_predictions(project, entries)
    assert made.images[0].status == "OK"
    await client.delete_prediction(project, kept)
    assert (await client.query_predictions(project, PredictionQueryToken(order_by="Newest"))).results == ()
    if is_at_least(client.api_version, "v3.0"):
        await client.unpublish_iteration(project, iteration.id)


async def test_detections_have_boxes(client: Client, make_picture: Any) -> None:
    project = (await client.create_project("boxes", domain_id=DETECTION)).id
    tag = (await client.create_tag(project, "cat")).id
    region = Region(tag, 0.1, 0.1, 0.3, 0.3)
    entries = [UrlEntry(f"https://x.test/{n}", regions=(region,)) for n in range(15)]
    await client.create_images_from_urls(project, entries)
    iteration = await train(client, project, sleep=_at_once)
    if is_at_least(client.api_version, "v3.0"):
        await client.publish_iteration(project, iteration.id, "live", RESOURCE)
        found = [
            await client.detect_image(project, "live", make_picture()),
            await client.detect_image_with_no_store(project, "live", make_picture()),
            await client.detect_image_url(project, "live", "https://x.test/u"),
            await client.detect_image_url_with_no_store(project, "live", "https://x.test/v"),
        ]
    else:
        found = [await client.predict_image(project, make_picture(), iteration_id=iteration.id)]

    for seen in found:
        box = seen.predictions[0].bounding_box
        assert box is not None
        assert (box.left, box.height) == pytest.approx((0.1, 0.4))
    query = PredictionQueryToken(order_by="Newest")
    (first, *_) = (await client.query_predictions(project, query)).results
    assert first.original_image_uri == first.resized_image_uri is not None


async def test_every_page_of_kept_predictions_is_read(client: Client) -> None:
    project, _ = await classifier(client)
    await train(client, project, sleep=_at_once)
    made = [(await client.quick_test_image_url(project, f"https://x.test/q{n}")).id for n in range(5)]

    query = PredictionQueryToken(order_by="Oldest", max_count=2)
    read = [one.id async for one in client.fetch_predictions(project, query)]

    assert read == made


async def test_suggestions_for_untagged_images(client: Client) -> None:
    project, tags = await classifier(client)
    iteration = await train(client, project, sleep=_at_once)
    made = await client.create_images_from_urls(project, [UrlEntry("https://x.test/new")])
    image = made.images[0].image
    assert image is not None
    if not is_at_least(client.api_version, "v3.1"):
        with pytest.raises(UnsupportedError):
            await client.suggest_tags_and_regions(project, iteration.id, [image.id])
        return

    (suggestion,) = await client.suggest_tags_and_regions(project, iteration.id, [image.id])
    found = await client.query_suggested_images(
        project, iteration.id, SuggestionQueryToken(threshold=0.0, max_count=10)
    )
    counts = await client.query_suggested_image_count(project, iteration.id, tag_ids=[*tags.values()])

    assert {p.tag_id for p in suggestion.predictions} == set(tags.values())
    assert [s.id for s in found.results] == [image.id]
    assert counts == dict.fromkeys(tags.values(), 1)
    more = [UrlEntry(f"https://x.test/more{n}") for n in range(4)]
    ids = [o.image.id for o in (await client.create_images_from_urls(project, more)).images if o.image]
    await client.suggest_tags_and_regions(project, iteration.id, ids)
    every = SuggestionQueryToken(threshold=0.0, max_count=2)
    read = [one.id async for one in client.fetch_suggestions(project, iteration.id, every)]
    assert sorted(read) == sorted([image.id, *ids])


async def test_metadata_and_whole_listings(client: Client) -> None:
    project, _ = await classifier(client)
    if not is_at_least(client.api_version, "v3.3"):
        for call in (client.get_images(project), client.get_image_count(project)):
            with pytest.raises(UnsupportedError):
                await call
        return
    entries = [UrlEntry("https://x.test/m")]
    made = await client.create_images_from_urls(project, entries, metadata={"batch": "7"})
    image = made.images[0].image
    assert image is not None

    changed = await client.update_image_metadata(project, [image.id], {"shelf": "top"})

    assert changed.images[0].metadata["shelf"] == "top"
    assert await client.get_image_count(project) == 11
    assert await client.get_image_count(project, tagging_status="Untagged") == 1
    found = await client.get_images(project, filter_="metadata=shelf eq 'top'")
    assert [i.id for i in found] == [image.id]
    path = urlsplit(found[0].original_image_uri).path
    artifact = await client.get_artifact(project, path)
    assert artifact.startswith(b"\x89PNG")
    assert await client.get_artifact(project, path, most=len(artifact)) == artifact
    with pytest.raises(TooLargeError):
        await client.get_artifact(project, path, most=len(artifact) - 1)
    await client.delete_images(project, all_images=True)
    assert await client.get_images(project) == ()


async def test_projects_are_copied(client: Client) -> None:
    project, _ = await classifier(client)
    if not is_at_least(client.api_version, "v3.2"):
        with pytest.raises(UnsupportedError, match="ExportProject"):
            await client.export_project(project)
        return

    export = await client.export_project(project)
    name = "copy" if is_at_least(client.api_version, "v3.3") else None
    copy = await client.import_project(export.token, name=name)

    assert (export.image_count, export.tag_count) == (10, 2)
    assert (copy.name, copy.status) == (name or "shelf (1)", "Importing")
    assert "token" not in repr(export)


WALK = (
    test_domains_and_projects, test_tags, test_images_in_and_out, test_regions, test_from_training_to_export,
    test_predictions_are_kept_and_become_images, test_detections_have_boxes,
    test_suggestions_for_untagged_images, test_metadata_and_whole_listings, test_projects_are_copied,
)  # fmt: skip


async def test_together_these_tests_call_every_operation_of_their_version(
    client: Client, emulator: Emulator, make_picture: Any
) -> None:
    given = {"client": client, "make_picture": make_picture}
    for step in WALK:
        await step(**{name: given[name] for name in inspect.signature(step).parameters})

    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{emulator.url}/_emulator/requests") as answer,
    ):
        seen = (await answer.json())["by_operation"]
    version = client.api_version
    prediction = PREDICTION_VERSIONS.get(version, "v3.1")
    assert {o for o, statuses in seen.items() if any(s.startswith("2") for s in statuses)} == {
        *published.operations("training", version), *published.operations("prediction", prediction),
    }  # fmt: skip


async def test_token_stands_in_for_keys(start_emulator: Any) -> None:
    emulator = await start_emulator(bearer_token="entra")

    async def token() -> str:
        return "entra"

    async def wrong() -> str:
        return "other"

    async with open_client(settings(emulator, training_key="", token=token)) as (client, _):
        assert await client.get_projects() == ()
    async with open_client(settings(emulator, training_key="", token=wrong)) as (client, _):
        with pytest.raises(AuthError):
            await client.get_projects()


async def test_every_option_of_a_training_is_sent(emulator: Emulator) -> None:
    async with open_client(settings(emulator, "v3.4-preview")) as (client, _):
        project, tags = await classifier(client)
        first = await train(client, project, sleep=_at_once)
        base = BaseModel(project, first.id)

        second = await client.train_project(
            project, training_type="Advanced", reserved_budget_in_hours=1, force_train=True,
            notification_email_address="a@b.test", selected_tags=[*tags.values()], base_model=base,
        )  # fmt: skip

    assert (second.training_type, second.reserved_budget_in_hours) == ("Advanced", 1)
    assert second.custom_base_model_info == base
