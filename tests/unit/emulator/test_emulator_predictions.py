"""Quick tests, the Prediction API, what is kept of them, and suggestions."""

import pytest
from test_emulator_training import RESOURCE, boxed, ready

from cvsync.emulator import quotas
from cvsync.emulator.candidates import Candidate, most_probable
from cvsync.emulator.numbers import TICKS_PER_SECOND, now
from cvsync.emulator.store import predictions
from cvsync.emulator.store.schema import Store

pytestmark = pytest.mark.usefixtures("quick_learner")


async def test_quick_tests_are_kept_and_listed(emulator_api):
    api = emulator_api
    project = await ready(api)
    iteration = (await api.trained(project))["id"]

    answer = (await api.post(f"projects/{project}/quicktest/url", {"url": "http://x/new"})).value
    await api.post(f"projects/{project}/quicktest/url?store=false", {"url": "http://x/other"})
    await api.post(f"projects/{project}/quicktest/url", {"url": "http://x/third"})

    assert answer["iteration"] == iteration
    probabilities = [prediction["probability"] for prediction in answer["predictions"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert {"boundingBox"}.isdisjoint(answer["predictions"][0])
    assert answer["predictions"][0]["tagType"] == "Regular"
    page = (
        await api.post(f"projects/{project}/predictions/query", {"orderBy": "Oldest", "maxCount": 1})
    ).value
    assert [stored["id"] for stored in page["results"]] == [answer["id"]]
    unasked = ("tags", "iterationId", "startTime", "endTime", "application")
    assert [page["token"][name] for name in unasked] == [None] * 5  # CONTRACT 2
    rest = (await api.post(f"projects/{project}/predictions/query", page["token"])).value
    assert (len(rest["results"]), rest["token"]["continuation"]) == (1, None)
    async with api.session.get(page["results"][0]["originalImageUri"]) as response:
        assert response.status == 200

    created = await api.post(f"projects/{project}/images/predictions", {"images": [{"id": answer["id"]}]})
    assert created.value["images"][0]["sourceUrl"] == answer["id"]
    assert created.value["images"][0]["status"] == "OK"
    left = (await api.post(f"projects/{project}/predictions/query", {})).value["results"]
    assert len(left) == 1
    assert (await api.delete(f"projects/{project}/predictions?ids={left[0]['id']}")).status == 204
    assert (await api.post(f"projects/{project}/predictions/query", {})).value["results"] == []


async def test_predictions_and_suggestions_are_kept_for_30_days(start_api, tmp_path, monkeypatch):
    """CONTRACT 4 and 16."""
    data = tmp_path / "kept"
    api = await start_api(data=data)
    project = await ready(api)
    query = f"?iterationId={(await api.trained(project))['id']}"
    new = (await api.add(project, "new"))[0]["image"]["id"]
    await api.post(f"projects/{project}/tagsandregions/suggestions{query}&imageIds={new}")
    kept = (await api.post(f"projects/{project}/quicktest/url", {"url": "u"})).value["id"]

    for days, count in [(29, 1), (31, 0)]:
        later = now() + days * 24 * 3600 * TICKS_PER_SECOND
        monkeypatch.setattr(predictions, "now", lambda later=later: later)
        stored = await api.post(f"projects/{project}/predictions/query", {})
        suggested = await api.post(f"projects/{project}/images/suggested{query}", {})
        assert [len(answer.value["results"]) for answer in (stored, suggested)] == [count, count]
    made = await api.post(f"projects/{project}/images/predictions", {"images": [{"id": kept}]})
    assert made.value["images"][0]["status"] == "ErrorSource"
    await start_api(data=data)
    monkeypatch.setattr(predictions, "now", now)
    assert (await api.post(f"projects/{project}/predictions/query", {})).value["results"] == []


async def test_the_free_tier_has_so_many_predictions_a_month(start_api, monkeypatch):
    """CONTRACT 4; inferred: the code."""
    monkeypatch.setitem(
        quotas.QUOTAS, "F0", quotas.Quota(projects=9, images=99, tags=9, iterations=9, predictions=3)
    )
    api = await start_api(quota="F0")
    project = await ready(api)
    query = f"?iterationId={(await api.trained(project))['id']}"
    ids = ",".join(one["image"]["id"] for one in await api.add(project, "a", "b"))
    quick = f"projects/{project}/quicktest/url"
    suggestions = f"projects/{project}/tagsandregions/suggestions{query}&imageIds={ids}"

    seen = [await api.post(path, body) for path, body in [
        (f"{quick}?store=false", {"url": "u"}), (suggestions, None), (suggestions, None),
        (quick, {"url": "u"}),
    ]]  # fmt: skip

    assert [answer.status for answer in seen] == [200, 200, 200, 400]
    assert seen[3].value["code"] == "BadRequestExceededQuota"
    assert (seen[2].value, len(seen[2].value)) == (seen[1].value, 2)  # docs: kept, and not billed again
    monkeypatch.setattr(predictions, "now", lambda: now() + 31 * 24 * 3600 * TICKS_PER_SECOND)
    assert (await api.post(quick, {"url": "u"})).status == 200


async def test_predictions_are_found_by_tag_and_probability(emulator_api):
    api = emulator_api
    project = await ready(api)
    await api.trained(project)
    answer = (await api.post(f"projects/{project}/quicktest/url", {"url": "u"})).value
    best = answer["predictions"][0]

    for least, count in [(best["probability"] - 0.01, 1), (best["probability"] + 0.01, 0)]:
        tags = [{"id": best["tagId"], "minThreshold": least, "maxThreshold": 1}]
        page = await api.post(f"projects/{project}/predictions/query", {"tags": tags})
        assert len(page.value["results"]) == count


async def test_published_models_predict_with_the_other_key(emulator_api, make_picture):
    api = emulator_api
    project = await ready(api)
    iteration = (await api.trained(project))["id"]
    query = {"publishName": "live", "predictionId": RESOURCE}
    await api.post(f"projects/{project}/iterations/{iteration}/publish", params=query)
    path = f"{project}/classify/iterations/live"

    by_url = await api.at("v3.1").post(f"{path}/url", {"url": "u"}, kind="prediction")
    by_body = await api.at("v3.0").post(f"{path}/image/nostore", kind="prediction", data=make_picture())
    by_default = await api.at("v2.0").post(
        f"{project}/url?iterationId={iteration}", {"url": "u"}, kind="prediction"
    )

    assert [answer.status for answer in (by_url, by_body, by_default)] == [200] * 3
    assert ("tagType" in by_url.value["predictions"][0], "tagType" in by_body.value["predictions"][0]) == (
        True,
        False,
    )
    assert by_url.value["created"].endswith("Z")
    assert len((await api.post(f"projects/{project}/predictions/query", {})).value["results"]) == 2
    other = await api.at("v3.1").post(
        f"{project}/detect/iterations/live/url", {"url": "u"}, kind="prediction"
    )
    assert other.status == 400
    missing = await api.at("v3.1").post(
        f"{project}/classify/iterations/x/url", {"url": "u"}, kind="prediction"
    )
    assert missing.status == 404
    broken = await api.at("v3.1").post(f"{path}/image", kind="prediction", data=b"text")
    assert broken.value["code"] == "BadRequestImageFormat"
    assert broken.value["message"].startswith("Bad Request Image Format, Uri: ")
    wide = make_picture(size=(800, 20))
    for version, code in (("v3.0", "BadRequestImageFormat"), ("v3.1", "BadRequestImageDimensions")):
        answer = await api.at(version).post(f"{path}/image", kind="prediction", data=wide)
        assert answer.value["code"] == code
    large = await api.at("v3.1").post(f"{path}/image", kind="prediction", data=b"\0" * 4_000_001)
    assert large.value["code"] == "BadRequestImageSizeBytes"


async def test_detections_have_boxes(emulator_api):
    api = emulator_api
    project = await boxed(api, 15)
    await api.trained(project)

    predictions = (await api.post(f"projects/{project}/quicktest/url", {"url": "u"})).value["predictions"]

    assert predictions[0]["boundingBox"] == {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}


async def test_suggestions_are_for_untagged_images(emulator_api):
    api = emulator_api
    project = await ready(api)
    iteration = (await api.trained(project))["id"]
    new = [result["image"]["id"] for result in await api.add(project, "n1", "n2")]
    tags = [tag["id"] for tag in (await api.get(f"projects/{project}/tags")).value]
    tagged = (await api.get(f"projects/{project}/images/tagged?take=1")).value[0]["id"]
    query = f"?iterationId={iteration}"

    ids = ",".join((*new, tagged))
    made = await api.post(f"projects/{project}/tagsandregions/suggestions{query}&imageIds={ids}")

    assert {one["id"] for one in made.value} == set(new)
    assert 0 <= made.value[0]["predictionUncertainty"] <= 1
    counts = await api.post(
        f"projects/{project}/images/suggested/count{query}", {"tagIds": tags, "threshold": 0.99}
    )
    assert counts.value == dict.fromkeys(tags, 0)
    body = {"tagIds": tags, "threshold": 0.0, "maxCount": 1}
    page = (await api.post(f"projects/{project}/images/suggested{query}", body)).value
    assert (len(page["results"]), page["token"]["continuation"]) == (1, "1")
    await api.post(f"projects/{project}/images/tags", {"tags": [{"imageId": new[0], "tagId": tags[0]}]})
    left = (await api.post(f"projects/{project}/images/suggested{query}", body)).value
    assert [one["id"] for one in left["results"]] == [new[1]]


@pytest.mark.parametrize(("version", "prefix"), [("v2.0", ""), ("v3.3", "projects/")])
async def test_region_proposals(emulator_api, version, prefix):
    api = emulator_api.at(version)
    project = await api.project()
    image = (await api.add(project, "u"))[0]["image"]["id"]

    answer = (await api.post(f"{prefix}{project}/images/{image}/regionproposals")).value

    assert (answer["projectId"], answer["imageId"]) == (project, image)
    assert {"confidence", "boundingBox"} == answer["proposals"][0].keys()


def test_an_answer_has_room_for_the_most_probable_boxes():
    """CONTRACT 4: 200 regions of a predicted image."""
    box = (0.1, 0.1, 0.2, 0.2)
    seen = [Candidate(str(n), probability, box) for n, probability in enumerate((0.2, 0.9, 0.1, 0.5, 0.5))]

    assert [c.tag_id for c in most_probable(seen, 3)] == ["1", "3", "4"]
    assert most_probable(seen, 5) == seen


@pytest.mark.parametrize("verb", ["SELECT *", "DELETE"])
def test_predictions_are_found_by_their_ids_however_many_a_project_has(tmp_path, verb):
    store = Store(tmp_path / "state.sqlite")

    wanted = f"{verb} FROM predictions WHERE {predictions.BY_IDS}"
    plan = [row[3] for row in store.db.execute(f"EXPLAIN QUERY PLAN {wanted}", (1, "[]"))]

    store.close()
    assert plan[0] == "SEARCH predictions USING INDEX sqlite_autoindex_predictions_1 (id=?)"
