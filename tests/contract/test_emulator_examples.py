"""The published examples, replayed: each request gets an answer of the example's shape.

The ids, pictures and tokens of an example mean nothing here, so those of a scene take their places;
everything else is sent as it stands. The answer may hold more than the example, since many of those are older
than their specification, but never less, and never another kind of value.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import published
import pytest
from emulator_fixtures import COMPACT, DETECTION, Answer, Api, StartEmulator

from cvsync.emulator import Quirks
from cvsync.limits import MAX_REGIONS_PER_IMAGE

EXAMPLES = published.FOLDER / "examples"
VERSIONS = [
    f"{kind}-{version}" for kind in ("training", "prediction") for version in published.versions_of(kind)
]
# Examples that cannot be replayed, and why. Nothing else is left out.
NOT_REPLAYED = {
    "training-v1.2": "training before v2.0 is not modelled, and answers 501 that says so",
}
# Where an example is not what the service answers, by its place in the answer.
NO_TAG = (None, "create answers name no tag (CONTRACT 8, recorded)")
NO_IMAGE = (None, "null, not empty, until there is an image (CONTRACT 6, recorded)")
LAST_PAGE = (None, "null, not empty, on the last page (CONTRACT 16 and 17, recorded)")
LISTS = ([], "always a list, never null (CONTRACT 10, recorded)")
DIFFERENCES: dict[str, tuple[Any, str]] = {
    "CreateImagesFromData.images.image.tags.tagName": NO_TAG,
    "CreateImagesFromFiles.images.image.tags.tagName": NO_TAG,
    "CreateImagesFromUrls.images.image.tags.tagName": NO_TAG,
    "CreateImagesFromPredictions.images.image.tags.tagName": NO_TAG,
    "CreateImageTags.duplicated": LISTS,
    "CreateImageTags.exceeded": LISTS,
    "CreateProject.thumbnailUri": NO_IMAGE,
    "GetProjects.thumbnailUri": NO_IMAGE,
    "TrainProject.exportableTo": (None, "until it is trained (CONTRACT 12, recorded)"),
    "TrainProject.publishName": (None, "null, not empty, until it is published (CONTRACT 2, recorded)"),
    "ExportIteration.downloadUri": (None, "null, not empty, until it is done (CONTRACT 14, recorded)"),
    "QueryPredictions.token.application": (None, "null, not empty, if not asked for (CONTRACT 2, recorded)"),
    "QueryPredictions.token.continuation": LAST_PAGE,
    "QuerySuggestedImages.token.continuation": LAST_PAGE,
}
TAKEN_LAST = [
    # What takes something away is replayed after all that needs it.
    "DeletePrediction", "DeleteImageRegions", "DeleteImageTags", "UnpublishIteration", "PublishIteration",
    "DeleteIteration", "DeleteTag", "DeleteImages", "DeleteProject",
]  # fmt: skip
OLDEST_NAMES = {  # the two files of prediction v1.1 are not named after their operations
    "SuccessfulPredictionWithImage": "PredictImage", "SuccessfulPredictionWithUrl": "PredictImageUrl",
}  # fmt: skip
WITH_BOXES = ("CreateImageRegions", "DeleteImageRegions", "GetImagePerformances", "Detect")
pytestmark = [
    pytest.mark.usefixtures("quick_learner"),
    pytest.mark.skipif(not EXAMPLES.is_dir(), reason="needs ../shared/api, which is not beside this folder"),
]


@dataclass
class Scene:
    """What there is for examples to speak of."""

    ids: dict[str, list[str]]
    """By the name of a parameter, in lower case and without the plural's s."""
    picture: Any
    numbers: Iterator[int] = field(default_factory=count)

    def fit(self, value: Any, name: str, operation: str, position: int = 0) -> Any:
        """An example's value with the scene's own ids and pictures in it."""
        name = name.lower().removesuffix("s")
        if isinstance(value, dict):
            return {key: self.fit(item, key, operation) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fit(item, name, operation, n) for n, item in enumerate(value)]
        if name == "id" and operation.startswith("Update"):
            return value
        if name == "id" and operation == "QueryPredictions":
            name = "tagid"
        if name in self.ids:
            return self.ids[name].pop(0) if name == "id" else self.ids[name][position]
        return self.fresh(name, value)

    def fresh(self, name: str, value: Any) -> Any:
        """A new picture, where the example only says that there is one."""
        made = {
            "url": lambda: f"http://x/{next(self.numbers)}",
            "content": lambda: base64.b64encode(self.new_picture()).decode(),
            "minthreshold": lambda: 0,  # the model of a test is never as sure as the example's
        }
        return made[name]() if name in made else value

    def new_picture(self) -> bytes:
        content: bytes = self.picture((next(self.numbers), 7, 7))
        return content


@dataclass
class Case:
    """One answer of one example."""

    operation: str
    status: str
    example: Any
    here: Scene

    async def prepare(self, api: Api) -> None:
        """Bring about what the example takes for granted."""
        (project,), (iteration,) = self.here.ids["projectid"], self.here.ids["iterationid"]
        image, tag = self.here.ids["imageid"][0], self.here.ids["tagid"][0]
        if self.operation == "TrainProject":
            await api.add(project, f"http://scene/change/{next(self.here.numbers)}")
        if self.operation == "DeleteIteration":
            await api.delete(f"projects/{project}/iterations/{iteration}/publish")
        if self.operation.startswith("CreateImagesFrom") and self.status == "207":
            fault = {"kind": "partial", "every": 2, "image_status": "ErrorLimitExceed"}
            await api.control("POST", "faults", [fault | {"operation": self.operation}])
        if self.operation == "CreateImageTags":
            await api.delete(f"projects/{project}/images/tags?imageIds={image}&tagIds={tag}")
        if self.operation == "CreateImageRegions" and self.status == "207":
            await self.fill_image(api)

    async def fill_image(self, api: Api) -> None:
        """Leave room for just one more region."""
        (project,), image, tag = (self.here.ids[name] for name in ("projectid", "imageid", "tagid"))
        await api.delete(f"projects/{project}/images/tags?imageIds={image[0]}&tagIds={tag[0]}")
        box = {"imageId": image[0], "tagId": tag[0], "top": 0.5, "width": 0.1, "height": 0.1}
        fill = [box | {"left": n / 1000} for n in range(MAX_REGIONS_PER_IMAGE - 1)]
        for start in range(0, len(fill), 64):
            await api.post(f"projects/{project}/images/regions", {"regions": fill[start : start + 64]})

    async def replay(self, api: Api, kind: str) -> Answer:
        template, method, declared = next(
            (path, method, found)
            for path, methods in published.specification(kind, api.version).document["paths"].items()
            for method, found in methods.items()
            if found["operationId"] == self.operation
        )
        parameters = self.example["parameters"]
        given = {n: self.here.fit(v, n, self.operation) for n, v in parameters.items()}
        places = {p["name"]: p["in"] for p in declared["parameters"] if p.get("name") in given}
        query = {n: as_text(given[n]) for n, place in places.items() if place == "query"}
        options: dict[str, Any] = {}
        if "body" in places.values():
            options["json"] = self.body(given[next(n for n in places if places[n] == "body")])
        if "formData" in places.values():
            options["data"] = self.form()
        path = re.sub(r"\{(\w+)\}", lambda found: given[found[1]], template).lstrip("/")
        return await api.call(method.upper(), path, kind=kind, params=self.changed(query), **options)

    def changed(self, query: dict[str, str]) -> dict[str, str]:
        """The query that brings about the answer, where the example's own would bring another."""
        if self.operation == "SuggestTagsAndRegions":
            return query | {"imageIds": self.here.ids["untagged"][0]}
        if (self.operation, self.status) == ("UpdateImageMetadata", "207"):
            nobody = self.here.ids["projectid"][0]
            return query | {"imageIds": f"{query['imageIds']},{nobody}"}
        if (self.operation, self.status) == ("DeleteImages", "202"):
            return {"allImages": "true"}
        return query

    def body(self, body: Any) -> Any:
        """A batch of two, where an example of one image tells of two answers."""
        if not self.operation.startswith("CreateImagesFrom") or self.status != "207":
            return body
        second = {name: self.here.fit("", name, self.operation) for name in body["images"][0]}
        return body | {"images": [*body["images"], second]}

    def form(self) -> aiohttp.FormData:
        data = aiohttp.FormData()
        for name in ("hemlock_10.jpg", "hemlock_6.jpg")[: 1 + (self.operation == "CreateImagesFromData")]:
            data.add_field("imageData", self.here.new_picture(), filename=name)
        return data


def as_text(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


async def scene(api: Api, make_picture: Any, *, boxed: bool) -> Scene:
    """A trained, published project with everything in it."""
    project = await api.project(domainId=DETECTION if boxed else COMPACT)
    tags = [await api.tag(project, name, description="d") for name in ("Hemlock", "Japanese Cherry")]
    box = {"left": 0.25, "top": 0.25, "width": 0.2, "height": 0.2}
    images = []
    for tag in tags:
        labels: dict[str, Any] = {"regions": [{"tagId": tag} | box]} if boxed else {"tagIds": [tag]}
        batch = [{"url": f"http://scene/{tag}/{n}"} | labels for n in range(15)]
        images += [result["image"] for result in await api.add(project, images=batch)]
    iteration = (await api.trained(project))["id"]
    query = {"publishName": "MyModel1", "predictionId": "/subscriptions/x"}
    await api.post(f"projects/{project}/iterations/{iteration}/publish", params=query)
    await api.post(f"projects/{project}/iterations/{iteration}/export?platform=ONNX")
    kept = [
        (await api.post(f"projects/{project}/quicktest/url", {"url": f"http://scene/q{n}"})).value["id"]
        for n in range(8)
    ]
    untagged = [
        result["image"]["id"] for result in await api.add(project, "http://scene/new/1", "http://x/n")
    ]
    path = f"projects/{project}/tagsandregions/suggestions?iterationId={iteration}"
    await api.post(f"{path}&imageIds={','.join(untagged)}")
    ids = [image["id"] for image in images]
    return Scene(
        {
            "projectid": [project], "iterationid": [iteration], "tagid": tags, "imageid": ids, "id": kept,
            "regionid": [region["regionId"] for image in images for region in image.get("regions", [])],
            "publishedname": ["MyModel1"], "untagged": untagged,
            "token": [(await api.get(f"projects/{project}/export")).value["token"]],
            "path": [f"i-{project.replace('-', '')}/t-{ids[0].replace('-', '')}"],
        },
        make_picture,
    )  # fmt: skip


@pytest.mark.parametrize("name", VERSIONS)
async def test_every_example_gets_an_answer_of_its_shape(
    start_emulator: StartEmulator, emulator_session: Any, name: str, make_picture: Any
) -> None:
    emulator = await start_emulator(quirks=Quirks(pascal_case_leaks=False))  # the examples do not leak
    api = Api(emulator, emulator_session)
    scenes = {boxed: await scene(api, make_picture, boxed=boxed) for boxed in (False, True)}
    kind, _, version = name.partition("-")
    wrong, replayed = {}, 0

    for path in sorted((EXAMPLES / name).glob("*.json"), key=lambda p: order(p.stem)):
        operation = OLDEST_NAMES.get(path.stem, path.stem)
        example = orjson.loads(path.read_bytes())
        here = scenes[operation.startswith(WITH_BOXES)]
        for status, response in example["responses"].items():
            case = Case(operation, status, example, here)
            await case.prepare(api)
            answer = await case.replay(api.at(version), kind)
            await api.control("DELETE", "faults")
            replayed += 1
            if answer.status != int(status):
                wrong[operation, status] = str(answer)
            elif status not in ("202", "204"):
                found = differences(value_of(response), answer.value, operation)
                wrong |= {(operation, status, place): found[place] for place in found}

    assert wrong == {}
    assert replayed >= len(published.specification(kind, version).operations) or version == "v1.1"


def order(operation: str) -> tuple[int, str]:
    return TAKEN_LAST.index(operation) + 1 if operation in TAKEN_LAST else 0, operation


def value_of(response: Any) -> Any:
    """The body of an example; counts stand there as text, a file as a word for it."""
    body = response.get("body")
    if body == "{file}":
        return b""
    return int(body) if isinstance(body, str) and body.isdigit() else body


def differences(example: Any, answer: Any, place: str) -> dict[str, str]:
    """Where an answer lacks something of an example, or has another kind of value."""
    if place in DIFFERENCES:
        expected, reason = DIFFERENCES[place]
        return {} if answer in (expected, example) else {place: f"{reason}, but {answer!r}"}
    if example is None:  # says nothing of the kind
        return {}
    if kind_of(example) is not kind_of(answer):
        return {place: f"{example!r} but {answer!r}"}
    found: dict[str, str] = {}
    if isinstance(example, dict):
        for name, item in example.items():
            # Counts by the id of a tag: there is one of another.
            there = next(iter(answer), "") if len(name) == GUID_LENGTH else name
            if there in answer:
                found |= differences(item, answer[there], f"{place}.{name}")
            else:
                found[f"{place}.{name}"] = "is missing"
    elif isinstance(example, list):
        if example and not answer:
            return {place: "is empty"}
        for item in example:
            found |= differences(item, answer[0], place)
    return found


GUID_LENGTH = 36


def kind_of(value: Any) -> type:
    return float if type(value) is int else type(value)


def test_examples_that_are_not_replayed_are_all_named() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == {*VERSIONS, *NOT_REPLAYED}


@pytest.mark.parametrize("path", sorted((EXAMPLES / "training-v1.2").glob("*.json")), ids=lambda p: p.stem)
async def test_examples_of_the_oldest_version_are_refused_with_the_reason(
    emulator_api: Api, path: Path
) -> None:
    document = orjson.loads((published.FOLDER / "training-v1.2.json").read_bytes())
    for template, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] == path.stem:
                answer = await emulator_api.at("v1.2").call(method.upper(), template.lstrip("/"))

                assert answer.status == 501
                assert "before v2.0" in answer.value["error"]["message"]
