"""Answers of a wrong shape: each is one error that names the operation and the place, whoever called."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from emulator_fixtures import Api

from cvsync.api.client import Client, open_client
from cvsync.api.images import FileEntry, UrlEntry
from cvsync.api.listing import fetch_snapshot
from cvsync.errors import TransportError
from cvsync.model import Project, ProjectType, Region
from cvsync.predictions import PredictionQueryToken
from cvsync.settings import Settings

ID = "00000000-0000-0000-0000-000000000001"
CANARY = "canary-91d2"
NULL = "null"  # a fault's body that is a text is sent as it is
PROJECT = Project(ID, "shelf")
IMAGE = {"id": ID, "width": 1, "height": 1, "created": "2020-01-01T00:00:00"}
REGION = {"regionId": ID, "tagId": ID, "left": 0.1, "top": 0.1, "width": 0.1, "height": 0.1}
Call = Callable[[Client], Awaitable[Any]]


@pytest.fixture
async def client(start_api: Any) -> AsyncIterator[tuple[Client, Api]]:
    """A client whose key must be in nothing that it says, and what orders the answers that it gets."""
    api = await start_api(training_key=CANARY)
    settings = Settings(endpoint=api.emulator.url, training_key=CANARY)
    async with open_client(settings) as (opened, _):
        yield opened, api


def snapshot(client: Client) -> Awaitable[Any]:
    return fetch_snapshot(client, PROJECT, ProjectType.DETECTION)


def by_urls(client: Client) -> Awaitable[Any]:
    return client.create_images_from_urls(ID, [UrlEntry("https://x.test/1")])


def by_files(client: Client) -> Awaitable[Any]:
    return client.create_images_from_files(ID, [FileEntry("a", b"x")])


MISREAD: list[tuple[str, Call, Any, str]] = [
    ("GetProjects", lambda c: c.get_projects(), {}, "it is an object, not a list"),
    ("GetProjects", lambda c: c.get_projects(), NULL, "it is null, not a list"),
    ("GetProjects", lambda c: c.get_projects(), [[]], "[0] is a list, not an object"),
    ("GetProject", lambda c: c.get_project(ID), NULL, "it is null, not an object"),
    ("GetProject", lambda c: c.get_project(ID), {"name": "x"}, "id is missing"),
    ("GetProject", lambda c: c.get_project(ID), {"id": None, "name": "x"}, "id is null, not a text"),
    ("GetProject", lambda c: c.get_project(ID), {"id": ID, "name": "x", "created": "soon"},
     "created is a text, not a date"),
    ("GetProject", lambda c: c.get_project(ID), {"id": ID, "name": "x", "settings": []},
     "settings is a list, not an object"),
    ("GetDomain", lambda c: c.get_domain(ID), {"id": ID, "name": "x", "type": "y", "exportable": 1},
     "exportable is a number, not true or false"),
    ("GetTags", lambda c: c.get_tags(ID), [{"id": ID, "name": "x", "imageCount": "3"}],
     "[0].imageCount is a text, not a whole number"),
    ("CreateTag", lambda c: c.create_tag(ID, "x"), {"Id": ID, "Name": 7}, "Name is a number, not a text"),
    ("GetTaggedImageCount", lambda c: c.get_tagged_image_count(ID), "\"ten\"",
     "it is a text, not a whole number"),
    ("GetTaggedImageCount", lambda c: c.get_tagged_image_count(ID), NULL, "it is null, not a whole number"),
    ("GetImages", lambda c: c.get_images(ID), [{"id": ID, "metadata": {"a": 1}}],
     "[0].metadata[…] is a number, not a text"),
    ("GetImagesByIds", lambda c: c.get_images_by_ids(ID, [ID]), [None], "[0] is null, not an object"),
    ("CreateImagesFromUrls", by_urls, [], "it is a list, not an object"),
    ("CreateImagesFromUrls", by_urls, NULL, "it is null, not an object"),
    ("CreateImagesFromUrls", by_urls, {"images": []}, "isBatchSuccessful is missing"),
    ("CreateImagesFromUrls", by_urls, {"isBatchSuccessful": True, "images": {}},
     "images is an object, not a list"),
    ("CreateImagesFromUrls", by_urls, {"isBatchSuccessful": True, "images": [{"sourceUrl": "u"}]},
     "images[0].status is missing"),
    ("CreateImagesFromFiles", by_files,
     {"isBatchSuccessful": True, "images": [{"sourceUrl": "a", "status": "OK", "image": ID}]},
     "images[0].image is a text, not an object"),
    ("CreateImagesFromFiles", by_files,
     {"isBatchSuccessful": True, "images": [{"sourceUrl": "a", "status": "OK", "image": {"width": 1}}]},
     "images[0].image.id is missing"),
    ("CreateImageTags", lambda c: c.create_image_tags(ID, [(ID, ID)]), {"created": [{"imageId": ID}]},
     "created[0].tagId is missing"),
    ("CreateImageRegions", lambda c: c.create_image_regions(ID, [(ID, Region(ID, 0, 0, 1, 1))]),
     {"created": "no"}, "created is a text, not a list"),
    ("UpdateImageMetadata", lambda c: c.update_image_metadata(ID, [ID], {"a": "b"}),
     {"isBatchSuccessful": "yes"}, "isBatchSuccessful is a text, not true or false"),
    ("TrainProject", lambda c: c.train_project(ID), {"id": ID, "name": "x", "status": {}},
     "status is an object, not a text"),
    ("PublishIteration", lambda c: c.publish_iteration(ID, ID, "x", "y"), {}, "it is an object, not true or"),
    ("QuickTestImage", lambda c: c.quick_test_image(ID, b"x"),
     {"id": ID, "predictions": [{"probability": "high", "tagId": ID}]},
     "predictions[0].probability is a text, not a number"),
    ("QueryPredictions", lambda c: c.query_predictions(ID, PredictionQueryToken()), {"results": []},
     "token is missing"),
    ("QuerySuggestedImageCount", lambda c: c.query_suggested_image_count(ID, ID), {ID: None},
     "[…] is null, not a whole number"),
    ("QuerySuggestedImageCount", lambda c: c.query_suggested_image_count(ID, ID), [],
     "it is a list, not an object"),
    ("ExportProject", lambda c: c.export_project(ID), {"token": 7}, "token is a number, not a text"),
    # What a snapshot is made of: tags, counts and pages.
    ("GetTags", snapshot, NULL, "it is null, not a list"),
    ("GetUntaggedImageCount", snapshot, [], "it is a list, not a whole number"),
    ("GetUntaggedImageCount", lambda c: c.get_untagged_image_count(ID), "3e10",
     "larger than any number of the service"),
    ("GetTaggedImages", snapshot, {}, "it is an object, not a list"),
    ("GetTaggedImages", snapshot, [IMAGE | {"width": 2**31}], "[0].width is larger than any number"),
    ("GetTaggedImages", snapshot, [IMAGE, IMAGE | {"height": 1.5}], "[1].height is a number, not a whole"),
    ("GetTaggedImages", snapshot, [IMAGE | {"regions": [REGION | {"left": "0.1"}]}],
     "[0].regions[0].left is a text, not a number"),
    ("GetTaggedImages", snapshot, [IMAGE | {"regions": [REGION | {"tagId": None}]}],
     "[0].regions[0].tagId is null, not a text"),
]  # fmt: skip


@pytest.mark.parametrize("case", MISREAD, ids=lambda case: f"{case[0]}: {case[3]}")
async def test_wrong_shape_is_an_error_that_says_where(
    client: tuple[Client, Api], caplog: pytest.LogCaptureFixture, case: tuple[str, Call, Any, str]
) -> None:
    (asker, api), (operation, call, body, words) = client, case
    counts = {"GetTags": [], "GetTaggedImageCount": "1", "GetUntaggedImageCount": "0", "GetTaggedImages": []}
    orders = [{"operation": operation, "kind": "status", "status": 200, "body": body}]
    orders += [{"operation": o, "kind": "status", "status": 200, "body": b} for o, b in counts.items()]
    await api.control("POST", "faults", orders)

    with caplog.at_level(logging.DEBUG), pytest.raises(TransportError) as caught:
        await call(asker)

    assert str(caught.value).startswith(f"{operation}: the answer cannot be read: ")
    assert words in str(caught.value)
    assert caught.value.sent
    assert CANARY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    seen = (await api.control("GET", "requests")).value["by_operation"]
    assert seen[operation] == {"200": 1}  # to ask again would be answered the same
