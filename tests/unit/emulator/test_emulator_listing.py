import asyncio

import pytest

from cvsync.emulator.links import Links
from cvsync.emulator.numbers import sql_order
from cvsync.emulator.store.images import Selection, page_query
from cvsync.emulator.store.schema import Store


async def fill(api, count=10, **batch):
    project = await api.project()
    for n in range(count // 5):
        await api.add(project, *(f"http://x/{n}/{m}" for m in range(5)), **batch)
    return project


async def test_pages_are_newest_first_with_ties_in_sql_server_order(emulator_api):
    api = emulator_api
    project = await fill(api, 20)

    whole = (await api.get(f"projects/{project}/images?take=256")).value
    pages = [
        (await api.get(f"projects/{project}/images?take=7&skip={skip}")).value for skip in (0, 7, 14, 21)
    ]

    assert [image["id"] for page in pages for image in page] == [image["id"] for image in whole]
    keys = [(image["created"], sql_order(image["id"])) for image in whole]
    assert len({created for created, _ in keys}) == 4
    assert keys == sorted(sorted(keys, key=lambda key: key[1]), key=lambda key: key[0], reverse=True)
    oldest = (await api.get(f"projects/{project}/images?take=256&orderBy=oldest")).value
    assert [(i["created"], sql_order(i["id"])) for i in oldest] == sorted(keys)


@pytest.mark.parametrize("oldest", [False, True])
@pytest.mark.parametrize("tagged", [None, True, False])
def test_a_page_far_down_walks_an_index_and_sorts_nothing(tmp_path, tagged, oldest):
    store = Store(tmp_path / "state.sqlite")
    query, parameters = page_query(Selection(frame=1, tagged=tagged), oldest=oldest)

    plan = [row[3] for row in store.db.execute(f"EXPLAIN QUERY PLAN {query}", (*parameters, 256, 99_744))]

    store.close()
    index = "images_oldest" if oldest else "images_newest"
    assert plan == [f"SEARCH images USING COVERING INDEX {index} (frame=?)"]


async def test_a_page_is_fifty_unless_told_otherwise(emulator_api):
    api = emulator_api
    project = await fill(api, 60)

    assert len((await api.get(f"projects/{project}/images/untagged")).value) == 50
    assert (await api.get(f"projects/{project}/images?take=0")).value == []


async def test_tagged_untagged_and_any_of_some_tags(emulator_api):
    api = emulator_api
    project = await fill(api, 5)
    cat, dog = await api.tag(project, "cat"), await api.tag(project, "dog")
    await api.add(project, "c1", "c2", tags=(cat,))
    await api.add(project, "d1", tags=(dog,))

    for path, count in [
        ("tagged", 3), ("untagged", 5), (f"tagged?tagIds={cat}", 2), (f"tagged?tagIds={cat}%2C{dog}", 3),
        ("?taggingStatus=untagged", 5), (f"?tagIds={dog}", 1),
    ]:  # fmt: skip
        whole = f"projects/{project}/images{path if path[0] == '?' else '/' + path}"
        assert len((await api.get(whole)).value) == count
        bare, _, query = whole.partition("?")
        assert (await api.get(f"{bare}/count?{query}")).value == count
    tagged = (await api.get(f"projects/{project}/images/tagged")).value
    assert {tag["tagName"] for image in tagged for tag in image["tags"]} == {"cat", "dog"}


async def test_ids_answer_oldest_first_and_skip_strangers(emulator_api):
    api = emulator_api
    project = await api.project()
    first, second = [(await api.add(project, url))[0]["image"]["id"] for url in ("a", "b")]
    ids = f"{second},{first},00000000-0000-0000-0000-000000000001"

    found = (await api.get(f"projects/{project}/images/id?imageIds={ids}")).value

    assert [image["id"] for image in found] == [first, second]


async def test_links_are_signed_and_end(start_api):
    api = await start_api(link_lifetime=-1.0)
    fresh = await start_api()
    image = (await api.add(await api.project(), "u"))[0]["image"]
    good = (await fresh.add(await fresh.project(), "u"))[0]["image"]

    async def fetch(url):
        async with api.session.get(url) as response:
            return response.status, response.content_type, await response.text(errors="replace")

    status, kind, text = await fetch(image["originalImageUri"])
    assert (status, kind) == (403, "application/xml")
    assert "<Code>AuthenticationFailed</Code>" in text
    assert (await fetch(good["thumbnailUri"]))[:2] == (200, "image/jpeg")
    assert (await fetch(good["originalImageUri"].replace("sig=", "sig=A")))[0] == 403
    assert (await fetch(good["originalImageUri"].partition("?")[0]))[0] == 403


def test_a_link_lasts_for_its_lifetime():
    time = [1_000_000.0]
    links = Links("http://h", b"secret", 24 * 3600, clock=lambda: time[0])
    end = links.expiry()

    assert end == "1970-01-13T13:46:40Z"
    assert not links.is_over(end)
    time[0] += 24 * 3600 + 1
    assert links.is_over(end)


async def test_large_uploads_have_a_training_copy(start_api, make_picture):
    api = await start_api(fetch=True)
    project = await api.project()
    headers = {"Content-Type": "application/octet-stream"}
    content = make_picture(size=(2000, 1000), format="JPEG")
    answer = await api.call("POST", f"projects/{project}/images", data=content, headers=headers)
    image = answer.value["images"][0]["image"]

    assert (image["width"], image["height"]) == (2000, 1000)
    assert image["originalImageUri"] != image["resizedImageUri"]
    async with api.session.get(image["originalImageUri"]) as response:
        assert await response.read() == content
    async with api.session.get(image["resizedImageUri"]) as response:
        assert await response.read() != content


async def test_artifacts_are_read_with_the_key(start_api):
    api = await start_api(relative_links=True)
    project = await api.project()
    image = (await api.add(project, "u"))[0]["image"]

    answer = await api.get(f"projects/{project}/artifacts", params={"path": image["originalImageUri"]})

    assert image["originalImageUri"].startswith("/i-")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.value.startswith(b"\x89PNG")
    wrong = await api.get(f"projects/{project}/artifacts", params={"path": "/x"})
    assert wrong.value["code"] == "BadRequestInvalidArtifactUri"


async def test_metadata_is_replaced_and_bounded(emulator_api):
    api = emulator_api
    project = await api.project()
    image = (await api.add(project, "u", metadata={"Old": "1"}))[0]["image"]["id"]
    stranger = "00000000-0000-0000-0000-000000000001"
    path = f"projects/{project}/images/metadata?imageIds={image}"

    answer = await api.post(f"{path},{stranger}", {"New Key": "2"})

    assert (answer.status, answer.value["isBatchSuccessful"]) == (207, False)
    assert answer.value["images"] == [
        {"imageId": image, "status": "OK", "metadata": {"New Key": "2"}},
        {"imageId": stranger, "status": "ErrorImageNotFound"},
    ]
    assert (await api.get(f"projects/{project}/images")).value[0]["metadata"] == {"New Key": "2"}
    many = await api.post(path, {str(n): "x" for n in range(51)})
    assert many.value["images"] == [{"imageId": image, "status": "ErrorLimitExceed"}]
    assert (await api.post(path, {})).status == 200
    assert "metadata" not in (await api.get(f"projects/{project}/images")).value[0]


async def test_deleting_images(emulator_api):
    api = emulator_api
    project = await fill(api, 10)
    ids = [image["id"] for image in (await api.get(f"projects/{project}/images")).value]

    one = await api.delete(f"projects/{project}/images?imageIds={ids[0]},{ids[1]},{ids[0]}")

    assert (one.status, one.value) == (204, b"")
    assert (await api.get(f"projects/{project}/images/count")).value == 8
    assert (await api.delete(f"projects/{project}/images")).value["code"] == "BadRequestInvalidIds"
    assert (await api.delete(f"projects/{project}/images?allImages=true")).status == 202
    assert (await api.get(f"projects/{project}/images/count")).value == 0
    assert (await api.add(project, "http://x/0/0"))[0]["status"] == "OK"


async def test_files_of_a_folder_are_served_and_nothing_else(start_api, tmp_path, make_picture):
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "a b.png").write_bytes(make_picture())
    (tmp_path / "secret").write_text("no")
    (folder / "link").symlink_to(tmp_path / "secret")
    api = await start_api(fetch=True, files=folder)
    url = f"{api.emulator.url}/files"

    results = await api.add(
        await api.project(), f"{url}/a%20b.png", f"{url}/..%2Fsecret", f"{url}/link", f"{url}/"
    )

    assert [result["status"] for result in results] == ["OK", "ErrorSource", "ErrorSource", "ErrorSource"]
    assert (await api.control("GET", "requests")).value["by_operation"].keys() == {
        "CreateProject", "CreateImagesFromUrls",
    }  # fmt: skip


async def test_state_and_links_survive_a_restart(start_api, tmp_path):
    from cvsync.emulator import Emulator, EmulatorSettings

    settings = EmulatorSettings(data=tmp_path / "kept", fetch=False)
    async with Emulator(settings) as emulator:
        api = (await start_api()).at("v3.3")
        api.emulator = emulator
        project = await api.project()
        image = (await api.add(project, "u"))[0]["image"]
    async with Emulator(settings) as emulator:
        api.emulator = emulator
        assert (await api.get(f"projects/{project}/images")).value[0]["id"] == image["id"]
        moved = emulator.url + image["originalImageUri"][image["originalImageUri"].index("/i-") :]
        async with api.session.get(moved) as response:
            assert response.status == 200


@pytest.mark.parametrize("version", ["v2.0", "v3.3"])
async def test_listing_goes_on_while_others_write(emulator_api, version):
    api = emulator_api.at(version)
    project = await fill(api, 20)
    paths = [f"projects/{project}/images/untagged?take=5&skip={n}" for n in range(4)]

    pages = await asyncio.gather(*(api.get(path) for path in paths), api.add(project, "new"))

    assert all(page.status == 200 for page in pages[:4])
