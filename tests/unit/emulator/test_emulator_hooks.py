"""What a project tells its owner's storage (CONTRACT 6)."""

import asyncio
import json
import xml.etree.ElementTree

import pytest
from aiohttp import web
from serving import serving

from cvsync.emulator import worker

COMPACT = "0732100f-1a38-4e49-a514-c9b44c697ab5"
pytestmark = pytest.mark.usefixtures("quick_learner")


class Storage:
    """A storage account that keeps what it is sent, and is full from some moment on."""

    def __init__(self):
        self.sent = asyncio.Queue()
        self.status = 201

    async def answer(self, request):
        kind = request.headers.get("x-ms-blob-type")
        await self.sent.put((request.method, request.path_qs, kind, await request.read()))
        return web.Response(status=self.status)

    async def message(self):
        method, place, _, body = await asyncio.wait_for(self.sent.get(), 30)
        assert (method, place) == ("POST", "/queue/messages?sig=s")
        return json.loads(xml.etree.ElementTree.fromstring(body).findtext("MessageText"))


@pytest.fixture
async def storage():
    storage = Storage()
    async with serving(storage.answer) as storage.url:
        yield storage


async def hooked(api, storage, make_picture):
    """A project that tells the storage, and can be trained."""
    hooks = {"notificationQueueUri": "queue", "exportModelContainerUri": "models"}
    query = {name: f"{storage.url}/{path}?sig=s" for name, path in hooks.items()}
    project = await api.project(domainId=COMPACT, **query)
    for n, name in enumerate(("cat", "dog")):
        tag = await api.tag(project, name)
        for k in range(5):
            await api.post(f"projects/{project}/images?tagIds={tag}", data=make_picture((n, k, 0)))
    return project


async def test_a_queue_is_told_and_a_container_given_the_model(start_api, storage, make_picture, monkeypatch):
    api = await start_api(fetch=True)
    project = await hooked(api, storage, make_picture)
    iteration = (await api.trained(project))["id"]
    export = f"projects/{project}/iterations/{iteration}/export"
    about = {"projectId": project, "iterationId": iteration}

    assert await storage.message() == {
        "version": "1.0", "type": "ConnectionTest", "Content": {"projectId": project},
    }  # fmt: skip
    trained = about | {"trainingStatus": "TrainingCompleted"}
    assert await storage.message() == {"version": "1.0", "type": "Training", "Content": trained}
    await api.post(f"{export}?platform=ONNX")
    method, place, kind, content = await storage.sent.get()
    blob = f"/models/{project}%20-%20{iteration}.ONNX"
    assert (method, place, kind) == ("PUT", f"{blob}?sig=s", "BlockBlob")
    assert content.startswith(b"PK")
    told = {"exportStatus": "ExportCompleted", "modelUri": storage.url + blob}
    assert (await storage.message())["Content"] == about | told
    await api.post(f"{export}?platform=CoreML")
    assert (await storage.message())["Content"] == about | {"exportStatus": "ExportFailed"}
    monkeypatch.setattr(worker, "run", lambda job: 1 / 0)
    await api.post(f"projects/{project}/train?forceTrain=true")
    assert (await storage.message())["Content"]["trainingStatus"] == "TrainingFailed"


async def test_an_update_brings_the_hooks_too(start_api, storage, make_picture):
    """docs: storage-integration; without a container, the queue is given a signed link."""
    api = await start_api(fetch=True)
    project = await api.project(domainId=COMPACT)
    for n, name in enumerate(("cat", "dog")):
        tag = await api.tag(project, name)
        for k in range(5):
            await api.post(f"projects/{project}/images?tagIds={tag}", data=make_picture((n, k, 0)))
    hooks = {"notificationQueueUri": f"{storage.url}/queue?sig=s"}

    for body in ({"settings": hooks}, {"settings": hooks}, {"name": "renamed"}):  # the second is no news
        assert (await api.patch(f"projects/{project}", body)).status == 200
    iteration = (await api.trained(project))["id"]
    await api.post(f"projects/{project}/iterations/{iteration}/export?platform=ONNX")

    told = [await storage.message() for _ in range(3)]
    assert [message["type"] for message in told] == ["ConnectionTest", "Training", "Export"]
    async with api.session.get(told[-1]["Content"]["modelUri"]) as response:
        assert (await response.read()).startswith(b"PK")
    shown = (await api.at("v3.4-preview").get(f"projects/{project}")).value["settings"]
    assert shown["notificationQueueUri"] == hooks["notificationQueueUri"]


async def test_a_storage_that_takes_nothing_stops_nothing(start_api, storage, make_picture, caplog):
    api = await start_api(fetch=True)
    storage.status = 403

    project = await hooked(api, storage, make_picture)

    assert (await api.trained(project))["status"] == "Completed"
    assert (await storage.message())["type"] == "ConnectionTest"
    assert (await storage.message())["type"] == "Training"
    while f"POST messages to {storage.url}/queue: status 403" not in caplog.text:
        await api.get("domains")
    assert "sig=" not in caplog.text


@pytest.mark.parametrize("uri", ["http://[", "ftp://x/queue", "queue", "http://127.0.0.1:9/queue"])
async def test_a_queue_that_is_none_stops_nothing(start_api, caplog, uri):
    api = await start_api(fetch=True)

    await api.project(notificationQueueUri=uri)

    while f"POST messages to {uri}: " not in caplog.text:
        await api.get("domains")
