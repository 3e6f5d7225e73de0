import asyncio
import io
import sys
import threading
import zipfile

import pytest

from cvsync.emulator import quotas, scoring

COMPACT = "0732100f-1a38-4e49-a514-c9b44c697ab5"
DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a"
pytestmark = pytest.mark.usefixtures("quick_learner")


async def ready(api, *, images=5, **query):
    """A project that can be trained: two tags."""
    project = await api.project(**query)
    for name in ("cat", "dog"):
        tag = await api.tag(project, name)
        await api.add(project, *(f"http://x/{name}/{n}" for n in range(images)), tags=(tag,))
    return project


async def boxed(api, count):
    project = await api.project(domainId=DETECTION)
    box = {"tagId": await api.tag(project, "cat"), "left": 0.1, "top": 0.1, "width": 0.3, "height": 0.3}
    await api.add(project, images=[{"url": f"u{n}", "regions": [box]} for n in range(count)])
    return project


async def test_a_training_freezes_the_workspace(emulator_api):
    api = emulator_api
    project = await ready(api)
    answer = (await api.post(f"projects/{project}/train")).value
    assert (answer["status"], answer["name"], answer["exportable"]) == ("Training", "Iteration 1", False)
    assert [answer[name] for name in ("domainId", "classificationType", "exportableTo")] == [None] * 3
    assert "trainedAt" not in answer

    done = await api.until(f"projects/{project}/iterations/{answer['id']}", "Training")
    await api.delete(f"projects/{project}/images?allImages=true")

    assert (done["status"], done["classificationType"], done["exportableTo"]) == (
        "Completed",
        "Multilabel",
        [],
    )
    assert done["trainingTimeInMinutes"] == 1
    assert done["created"] < done["trainedAt"]
    path = f"projects/{project}/images/tagged"
    assert (await api.get(f"{path}/count?iterationId={done['id']}")).value == 10
    assert len((await api.get(f"{path}?iterationId={done['id']}")).value) == 10
    assert (await api.get(f"{path}/count")).value == 0
    tags = (await api.get(f"projects/{project}/tags?iterationId={done['id']}")).value
    assert [tag["imageCount"] for tag in tags] == [5, 5]


async def test_deleting_from_all_iterations_reaches_the_frozen_copies(emulator_api):
    api = emulator_api
    project = await ready(api)
    iteration = (await api.trained(project))["id"]

    assert (await api.delete(f"projects/{project}/images?allImages=true&allIterations=true")).status == 202

    assert (await api.get(f"projects/{project}/images/tagged/count?iterationId={iteration}")).value == 0
    assert (await api.get(f"projects/{project}/iterations/{iteration}/performance/images/count")).value == 0


async def test_too_few_images_are_refused(emulator_api):
    api = emulator_api

    few = await api.post(f"projects/{await ready(api, images=4)}/train")
    boxes = await api.post(f"projects/{await boxed(api, 14)}/train")

    assert (few.status, few.value["message"]) == (400, "Not enough images for training")
    assert boxes.value == {
        "code": "BadRequestDetectionTrainingValidationFailed",
        "message": "Not enough images per tag for training",
    }
    assert (await api.trained(await boxed(api, 15)))["status"] == "Completed"


async def test_nothing_changed_is_refused_unless_forced(emulator_api, monkeypatch):
    api = emulator_api
    project = await ready(api)
    await api.trained(project)

    refused = await api.post(f"projects/{project}/train")
    learner, done = sys.modules["cvsync.emulator.learn"], threading.Event()
    fit = learner.fit
    monkeypatch.setattr(learner, "fit", lambda *args, **options: done.wait(30) and fit(*args, **options))
    forced = await api.post(f"projects/{project}/train?forceTrain=true")

    assert refused.value == {
        "code": "BadRequestTrainingNotNeeded", "message": "Nothing changed since last training",
    }  # fmt: skip
    assert forced.value["name"] == "Iteration 2"
    twice = await api.post(f"projects/{project}/train?forceTrain=true")
    assert twice.value["code"] == "BadRequestTrainingAlreadyInProgress"
    done.set()
    await api.until(f"projects/{project}/iterations/{forced.value['id']}", "Training")
    image = (await api.add(project, "http://x/cat/0"))[0]["image"]["id"]  # has them already
    await api.post(f"projects/{project}/images/metadata?imageIds={image}", {"a": "b"})
    await api.delete(f"projects/{project}/images?imageIds={project}")  # is no image
    still = await api.post(f"projects/{project}/train")
    assert still.value["code"] == "BadRequestTrainingNotNeeded"
    await api.add(project, "new")
    assert (await api.post(f"projects/{project}/train")).status == 200


async def test_names_keep_counting_after_deletions(emulator_api):
    api = emulator_api
    project = await ready(api)
    first = await api.trained(project)
    assert (await api.delete(f"projects/{project}/iterations/{first['id']}")).status == 204

    assert (await api.trained(project))["name"] == "Iteration 2"


async def test_a_project_may_be_trained_any_number_of_times(emulator_api):
    """By turns with uploads, and with the last model kept, as a nightly job does it."""
    api = emulator_api
    project = await ready(api)
    tags = [tag["id"] for tag in (await api.get(f"projects/{project}/tags")).value]
    kept = None
    for n in range(64):  # as many as a key of SQLite has bits
        await api.add(project, f"http://x/new/{n}", tags=tags[:1])
        iteration = (await api.trained(project))["id"]
        if kept:
            await api.delete(f"projects/{project}/iterations/{kept}")
        kept = iteration

    for query in ("", f"?iterationId={kept}"):
        assert (await api.get(f"projects/{project}/images/tagged/count{query}")).value == 74


async def test_iterations_are_listed_oldest_first(emulator_api):
    api = emulator_api
    project = await ready(api)
    await api.trained(project)
    await api.add(project, "new")
    await api.trained(project)

    names = [iteration["name"] for iteration in (await api.get(f"projects/{project}/iterations")).value]

    assert names == ["Iteration 1", "Iteration 2"]


async def test_the_number_of_iterations_is_limited(start_api, monkeypatch):
    monkeypatch.setitem(quotas.QUOTAS, "S0", quotas.Quota(projects=9, images=99, tags=9, iterations=1))
    api = await start_api()
    project = await ready(api)
    await api.trained(project)

    refused = await api.post(f"projects/{project}/train?forceTrain=true")

    assert refused.value["code"] == "BadRequestExceedIterationPerProjectLimit"


async def test_a_failed_fit_ends_as_failed(emulator_api, monkeypatch):
    from cvsync.emulator import worker

    def fail(job):
        raise ValueError("no model in this")

    monkeypatch.setattr(worker, "run", fail)
    api = emulator_api.at("v3.4-preview")

    iteration = await api.trained(await ready(api))

    assert iteration["status"] == "Failed"
    assert iteration["trainingErrorDetails"] == "ValueError: no model in this"


async def test_an_interrupted_training_goes_on_at_the_next_start(start_api, tmp_path, monkeypatch):
    import threading

    from cvsync.emulator import Emulator, EmulatorSettings, worker

    settings = EmulatorSettings(data=tmp_path / "kept", fetch=False, train_in_process=False)
    api = await start_api()
    go_on, run = threading.Event(), worker.run
    monkeypatch.setattr(worker, "run", lambda job: go_on.wait(30) and None)
    async with Emulator(settings) as emulator:
        api.emulator = emulator
        project = await ready(api)
        iteration = (await api.post(f"projects/{project}/train")).value["id"]
        await asyncio.sleep(0)
    go_on.set()
    monkeypatch.setattr(worker, "run", run)
    async with Emulator(settings) as emulator:
        api.emulator = emulator
        done = await api.until(f"projects/{project}/iterations/{iteration}", "Training")

    assert done["status"] == "Completed"


async def test_v2_has_a_default_iteration_and_leaks(emulator_api):
    api = emulator_api.at("v2.0")
    project = await ready(api)
    answer = (await api.post(f"projects/{project}/train")).value
    assert {"Id", "IsDefault", "DomainId"} <= answer.keys()
    path = f"projects/{project}/iterations/{answer['Id']}"
    done = await api.until(path, "Training")
    assert (done["isDefault"], "publishName" in done, "classificationType" in done) == (False, False, False)
    assert not done["lastModified"].endswith("Z")

    patched = (await api.patch(path, {"isDefault": True, "name": "best"})).value

    assert (patched["isDefault"], patched["name"]) == (True, "best")
    assert patched["lastModified"].endswith("Z")
    assert (await api.delete(path)).status == 400
    await api.patch(path, {"isDefault": False})
    assert (await api.delete(path)).status == 204


async def test_publishing(emulator_api):
    api = emulator_api
    project = await ready(api)
    iteration = (await api.trained(project))["id"]
    path = f"projects/{project}/iterations/{iteration}"
    query = {"publishName": "live", "predictionId": RESOURCE}

    assert (await api.post(f"{path}/publish", params=query)).value is True

    found = (await api.get(path)).value
    assert (found["publishName"], found["originalPublishResourceId"]) == ("live", RESOURCE)
    again = await api.post(f"{path}/publish", params=query | {"overwrite": "true"})
    assert again.value["message"] == "Iteration is already published as: live"
    assert (await api.delete(path)).value["code"] == "BadRequestIterationIsPublished"
    assert (await api.delete(f"{path}/publish")).status == 204
    assert (await api.delete(f"{path}/publish")).value["code"] == "BadRequestIterationNotPublished"


async def test_performance_is_of_the_images_held_out(emulator_api):
    api = emulator_api
    project = await ready(api)
    path = f"projects/{project}/iterations/{(await api.trained(project))['id']}/performance"

    performance = (await api.get(f"{path}?threshold=0.5&overlapThreshold=0.3")).value

    assert {tag["name"] for tag in performance["perTagPerformance"]} == {"cat", "dog"}
    assert (performance["precision"], performance["averagePrecision"]) == (0.5, 1.0)
    assert "averagePrecision" not in (await api.at("v2.1").get(path)).value
    assert (await api.get(f"{path}/images/count")).value == 2
    assert (await api.at("v2.0").get(f"{path}/images/count")).value == 10
    images = (await api.get(f"{path}/images")).value
    assert len(images) == 2
    assert {"predictions", "imageUri", "tags", "width"} <= images[0].keys()
    said = [prediction["probability"] for prediction in images[0]["predictions"]]
    assert said == sorted(said, reverse=True)
    assert len((await api.at("v2.0").get(f"{path}/images")).value) == 10
    assert (await api.get(f"{path}?threshold=2")).status == 400


async def test_performance_of_an_iteration_that_is_deleted_meanwhile(emulator_api, monkeypatch):
    api, begun, end, measure = emulator_api, asyncio.Event(), threading.Event(), scoring.performance
    project, loop = await ready(api), asyncio.get_running_loop()
    path = f"projects/{project}/iterations/{(await api.trained(project))['id']}"

    def measure_slowly(*given, **thresholds):
        loop.call_soon_threadsafe(begun.set)
        end.wait(30)
        return measure(*given, **thresholds)

    monkeypatch.setattr(scoring, "performance", measure_slowly)
    asked = asyncio.create_task(api.get(f"{path}/performance"))
    await begun.wait()
    deleted = await api.delete(path)
    end.set()

    assert (deleted.status, (await asked).status) == (204, 200)


async def test_exports_are_made_or_say_why_not(emulator_api, caplog):
    api = emulator_api
    project = await ready(api, domainId=COMPACT)
    path = f"projects/{project}/iterations/{(await api.trained(project))['id']}/export"

    first = (await api.post(f"{path}?platform=onnx")).value
    await api.post(f"{path}?platform=CoreML")
    exports = (await api.get(path)).value
    while any(export["status"] == "Exporting" for export in exports):
        exports = (await api.get(path)).value

    assert first == {
        "platform": "ONNX", "status": "Exporting", "downloadUri": None, "flavor": None,
        "newerVersionAvailable": False,
    }  # fmt: skip
    assert [(e["platform"], e["status"]) for e in exports] == [("ONNX", "Done"), ("CoreML", "Failed")]
    async with api.session.get(exports[0]["downloadUri"]) as response:
        archive = zipfile.ZipFile(io.BytesIO(await response.read()))
    assert sorted(archive.namelist()) == ["README.txt", "labels.txt", "model.onnx"]
    assert sorted(archive.read("labels.txt").split()) == [b"cat", b"dog"]
    again = await api.post(f"{path}?platform=ONNX")
    assert again.value["code"] == "BadRequestExportAlreadyInProgress"
    reasons = (await api.control("GET", "exports")).value
    assert reasons[1]["reason"] == "CoreML cannot be made on this machine"
    assert "export of Iteration 1 failed: CoreML cannot be made on this machine" in caplog.text
    assert [e["downloadUri"] is None for e in exports] == [False, True]


async def test_other_domains_do_not_export(emulator_api):
    api = emulator_api
    project = await ready(api)
    path = f"projects/{project}/iterations/{(await api.trained(project))['id']}/export"

    assert (await api.post(f"{path}?platform=ONNX")).value["code"] == "BadRequestExportValidationFailed"


async def test_a_project_is_copied_by_its_token(emulator_api):
    api = emulator_api
    project = await ready(api)
    await api.trained(project)

    export = (await api.get(f"projects/{project}/export")).value
    copied = await api.post("projects/import", params={"token": export["token"]})

    assert (export["imageCount"], export["tagCount"], export["iterationCount"]) == (10, 4, 2)
    assert (copied.value["status"], copied.value["name"]) == ("Importing", "shelf (1)")
    copy = copied.value["id"]
    assert (await api.until(f"projects/{copy}", "Importing"))["status"] == "Succeeded"
    ids = [{image["id"] for image in (await api.get(f"projects/{p}/images")).value} for p in (project, copy)]
    assert len(ids[1]) == 10
    assert not ids[0] & ids[1]
    iterations = (await api.get(f"projects/{copy}/iterations")).value
    assert [(i["name"], i["status"], i["publishName"]) for i in iterations] == [
        ("Iteration 1", "Completed", None)
    ]
    path = f"projects/{copy}/iterations/{iterations[0]['id']}/performance"
    assert (await api.get(f"{path}/images/count")).value == 2
    assert (await api.get(path)).status == 200
    assert (await api.post("projects/import?token=x")).value["code"] == "BadRequestInvalidImportToken"
    forged = export["token"].replace("sig=", "sig=A")
    assert (await api.post("projects/import", params={"token": forged})).status == 400
