"""Copies of projects, within an emulator and from one to another."""

import asyncio

import pytest
from aiohttp import web
from serving import serving

from cvsync.emulator import Emulator, EmulatorSettings, Quirks
from cvsync.emulator.fetch import Fetcher, FetchError

DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
pytestmark = pytest.mark.usefixtures("quick_learner")


@pytest.fixture
async def two(start_api):
    """Two emulators, as two resources are."""
    return await start_api(), await start_api()


async def boxed(api):
    """A trained detector of fifteen images."""
    project = await api.project(domainId=DETECTION)
    box = {"tagId": await api.tag(project, "cat"), "left": 0.1, "top": 0.1, "width": 0.3, "height": 0.3}
    images = [{"url": f"u{n}", "regions": [box]} for n in range(15)]
    await api.add(project, images=images, metadata={"shop": "north"})
    await api.trained(project)
    return project


async def pictured(api, make_picture):
    """A project of three pictures that were sent as bytes; its id and the pictures."""
    project = await api.project(description="of mine")
    tag = await api.tag(project, "cat")
    pictures = {make_picture((n, 0, 0)) for n in range(3)}
    for picture in pictures:
        await api.call("POST", f"projects/{project}/images?tagIds={tag}", data=picture)
    return project, pictures


async def token_of(api, project):
    return (await api.get(f"projects/{project}/export")).value["token"]


async def copied(source, target, project, **query):
    """The copy, once it is there or has failed."""
    query |= {"token": await token_of(source, project)}
    answer = await target.post("projects/import", params=query)
    assert (answer.status, answer.value["status"]) == (200, "Importing"), answer
    return await target.until(f"projects/{answer.value['id']}", "Importing")


async def test_pictures_come_from_another_emulator(two, make_picture):
    source, target = two
    project, pictures = await pictured(source, make_picture)

    copy = await copied(source, target, project)

    assert (copy["name"], copy["status"], copy["description"]) == ("shelf (1)", "Succeeded", "of mine")
    images = (await target.get(f"projects/{copy['id']}/images")).value
    assert [tag["tagName"] for image in images for tag in image["tags"]] == ["cat"] * 3
    found = set()
    for image in images:
        async with target.session.get(image["originalImageUri"]) as answer:
            found.add(await answer.read())
    assert found == pictures
    again = await target.call("POST", f"projects/{copy['id']}/images", data=next(iter(pictures)))
    assert again.value["images"][0]["status"] == "OKDuplicate"


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_regions_and_trained_iterations_are_copied_under_new_ids(two, elsewhere):
    source, target = two[0], two[elsewhere]
    project = await boxed(source)

    copy = await copied(source, target, project, name="copy")

    path = f"projects/{copy['id']}"
    (iteration,) = (await target.get(f"{path}/iterations")).value
    assert (copy["name"], iteration["name"], iteration["status"]) == ("copy", "Iteration 1", "Completed")
    images = (await target.get(f"{path}/images/tagged?take=256")).value
    old = (await source.get(f"projects/{project}/images/tagged?take=256")).value
    assert [region["left"] for image in images for region in image["regions"]] == [0.1] * 15
    assert {image["id"] for image in images}.isdisjoint(image["id"] for image in old)
    assert [image["metadata"] for image in old] == [{"shop": "north"}] * 15
    assert all("metadata" not in image for image in images)
    frozen = await target.get(f"{path}/images/tagged/count?iterationId={iteration['id']}")
    assert frozen.value == 15
    performance = await target.get(f"{path}/iterations/{iteration['id']}/performance/images")
    assert [image["predictions"][0]["tagName"] for image in performance.value] == ["cat"] * 3
    assert (await target.post(f"{path}/train")).value["code"] == "BadRequestTrainingNotNeeded"


async def test_a_project_may_be_copied_any_number_of_times(emulator_api):
    """Each copy in the place of the one before, as between two projects that take turns."""
    api = emulator_api
    project = await api.project()
    await api.add(project, "u1", "u2", tags=(await api.tag(project, "cat"),))
    for _ in range(64):  # as many as a key of SQLite has bits
        copy = await copied(api, api, project)
        await api.delete(f"projects/{project}")
        project = copy["id"]

    assert [tag["imageCount"] for tag in (await api.get(f"projects/{project}/tags")).value] == [2]


async def test_metadata_is_copied_if_told_to(start_api):
    source, target = await start_api(), await start_api(quirks=Quirks(import_metadata=True))
    project = await boxed(source)

    copy = await copied(source, target, project)

    found = await target.get(f"projects/{copy['id']}/images/count", params={"$filter": "shop eq 'north'"})
    assert found.value == 15


@pytest.fixture
def fetch_documents_only(monkeypatch):
    """Images do not come; what becomes of them is up to the function given."""
    fetch = Fetcher.fetch

    def only(otherwise):
        async def fetch_some(self, url, **options):
            if "project-export-info" in url:
                return await fetch(self, url, **options)
            return await otherwise()

        monkeypatch.setattr(Fetcher, "fetch", fetch_some)

    return only


async def test_an_import_whose_images_do_not_come_fails(two, make_picture, fetch_documents_only):
    source, target = two
    project, _ = await pictured(source, make_picture)

    async def fail():
        raise FetchError("status 500")

    fetch_documents_only(fail)

    assert (await copied(source, target, project))["status"] == "Failed"


async def test_an_import_that_is_cut_off_has_failed_at_the_next_start(
    start_api, tmp_path, make_picture, fetch_documents_only
):
    source = await start_api()
    project, _ = await pictured(source, make_picture)
    token = await token_of(source, project)
    fetch_documents_only(asyncio.Event().wait)
    settings = EmulatorSettings(data=tmp_path / "target", fetch=False)
    target = await start_api()
    async with Emulator(settings) as emulator:
        target.emulator = emulator
        copy = (await target.post("projects/import", params={"token": token})).value["id"]
        assert (await target.get(f"projects/{copy}")).value["status"] == "Importing"
    async with Emulator(settings) as emulator:
        target.emulator = emulator

        assert (await target.get(f"projects/{copy}")).value["status"] == "Failed"


async def test_an_import_of_a_deleted_project_touches_no_other(
    two, make_picture, fetch_documents_only, caplog
):
    source, target = two
    project, _ = await pictured(source, make_picture)
    end = asyncio.Event()

    async def fail_at_the_end():
        await end.wait()
        raise FetchError("status 500")

    fetch_documents_only(fail_at_the_end)
    token = await token_of(source, project)
    copy = (await target.post("projects/import", params={"token": token})).value["id"]
    await target.delete(f"projects/{copy}")
    other = await target.project()

    end.set()
    while "import of shelf (1) failed" not in caplog.text:
        await target.get("domains")

    assert (await target.get(f"projects/{other}")).value["status"] == "Succeeded"


@pytest.fixture
async def host():
    """Something at the other end of a token that is no emulator."""

    async def answer(request):
        return web.Response(body=request.query["body"], content_type="application/json")

    async with serving(answer) as url:
        yield url


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"form":"cvsync-project-1","name":"x","images":7}'])
async def test_tokens_that_lead_nowhere_are_refused(emulator_api, host, body):
    path = f"/prjexp-{'0' * 32}/project-export-info?sig=a&se=b&body={body}"

    nowhere = (f"http://127.0.0.1:9{path}", f"ftp://x{path}", "x", emulator_api.emulator.url + path)
    for token in (host + path, *nowhere):
        answer = await emulator_api.post("projects/import", params={"token": token})

        assert (answer.status, answer.value["code"]) == (400, "BadRequestInvalidImportToken")
    assert (await emulator_api.get("projects")).value == []


async def test_a_token_opens_its_own_project_only(two, make_picture):
    source, _ = two
    first, _ = await pictured(source, make_picture)
    second = await source.project()
    await source.call("POST", f"projects/{second}/images", data=make_picture((99, 99, 99)))
    (image,) = (await source.control("GET", f"projects/{second}/images")).value
    token = await token_of(source, first)
    links = [
        token.replace("project-export-info", image["sha256"]),
        token.replace(first.replace("-", ""), second.replace("-", "")),
        token.replace("sig=", "sig=A"),
        token.partition("?")[0],
    ]

    for link, status in zip(links, (404, 403, 403, 403), strict=True):
        async with source.session.get(link) as answer:
            assert answer.status == status
