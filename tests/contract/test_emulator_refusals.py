"""What the service refuses, and the code that it says then (CONTRACT 3, 4, 12 to 17)."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from emulator_fixtures import DETECTION, Answer, Api
from test_emulator_schemas import boxed, fill

from cvsync.emulator import worker

pytestmark = pytest.mark.usefixtures("quick_learner")
NOBODY = "00000000-0000-0000-0000-000000000001"
IDS = [f"{n:08x}-0000-0000-0000-000000000000" for n in range(300)]
URLS = [{"url": f"u{n}"} for n in range(65)]
Case = tuple[str, Any, str]
"""Method and path, body, code. A path may name P, a project, and I, its iteration."""


def csv(count: int) -> str:
    return ",".join(IDS[:count])


async def ask(api: Api, case: Case, **names: str) -> Answer:
    method, _, path = case[0].partition(" ")
    for name, value in names.items():
        path = re.sub(rf"\b{name}\b", value, path)
    if isinstance(case[1], bytes):
        return await api.call(method, path, data=case[1])
    return await api.call(method, path, json=case[1])


async def check(api: Api, cases: Sequence[Case], **names: str) -> None:
    for case in cases:
        answer = await ask(api, case, **names)
        assert (answer.status, answer.value["code"]) == (404 if "NotFound" in case[2] else 400, case[2]), case


async def test_one_more_than_a_call_may_hold(emulator_api: Api, make_picture: Any) -> None:
    """CONTRACT 4, request limits; what just fits is in test_emulator_limits.py and below."""
    project = await emulator_api.project(domainId=DETECTION)
    form = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="x"; filename="%d"\r\n\r\nx\r\n' % n for n in range(65)
    )
    answer = await emulator_api.call(
        "POST", f"projects/{project}/images", data=form + b"--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )  # fmt: skip
    assert answer.value["code"] == "BadRequestExceededBatchSize"
    box = {"imageId": NOBODY, "tagId": NOBODY, "left": 0, "top": 0, "width": 1, "height": 1}
    images = "POST projects/P/images"
    batch = "BadRequestExceededBatchSize"
    await check(emulator_api, [
        (f"{images}/urls", {"images": URLS}, batch),
        (f"{images}/files", {"images": [{"name": "x", "contents": ""}] * 65}, batch),
        (f"{images}/predictions", {"images": [{"id": i} for i in IDS[:65]]}, batch),
        (f"{images}/urls", {"images": URLS[:1], "tagIds": IDS[:21]}, batch),
        (f"{images}/urls", {"images": [{"url": "u", "tagIds": IDS[:20]}, {"url": "v", "tagIds": [NOBODY]}]},
         batch),
        (f"{images}?tagIds={csv(21)}", make_picture(), batch),
        (f"{images}/tags", {"tags": [{"imageId": NOBODY, "tagId": NOBODY}] * 129}, batch),
        (f"{images}/regions", {"regions": [box] * 65}, batch),
        (f"DELETE projects/P/images/regions?regionIds={csv(65)}", None, batch),
        (f"DELETE projects/P/images/tags?imageIds={csv(65)}&tagIds={NOBODY}", None, batch),
        (f"DELETE projects/P/images/tags?imageIds={NOBODY}&tagIds={csv(21)}", None, batch),
        (f"DELETE projects/P/images?imageIds={csv(257)}", None, batch),
        (f"GET projects/P/images/id?imageIds={csv(257)}", None, batch),
        (f"GET projects/P/images?tagIds={csv(21)}", None, batch),
        (f"GET projects/P/images/tagged?tagIds={csv(21)}", None, batch),
        ("GET projects/P/images?take=257", None, "BadRequest"),
        (f"{images}/metadata?imageIds={csv(257)}", {"a": "b"}, batch),
        (f"{images}/urls", {"images": URLS[:1], "metadata": dict.fromkeys(IDS[:51], "x")},
         "BadRequestImageMetadataKey"),
        (f"DELETE projects/P/predictions?ids={csv(65)}", None, "BadRequestPredictionIdsExceededCount"),
        ("POST projects/P/predictions/query", {"tags": [{"id": NOBODY}] * 3},
         "BadRequestPredictionTagsExceededCount"),
        ("POST projects/P/predictions/query", {"maxCount": 257}, "BadRequestPredictionResultsExceededCount"),
    ], P=project)  # fmt: skip


async def test_as_much_as_a_call_may_hold(emulator_api: Api) -> None:
    project = await emulator_api.project()
    for method, path in [
        ("DELETE", f"images/regions?regionIds={csv(64)}"),
        ("DELETE", f"images/tags?imageIds={csv(64)}&tagIds={csv(20)}"),
        ("DELETE", f"images?imageIds={csv(256)}"),
        ("GET", f"images?tagIds={csv(20)}&take=256"),
        ("GET", f"images/count?tagIds={csv(300)}"),  # spec: no bound for counts
        ("GET", f"images/tagged/count?tagIds={csv(300)}"),
        ("DELETE", f"predictions?ids={csv(64)}"),
    ]:
        assert (await emulator_api.call(method, f"projects/{project}/{path}")).status in (200, 204), path
    metadata = {f"{n:0256}": "x" * 512 for n in range(50)}
    full, image = await emulator_api.add(project, "full", "u", metadata=metadata)
    assert full["image"]["metadata"] == metadata
    query = {"maxCount": 256, "tags": [{"id": NOBODY}] * 2}
    assert (await emulator_api.post(f"projects/{project}/predictions/query", query)).status == 200
    tags = [await emulator_api.tag(project, f"t{n}") for n in range(101)]
    pairs = [(image, tag) for tag in tags] + [(full, tag) for tag in tags[:27]]
    entries = [{"imageId": one["image"]["id"], "tagId": tag} for one, tag in pairs]
    answer = (await emulator_api.post(f"projects/{project}/images/tags", {"tags": entries})).value
    assert [len(answer[name]) for name in ("created", "exceeded")] == [127, 1]  # CONTRACT 4: tags per image


@pytest.mark.parametrize("bytes_", [4_000_001, 6_000_001])
async def test_pictures_are_too_large_sooner_for_predictions(emulator_api: Api, bytes_: int) -> None:
    """CONTRACT 4: quick test 6 MB, Prediction API 4 MB."""
    project = await fill(emulator_api)
    iteration = (await emulator_api.trained(project))["id"]
    path, query = (
        f"projects/{project}/iterations/{iteration}/publish",
        {"publishName": "a", "predictionId": "b"},
    )
    await emulator_api.post(path, params=query)

    quick = await emulator_api.post(f"projects/{project}/quicktest/image", data=b"\0" * bytes_)
    predicted = await emulator_api.at("v3.1").post(
        f"{project}/classify/iterations/a/image", kind="prediction", data=b"\0" * bytes_
    )

    assert predicted.value["code"] == "BadRequestImageSizeBytes"
    is_too_large = bytes_ > 6_000_000
    assert quick.value["code"] == ("BadRequestImageSizeBytes" if is_too_large else "BadRequestImageFormat")


async def test_messages_that_were_reported(start_api: Any) -> None:
    """CONTRACT 3."""
    api = await start_api(fetch=True)
    project = await api.project()
    images = f"projects/{project}/images"
    answers = [
        await api.post(f"{images}/urls", {"images": []}),
        await api.post(f"{images}/urls", {"images": [{"url": "u"}], "tagIds": ["cat"]}),
        await api.post(f"{images}/files", {"images": []}),
        await api.post(f"{images}/files", {"images": [{"name": "x", "tagIds": ["cat"]}]}),
        await api.post(f"projects/{project}/quicktest/url", {"url": "http://127.0.0.1:9/x"}),
    ]

    assert [(answer.status, answer.value["message"]) for answer in answers] == [
        *[(400, "No image urls provided")] * 2, *[(400, "No valid image files")] * 2, (400, "")
    ]  # fmt: skip
    assert answers[-1].value["code"] == "BadRequestImageUrl"


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        ((10_240, 410), True),
        ((10_241, 420), False),
        ((10_240, 409), False),
        ((25, 1), True),
        ((26, 1), False),
    ],
)
async def test_sides_of_a_picture(start_api: Any, make_picture: Any, size: Any, fits: bool) -> None:
    """CONTRACT 4: 10,240 px, 25 to 1; any smallness."""
    api = (await start_api(fetch=True)).at("v3.4-preview")
    path = f"projects/{await api.project()}/images"

    answer = await api.post(path, data=make_picture(size=size))

    assert answer.value["images"][0]["status"] == ("OK" if fits else "ErrorImageDimensions")


async def test_flags_of_a_deletion_came_with_v31(emulator_api: Api) -> None:
    """CONTRACT 10 and 19."""
    project = await emulator_api.project()
    await emulator_api.add(project, "u")
    path = f"projects/{project}/images?allImages=true&allIterations=true"

    statuses = [(await emulator_api.at(version).delete(path)).status for version in ("v2.2", "v3.0", "v3.1")]

    assert statuses == [400, 400, 202]


async def test_projects_and_tags(emulator_api: Api) -> None:
    project = await emulator_api.project()
    await emulator_api.tag(project, "shelf", type="GeneralProduct")
    augmentation = {"settings": {"imageProcessingSettings": {"augmentationMethods": {"rotation": "yes"}}}}
    await check(emulator_api, [
        (f"GET domains/{NOBODY}", None, "NotFoundDomain"),
        (f"GET projects/{NOBODY}", None, "NotFoundProject"),
        ("GET projects/x", None, "BadRequestInvalidIds"),
        (f"GET projects/P/tags/{NOBODY}", None, "NotFoundTag"),
        (f"GET projects/P/tags?iterationId={NOBODY}", None, "NotFoundIteration"),
        ("PATCH projects/P", augmentation, "BadRequestProjectImagePreprocessingSettings"),
        ("POST projects/P/tags?name=x&type=Odd", None, "BadRequestTagType"),
        ("POST projects/P/tags?name=x&type=generalproduct", None, "BadRequestMultipleGeneralProductTag"),
        ("POST projects/import", None, "BadRequestRequiredParamIsNull"),
        (f"POST projects/P/images/{NOBODY}/regionproposals", None, "NotFoundImage"),
        ("POST projects/P/images", b"", "BadRequestImageBatch"),
        ("DELETE projects/P/images/tags", None, "BadRequestInvalidIds"),
    ], P=project)  # fmt: skip
    old = (await emulator_api.at("v3.2").get(f"projects/{project}/tags")).value
    assert [tag["type"] for tag in old] == ["Regular"]  # CONTRACT 7: the type came with v3.3


async def test_a_body_that_the_specification_requires(emulator_api: Api) -> None:
    """Above all where none would wipe something out."""
    api, project = emulator_api, await fill(emulator_api)
    iteration = (await api.trained(project))["id"]
    image = (await api.add(project, "new", metadata={"shop": "north"}))[0]["image"]["id"]
    tag = (await api.get(f"projects/{project}/tags")).value[0]["id"]

    await check(api, [
        (call, b" ", "BadRequestRequiredParamIsNull") for call in (
            "PATCH projects/P", f"PATCH projects/P/tags/{tag}", "PATCH projects/P/iterations/I",
            f"POST projects/P/images/metadata?imageIds={image}", "POST projects/P/images/tags",
            "POST projects/P/images/regions", "POST projects/P/predictions/query",
            "POST projects/P/images/suggested?iterationId=I",
            "POST projects/P/images/suggested/count?iterationId=I",
        )
    ], P=project, I=iteration)  # fmt: skip
    (kept,) = (await api.get(f"projects/{project}/images/id?imageIds={image}")).value
    assert kept["metadata"] == {"shop": "north"}


async def test_trainings(emulator_api: Api) -> None:
    """CONTRACT 12."""
    api, project, small = emulator_api, await fill(emulator_api), await emulator_api.project()
    boxes = await boxed(api)
    none = await api.tag(boxes, "none", type="Negative")
    await api.add(boxes, "empty", tags=(none,))
    advanced = "BadRequestReservedBudgetInHoursNotEnoughForAdvancedTraining"
    await check(api, [
        ("POST projects/B/train", None, "BadRequestDetectionTrainingNotAllowNegativeTag"),
        ("POST projects/S/train", None, "BadRequestClassificationTrainingValidationFailed"),
        ("POST projects/P/train?trainingType=Advanced", None, advanced),
        ("POST projects/P/train?trainingType=Slow", None, "BadRequest"),
        ("POST projects/P/train?notificationEmailAddress=nobody", None, "BadRequestInvalidEmailAddress"),
        ("POST projects/P/train", {"selectedTags": [NOBODY]}, "NotFoundTag"),
        ("POST projects/P/quicktest/url", {"url": "u"}, "NotFoundProjectDefaultIteration"),
    ], P=project, B=boxes, S=small)  # fmt: skip
    base = {"projectId": project, "iterationId": (await api.trained(project))["id"]}
    other_kind = "BadRequestCustomBaseModelDomainNotCompatible"
    case = ("POST projects/B/train", {"customBaseModelInfo": base}, other_kind)
    await check(api.at("v3.4-preview"), [case], B=boxes)


async def test_iterations(emulator_api: Api) -> None:
    """CONTRACT 12 to 14."""
    api, project = emulator_api, await fill(emulator_api)
    first = (await api.trained(project))["id"]
    await api.add(project, "new")
    second = (await api.trained(project))["id"]
    place = "projects/P/iterations/I"
    publish = "BadRequestInvalidPublishName"
    await check(api, [
        (f"PATCH {place}", {"name": " "}, "BadRequestIterationName"),
        (f"PATCH {place}", {"name": "Iteration 2"}, "BadRequestIterationNameNotUnique"),
        (f"GET projects/P/iterations/{NOBODY}", None, "NotFoundIteration"),
        (f"POST {place}/publish?publishName=&predictionId=x", None, publish),
        (f"POST {place}/publish?publishName=x", None, "BadRequestInvalidPublishTarget"),
        (f"POST {place}/export", None, "BadRequestRequiredParamIsNull"),
        (f"POST {place}/export?platform=Abacus", None, "BadRequestExportValidationFailed"),
        (f"POST {place}/export?platform=OpenVino", None, "BadRequestExportValidationFailed"),  # v3.4
        (f"POST {place}/export?platform=ONNX&flavor=Vanilla", None, "BadRequest"),
        ("POST projects/P/images/suggested", {}, "BadRequestRequiredParamIsNull"),
        (f"POST projects/P/tagsandregions/suggestions?iterationId=I&imageIds={csv(65)}", None,
         "BadRequestExceededBatchSize"),
        ("POST projects/P/quicktest/image", b"", "BadRequestImageStream"),
    ], P=project, I=first)  # fmt: skip
    await api.post(f"projects/{project}/iterations/{second}/publish?publishName=x&predictionId=y")
    taken = (f"POST {place}/publish?publishName=x&predictionId=y", None, publish)
    await check(api, [taken], P=project, I=first)
    assert (await ask(api, (f"{taken[0]}&overwrite=true", None, ""), P=project, I=first)).value is True
    old = api.at("v2.2")
    await old.patch(f"projects/{project}/iterations/{second}", {"isDefault": True})
    odd = ask(old, (f"PATCH {place}", {"isDefault": "yes"}, ""), P=project, I=second)
    assert (await odd).status == 400
    await check(old, [(f"DELETE {place}", None, "BadRequestWorkspaceNotDeletable")], P=project, I=second)


async def test_while_a_training_runs(emulator_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT 12 and 15."""
    api, project, done, run = emulator_api, await fill(emulator_api), threading.Event(), worker.run
    base = (await api.trained(project))["id"]
    monkeypatch.setattr(worker, "run", lambda job: done.wait(30) and run(job))
    try:
        iteration = (await api.post(f"projects/{project}/train?forceTrain=true")).value["id"]
        place = "projects/P/iterations/I"
        untrained = "BadRequestIterationIsNotTrained"
        info = {"customBaseModelInfo": {"projectId": project, "iterationId": iteration}}
        await check(api.at("v3.4-preview"), [
            ("POST projects/P/train?forceTrain=true", None, "BadRequestTrainingAlreadyInProgress"),
            ("POST projects/P/train", info, "BadRequestCustomBaseModelIterationStatusNotCompleted"),
            ("GET projects/P/export", None, "BadRequestExportWhileTraining"),
            (f"DELETE {place}", None, "BadRequestTrainingAlreadyInProgress"),
            (f"POST {place}/publish?publishName=x&predictionId=y", None, untrained),
            (f"POST {place}/export?platform=ONNX", None, untrained),
            (f"GET {place}/performance", None, untrained),
            (f"POST projects/P/quicktest/url?iterationId={iteration}", {"url": "u"}, untrained),
        ], P=project, I=iteration)  # fmt: skip
        assert (await api.get(f"projects/{project}/iterations/{base}/performance")).status == 200
    finally:
        done.set()
    await api.until(f"projects/{project}/iterations/{iteration}", "Training")


async def test_predictions(emulator_api: Api, make_picture: Any) -> None:
    """CONTRACT 13 and 17."""
    api, project = emulator_api, await fill(emulator_api)
    await api.post(
        f"projects/{project}/iterations/{(await api.trained(project))['id']}/publish",
        params={"publishName": "live", "predictionId": "x"},
    )
    await check(api, [
        ("POST projects/P/predictions/query", {"startTime": "soon"},
         "BadRequestPredictionInvalidQueryParameters"),
        ("POST projects/P/predictions/query", {"continuation": "x"},
         "BadRequestPredictionInvalidQueryParameters"),
        ("POST projects/P/predictions/query", {"tags": [{"id": NOBODY, "minThreshold": -1e300}]},
         "BadRequestPredictionInvalidQueryParameters"),
        ("POST projects/P/predictions/query", {"maxCount": True}, "BadRequestPredictionResultsExceededCount"),
        ("DELETE projects/P/predictions", None, "BadRequestPredictionIdsMissing"),
    ], P=project)  # fmt: skip
    for path, code, status in [
        (f"{project}/detect/iterations/live/image", "BadRequestNotSupported", 400),
        (f"{project}/classify/iterations/other/image", "NotFoundIteration", 404),
    ]:
        answer = await api.at("v3.1").post(path, kind="prediction", data=make_picture())
        assert (answer.status, answer.value["code"]) == (status, code)


def test_each_code_of_the_emulator_is_asked_for_somewhere() -> None:
    tests = Path(__file__).parents[1]
    asked = "".join(path.read_text(encoding="utf-8") for path in tests.rglob("test_*.py"))
    source = "".join(
        path.read_text(encoding="utf-8") for path in (tests.parent / "cvsync" / "emulator").rglob("*.py")
    )
    codes = set(re.findall(r'"((?:BadRequest|NotFound|Error)[A-Z]\w+)"', source))

    assert len(codes) > 60
    assert {code for code in codes if f'"{code}"' not in asked} == set()
