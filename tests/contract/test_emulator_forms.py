"""How dates and links read in each place and version; what a version does not know (CONTRACT 2, 9, 19)."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import published
import pytest
from emulator_fixtures import Api
from test_emulator_schemas import fill, number_of

pytestmark = pytest.mark.usefixtures("quick_learner")
NAIVE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?"
NAIVE_MS = r"[^Z]{19}\.\d{3}"
ZULU_MS = NAIVE_MS + "Z"
ZULU = r"[^Z]{19}\.\d{7}Z"
KIND = {"NAIVE": NAIVE, "NAIVE and Z": NAIVE + "Z", "NAIVE_MS": NAIVE_MS, "ZULU_MS": ZULU_MS, "ZULU": ZULU}
DATES = {  # CONTRACT 2: place, form in v2.x, form in v3.x
    "image": ("NAIVE", "NAIVE"),
    "tag of an image": ("NAIVE", "NAIVE"),
    "project": ("NAIVE", "ZULU_MS"),
    "changed project": ("NAIVE", "ZULU_MS"),
    "iteration": ("NAIVE", "ZULU_MS"),
    "trained iteration": ("NAIVE", "ZULU_MS"),
    "changed iteration": ("NAIVE and Z", "ZULU_MS"),
    "quick test": ("ZULU", "ZULU_MS"),
    "stored prediction": ("NAIVE", "ZULU_MS"),
    "suggested image": (None, "NAIVE_MS"),
}


@pytest.mark.parametrize("version", published.TRAINING_VERSIONS)
async def test_each_date_has_the_form_of_its_place(emulator_api: Api, version: str) -> None:
    api, number = emulator_api.at(version), number_of(version)
    project = await fill(api)
    path = f"projects/{project}"
    iteration = await api.trained(project)
    place = f"{path}/iterations/{iteration['id']}"
    image = (await api.get(f"{path}/images/tagged?take=1")).value[0]
    quick = (await api.post(f"{path}/quicktest/url", {"url": "q"})).value
    found = {
        "image": image["created"],
        "tag of an image": image["tags"][0]["created"],
        "project": (await api.get(path)).value["created"],
        "changed project": (await api.patch(path, {"name": "n"})).value["lastModified"],
        "iteration": iteration["created"],
        "trained iteration": iteration["trainedAt"],
        "changed iteration": (await api.patch(place, {"name": "n"})).value["lastModified"],
        "quick test": quick["created"],
        "stored prediction": (await api.post(f"{path}/predictions/query", {})).value["results"][0]["created"],
    }
    if number >= (3, 1):
        query = f"?iterationId={iteration['id']}"
        new = (await api.add(project, "new"))[0]["image"]["id"]
        await api.post(f"{path}/tagsandregions/suggestions{query}&imageIds={new}")
        suggested = (await api.post(f"{path}/images/suggested{query}", {})).value["results"]
        found["suggested image"] = suggested[0]["created"]

    for name, text in found.items():
        assert re.fullmatch(KIND[DATES[name][number >= (3, 0)] or ""], text), (name, text)


@pytest.mark.parametrize("version", published.PREDICTION_VERSIONS)
async def test_predictions_have_seven_digits_and_a_zone(emulator_api: Api, version: str) -> None:
    project = await fill(emulator_api)
    iteration = (await emulator_api.trained(project))["id"]
    query = {"publishName": "live", "predictionId": "/subscriptions/x"}
    await emulator_api.post(f"projects/{project}/iterations/{iteration}/publish", params=query)
    path = f"{project}/classify/iterations/live" if number_of(version) >= (3, 0) else project

    answer = await emulator_api.at(version).post(f"{path}/url", {"url": "u"}, kind="prediction")

    assert re.fullmatch(ZULU, answer.value.get("created") or answer.value["Created"])


async def test_an_iteration_dates_from_when_its_workspace_was_opened(emulator_api: Api) -> None:
    """CONTRACT 12, recorded."""
    api = emulator_api.at("v3.3")
    project = await fill(api)
    first = await api.trained(project)
    await api.add(project, "new")
    second = await api.trained(project)

    assert first["created"] == (await api.get(f"projects/{project}")).value["created"]
    assert first["created"] < second["created"] <= first["trainedAt"]


def parts(link: str) -> tuple[str, dict[str, str]]:
    found = urlsplit(link)
    return unquote(found.path), {name: values[0] for name, values in parse_qs(found.query).items()}


async def test_links_are_signed_as_the_storage_signs_them(emulator_api: Api) -> None:
    """CONTRACT 9, 14, 15 and 17: their paths, their parameters in order, 24 hours."""
    api = emulator_api
    project = await fill(api)
    flat = project.replace("-", "")
    iteration = (await api.trained(project))["id"]
    image = (await api.get(f"projects/{project}/images?take=1")).value[0]
    quick = (await api.post(f"projects/{project}/quicktest/url", {"url": "q"})).value["id"].replace("-", "")
    stored = (await api.post(f"projects/{project}/predictions/query", {})).value["results"][0]
    export = f"projects/{project}/iterations/{iteration}/export"
    await api.post(f"{export}?platform=ONNX&flavor=onnx10")
    while (made := (await api.get(export)).value[0])["status"] == "Exporting":
        pass
    token = (await api.get(f"projects/{project}/export")).value["token"]
    own = image["id"].replace("-", "")
    wanted = {
        image["originalImageUri"]: f"/i-{flat}/i-{own}",
        image["thumbnailUri"]: f"/i-{flat}/t-{own}",
        stored["originalImageUri"]: f"/e-{flat}/o-{quick}",
        stored["thumbnailUri"]: f"/e-{flat}/t-{quick}",
        made["downloadUri"]: f"/m-{flat}/{iteration.replace('-', '')}.ONNX.ONNX10.zip",
        token: f"/prjexp-{flat}/project-export-info",
    }

    for link, path in wanted.items():
        found, query = parts(link)
        assert (found, [*query]) == (path, ["sv", "sr", "sig", "se", "sp"])
        assert (query["sr"], query["sp"]) == ("b", "r")
        end = time.mktime(time.strptime(query["se"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
        assert end - time.time() == pytest.approx(24 * 3600, abs=60)


@pytest.mark.parametrize("version", published.TRAINING_VERSIONS)
async def test_what_a_version_does_not_know_yet(emulator_api: Api, version: str) -> None:
    """CONTRACT 8, 14, 15, 17 and 19: options and fields that came later are passed over or refused."""
    api, number = emulator_api.at(version), number_of(version)
    project = await fill(api)
    path = f"projects/{project}"
    place = f"{path}/iterations/{(await api.trained(project))['id']}"
    (made,) = await api.add(project, "new", metadata={"k": "v"})
    await api.post(f"{path}/quicktest/url?store=false", {"url": "q"})
    kept = (await api.post(f"{path}/predictions/query", {})).value["results"]
    export = await api.post(f"{place}/export?platform=ONNX")
    forced = await api.post(f"{path}/train?forceTrain=true")

    assert ("metadata" in made["image"]) == (number >= (3, 3))
    assert len(kept) == (number < (3, 1))
    assert ("newerVersionAvailable" in export.value) == (number >= (2, 1))
    assert forced.status == 200
    for flavor, since in [("ONNX10", (2, 2)), ("ARM", (3, 0)), ("TensorFlowLite", (3, 1))]:
        answer = await api.post(f"{place}/export?platform=ONNX&flavor={flavor}")
        assert (answer.status == 200) == (number >= since), flavor
    for platform, since in [("VAIDK", (3, 0)), ("OpenVino", (3, 4))]:
        assert ((await api.post(f"{place}/export?platform={platform}")).status == 200) == (number >= since)


@pytest.mark.parametrize(("version", "name"), [("v3.2", "shelf (1)"), ("v3.3", "mine")])
async def test_a_copy_is_named_since_v33(emulator_api: Api, version: str, name: str) -> None:
    """CONTRACT 15."""
    api = emulator_api.at(version)
    token = (await api.get(f"projects/{await api.project()}/export")).value["token"]

    copy = await api.post("projects/import", params={"token": token, "name": "mine"})

    assert copy.value["name"] == name


async def test_reads_of_an_iteration_are_of_its_own_copy(emulator_api: Api) -> None:
    """CONTRACT 7 and 9: images by id and single tags, too."""
    api = emulator_api
    project = await fill(api)
    path, query = f"projects/{project}", f"iterationId={(await api.trained(project))['id']}"
    image = (await api.get(f"{path}/images/tagged?take=1")).value[0]
    tag = image["tags"][0]["tagId"]
    await api.patch(f"{path}/tags/{tag}", {"name": "later"})
    await api.delete(f"{path}/images?imageIds={image['id']}")

    (frozen,) = (await api.get(f"{path}/images/id?imageIds={image['id']}&{query}")).value
    old = (await api.get(f"{path}/tags/{tag}?{query}")).value

    assert frozen["tags"] == image["tags"]
    assert (old["name"], old["imageCount"]) == (image["tags"][0]["tagName"], 5)
    assert (await api.get(f"{path}/images/id?imageIds={image['id']}")).value == []
    assert (await api.get(f"{path}/tags/{tag}")).value["imageCount"] == 4
    deleted = await api.delete(f"{path}/images?imageIds={image['id']}&allIterations=true")
    assert deleted.status == 202
    assert (await api.get(f"{path}/images/id?imageIds={image['id']}&{query}")).value == []


async def test_v2_asks_the_default_iteration_first(emulator_api: Api) -> None:
    """CONTRACT 13 and 17: the default, else the latest."""
    api = emulator_api.at("v2.2")
    project = await fill(api)
    first = (await api.trained(project))["id"]
    await api.add(project, "new")
    second = (await api.trained(project))["id"]
    quick, place = f"projects/{project}/quicktest/url", f"projects/{project}/iterations/{first}"
    predict = emulator_api.at("v2.0")

    latest = (await api.post(quick, {"url": "q"})).value["iteration"]
    await api.patch(place, {"isDefault": True})
    default = (await api.post(quick, {"url": "q"})).value["iteration"]
    by_key = (await predict.post(f"{project}/url", {"url": "q"}, kind="prediction")).value["iteration"]
    named = (await api.post(f"{quick}?iterationId={second}", {"url": "q"})).value["iteration"]

    assert (latest, default, by_key, named) == (second, first, first, second)
    assert (await api.delete(place)).status == 400


async def test_stored_predictions_are_narrowed_and_ordered(emulator_api: Api) -> None:
    """CONTRACT 17."""
    api, predict = emulator_api, emulator_api.at("v2.0")
    project = await fill(api)
    iteration = (await api.trained(project))["id"]
    ids = [
        (await predict.post(f"{project}/url?application={name}", {"url": name}, kind="prediction")).value
        for name in ("shop", "till", "shop")
    ]
    shop, till, again = (one["id"] for one in ids)

    async def ask(**query: Any) -> list[str]:
        answer = await api.post(f"projects/{project}/predictions/query", query)
        return [one["id"] for one in answer.value["results"]]

    assert await ask() == await ask(orderBy="Newest", maxCount=0) == [again, till, shop]
    assert await ask(orderBy="Oldest") == [shop, till, again]
    assert sorted(await ask(orderBy="Suggested")) == sorted([shop, till, again])
    assert await ask(application="till") == [till]
    assert await ask(iterationId=iteration, startTime=ids[1]["created"]) == [again, till]
    assert await ask(endTime=ids[0]["created"]) == [shop]
    assert await ask(iterationId=project) == []
