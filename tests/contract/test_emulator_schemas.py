"""A whole session in each version; that its answers are as published is what `answers_as_published` holds."""

from __future__ import annotations

import json
import re
from typing import Any

import published
import pytest
from emulator_fixtures import COMPACT, DETECTION, Api

from cvsync.emulator.routes import match

pytestmark = [
    pytest.mark.usefixtures("quick_learner"),
    pytest.mark.skipif(not published.FOLDER.is_dir(), reason="needs ../shared/api, not beside this folder"),
]
PUBLISH = {"publishName": "live", "predictionId": "/subscriptions/x"}


def number_of(version: str) -> tuple[int, int]:
    return int(version[1]), int(version[3])


async def fill(api: Api) -> str:
    """A classification project that can be trained; its id."""
    project = await api.project(domainId=COMPACT)
    for name in ("cat", "dog"):
        tag = await api.tag(project, name)
        await api.add(project, *(f"http://x/{name}/{n}" for n in range(5)), tags=(tag,))
    return project


async def boxed(api: Api) -> str:
    """A detection project that can be trained; its id."""
    project = await api.project(domainId=DETECTION)
    box = {"tagId": await api.tag(project, "cat"), "left": 0.1, "top": 0.1, "width": 0.3, "height": 0.3}
    await api.add(project, images=[{"url": f"http://x/{n}", "regions": [box]} for n in range(15)])
    return project


@pytest.mark.parametrize("version", published.TRAINING_VERSIONS)
async def test_every_operation_answers_as_published(
    emulator_api: Api, version: str, make_picture: Any
) -> None:
    api, number = emulator_api.at(version), number_of(version)
    project = await fill(api)
    iteration = (await api.trained(project))["id"]
    await read(api, project, iteration)
    await relabel(api, project)
    await predict(api, project, make_picture())
    if number >= (3, 0):
        await publish(api, project, iteration)
    if number >= (3, 1):
        await suggest(api, project, iteration)
    if number >= (3, 2):
        token = (await api.get(f"projects/{project}/export")).value["token"]
        await api.post("projects/import", params={"token": token})
    if number >= (3, 3):
        await read_more(api, project)
    await detect(api, number)
    await api.delete(f"projects/{project}/iterations/{iteration}")

    assert await succeeded(api) == set(published.specification("training", version).operations)


@pytest.mark.parametrize("version", published.PREDICTION_VERSIONS)
async def test_every_prediction_answers_as_published(
    emulator_api: Api, version: str, make_picture: Any
) -> None:
    api, asked = emulator_api, emulator_api.at(version)
    for project, verb in ((await fill(api), "classify"), (await boxed(api), "detect")):
        iteration = (await api.trained(project))["id"]
        await api.post(f"projects/{project}/iterations/{iteration}/publish", params=PUBLISH)
        path = f"{project}/{verb}/iterations/live" if number_of(version) >= (3, 0) else project
        for end in ("", "/nostore"):
            by_url = await asked.post(f"{path}/url{end}", {"Url": "http://x/u"}, kind="prediction")
            by_body = await asked.post(f"{path}/image{end}", kind="prediction", data=make_picture())
            # v1.1 is older than detection.
            expected = 400 if (version, verb) == ("v1.1", "detect") else 200
            assert (by_url.status, by_body.status) == (expected, expected)

    expected_operations = set(published.specification("prediction", version).operations)
    assert {o for o in await succeeded(api) if o.startswith(("Predict", "Classify", "Detect"))} == (
        expected_operations
    )


async def succeeded(api: Api) -> set[str]:
    """The operations that were answered with success."""
    seen = (await api.control("GET", "requests")).value["by_operation"]
    return {operation for operation, statuses in seen.items() if {"200", "202", "204", "207"} & set(statuses)}


async def read(api: Api, project: str, iteration: str) -> None:
    path = f"projects/{project}/iterations/{iteration}"
    await api.patch(path, {"name": "best"})
    for end in ("", "/performance", "/performance/images", "/performance/images/count"):
        await api.get(path + end)
    await api.post(f"{path}/export?platform=ONNX")
    await api.get(f"{path}/export")
    for end in ("", "/iterations", "/images/tagged", "/images/tagged/count", "/images/untagged",
                "/images/untagged/count"):  # fmt: skip
        await api.get(f"projects/{project}{end}")
    await api.get("projects")
    await api.get(f"domains/{(await api.get('domains')).value[-1]['id']}")
    tag = (await api.get(f"projects/{project}/tags")).value[0]["id"]
    await api.get(f"projects/{project}/tags/{tag}")


async def relabel(api: Api, project: str) -> None:
    await api.patch(f"projects/{project}", {"name": "renamed", "description": "", "settings": {}})
    image = (await api.add(project, "new", "new"))[0]["image"]["id"]
    await api.get(f"projects/{project}/images/id?imageIds={image}")
    tag = await api.tag(project, "bird")
    await api.patch(f"projects/{project}/tags/{tag}", {"name": "finch"})
    entry = {"imageId": image, "tagId": tag}
    await api.post(f"projects/{project}/images/tags", {"tags": [entry, entry]})
    await api.delete(f"projects/{project}/images/tags?imageIds={image}&tagIds={tag}")
    await api.delete(f"projects/{project}/tags/{tag}")
    await api.post(f"projects/{project}/images/files", {"images": [{"name": "x", "contents": ""}]})


async def predict(api: Api, project: str, picture: bytes) -> None:
    answer = await api.post(f"projects/{project}/quicktest/url", {"url": "u"})
    await api.post(f"projects/{project}/quicktest/image", data=picture)
    tags = [{"id": answer.value["predictions"][0]["tagId"], "minThreshold": 0, "maxThreshold": 1}]
    query = {"orderBy": "Newest", "maxCount": 1, "tags": tags, "startTime": "2018-01-01T00:00:00Z"}
    await api.post(f"projects/{project}/predictions/query", query)
    await api.post(f"projects/{project}/images/predictions", {"images": [{"id": answer.value["id"]}]})
    await api.delete(f"projects/{project}/predictions?ids={answer.value['id']}")


async def publish(api: Api, project: str, iteration: str) -> None:
    path = f"projects/{project}/iterations/{iteration}"
    await api.post(f"{path}/publish", params=PUBLISH)
    await api.get(path)
    await api.delete(f"{path}/publish")


async def suggest(api: Api, project: str, iteration: str) -> None:
    image = (await api.add(project, "untagged"))[0]["image"]["id"]
    tags = [tag["id"] for tag in (await api.get(f"projects/{project}/tags")).value]
    query = f"?iterationId={iteration}"
    await api.post(f"projects/{project}/tagsandregions/suggestions{query}&imageIds={image}")
    body = {"tagIds": tags, "threshold": 0.1, "maxCount": 10, "sortBy": "UncertaintyDescending"}
    assert (await api.post(f"projects/{project}/images/suggested{query}", body)).value["results"]
    await api.post(f"projects/{project}/images/suggested/count{query}", {"tagIds": tags, "threshold": 0.1})


async def read_more(api: Api, project: str) -> None:
    await api.get(f"projects/{project}/images")
    image = (await api.add(project, "meta", metadata={"a": "b"}))[0]["image"]
    await api.get(f"projects/{project}/images/count")
    await api.post(f"projects/{project}/images/metadata?imageIds={image['id']}", {"c": "d"})
    path = f"/i-{project.replace('-', '')}/i-{image['id'].replace('-', '')}"
    await api.get(f"projects/{project}/artifacts", params={"path": path})


async def detect(api: Api, number: tuple[int, int]) -> None:
    project = await api.project(domainId=DETECTION)
    tag = await api.tag(project, "cat")
    box = {"tagId": tag, "left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2}
    image = (await api.add(project, images=[{"url": "u", "regions": [box]}]))[0]["image"]["id"]
    entry = {"imageId": image} | box
    answer = await api.post(f"projects/{project}/images/regions", {"regions": [entry | {"left": 0.3}, entry]})
    await api.get(f"projects/{project}/images/tagged")
    await api.delete(f"projects/{project}/images/regions?regionIds={answer.value['created'][0]['regionId']}")
    prefix = "" if number < (3, 0) else "projects/"
    await api.post(f"{prefix}{project}/images/{image}/regionproposals")
    await api.delete(f"projects/{project}/images?imageIds={image}")
    await api.call("POST", f"projects/{project}/images", data=b"text")
    await api.delete(f"projects/{project}")


@pytest.mark.parametrize(
    ("kind", "version"),
    [(kind, version) for kind in ("training", "prediction") for version in published.versions_of(kind)],
)
def test_every_published_operation_has_a_route(kind: str, version: str) -> None:
    document = published.specification(kind, version).document
    base = document.get("basePath") or document["x-ms-parameterized-host"]["hostTemplate"]
    for template, methods in document["paths"].items():
        for method, operation in methods.items():
            found = match(method.upper(), base.replace("{Endpoint}", "") + re.sub(r"\{\w+\}", "x", template))
            assert found is not None
            assert found.route.operation == operation["operationId"]


# The judge itself


def fields(version: str) -> dict[tuple[str, str], Any]:
    definitions = published.specification("training", version).document["definitions"]
    return {(d, f): s for d, schema in definitions.items() for f, s in schema.get("properties", {}).items()}


def test_no_exception_is_made_that_the_specifications_do_not_need() -> None:
    known = [fields(version) for version in published.TRAINING_VERSIONS]
    texts = [json.dumps(published.specification("training", v).document) for v in published.TRAINING_VERSIONS]

    for owner in published.NULLS:
        assert any(owner in one and one[owner].get("x-nullable") is False for one in known), owner
    for owner in published.EXTRAS:
        assert any(owner not in one for one in known), owner
    assert [value for value in published.VALUES if any(f'"{value}"' in text for text in texts)] == []


TAG = {"id": "00000000-0000-0000-0000-00000000000a", "name": "x", "description": None, "type": "Regular",
       "imageCount": 1}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "value", "reason"),
    [
        (200, TAG | {"imageCount": "1"}, "at imageCount"),
        (200, TAG | {"id": TAG["id"].upper()}, "is not a 'uuid'"),
        (200, TAG | {"name": None}, "at name"),
        (200, TAG | {"type": "Odd"}, "at type"),
        (200, TAG | {"surplus": 1}, "'surplus' was unexpected"),
        (200, None, "its body"),
        (207, TAG, "never answers 207"),
        (400, {"code": "BadRequestNoSuchCode", "message": ""}, "at code"),
        (400, {"message": ""}, "'code' is a required property"),
        (400, {"error": {"code": "400", "message": ""}}, "'code' is a required property"),
        (401, {"error": {"code": "401"}}, "'message' is a required property"),
    ],
)
def test_judge_objects(status: int, value: Any, reason: str) -> None:
    content = b"" if value is None else json.dumps(value).encode()

    (problem,) = published.specification("training", "v3.3").problems("GetTag", status, content)

    assert reason in problem


def test_judge_has_no_objection_to_what_is_as_published() -> None:
    content = json.dumps(TAG).encode()

    assert published.specification("training", "v3.3").problems("GetTag", 200, content) == []
