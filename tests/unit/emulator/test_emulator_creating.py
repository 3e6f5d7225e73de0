import asyncio
import base64
import hashlib

import aiohttp
import pytest
from aiohttp import web
from serving import serving

from cvsync.emulator.quotas import QUOTAS
from cvsync.emulator.settings import Quirks
from cvsync.emulator.store import projects
from cvsync.emulator.store.creating import Entry, Rules, create_images
from cvsync.emulator.store.schema import Store

DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"


def statuses(results):
    return [result["status"] for result in results]


async def test_created_images_answer_at_once_with_size_links_and_unnamed_tags(emulator_api):
    api = emulator_api
    project = await api.project()
    tag = await api.tag(project, "cat")

    answer = await api.post(
        f"projects/{project}/images/urls", {"images": [{"url": "http://x/1"}], "tagIds": [tag]}
    )

    assert answer.status == 200
    assert answer.value["isBatchSuccessful"] is True
    result = answer.value["images"][0]
    image = result["image"]
    assert (result["sourceUrl"], result["status"]) == ("http://x/1", "OK")
    assert [(t["tagId"], t["tagName"]) for t in image["tags"]] == [(tag, None)]
    assert image["width"] >= 256
    assert {"regions", "metadata"}.isdisjoint(image)
    assert not image["created"].endswith("Z")
    assert image["resizedImageUri"] == image["originalImageUri"]


async def test_duplicates_are_found_by_content_within_and_across_batches(emulator_api):
    api = emulator_api
    project = await api.project()

    first = await api.add(project, "http://x/1", "http://x/1")
    answer = await api.post(f"projects/{project}/images/urls", {"images": [{"url": "http://x/1"}]})

    assert statuses(first) == ["OK", "OKDuplicate"]
    assert (answer.status, answer.value["isBatchSuccessful"]) == (207, False)
    assert answer.value["images"][0]["image"]["id"] == first[0]["image"]["id"]
    seen = (await api.control("GET", f"projects/{project}/images")).value
    sha = hashlib.sha256(b"http://x/1").hexdigest()
    assert seen == [
        {"id": first[0]["image"]["id"], "sha256": sha, "sources": ["http://x/1"], "submissions": 3}
    ]


async def test_a_failed_batch_is_a_plain_200_before_v33(emulator_api):
    api = emulator_api.at("v3.2")
    project = await api.project()
    body = {"images": [{"url": "http://x/1"}, {"url": "http://x/1"}]}

    answer = await api.post(f"projects/{project}/images/urls", body)

    assert (answer.status, answer.value["isBatchSuccessful"]) == (200, False)


async def test_labels_sent_with_a_duplicate_are_added_identical_boxes_too(emulator_api):
    api = emulator_api
    project = await api.project(domainId=DETECTION)
    tag = await api.tag(project, "cat")
    box = {"tagId": tag, "left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2}
    batch = [{"url": "http://x/1", "regions": [box]}]

    await api.add(project, images=batch)
    again = await api.add(project, images=batch)

    assert len(again[0]["image"]["regions"]) == 2
    assert len(again[0]["image"]["tags"]) == 1


async def test_a_multiclass_duplicate_keeps_its_tag(emulator_api):
    api = emulator_api
    project = await api.project(classificationType="Multiclass")
    cat, dog = await api.tag(project, "cat"), await api.tag(project, "dog")
    await api.add(project, "http://x/1", tags=(cat,))

    again = await api.add(project, "http://x/1", tags=(dog,))
    both = await api.add(project, "http://x/2", tags=(cat, dog))

    assert [tag["tagId"] for tag in again[0]["image"]["tags"]] == [cat]
    assert statuses(again + both) == ["OKDuplicate", "ErrorTagLimitExceed"]


async def test_regions_bring_their_tags_and_are_stored_as_32_bit_floats(emulator_api):
    api = emulator_api
    project = await api.project(domainId=DETECTION)
    tag = await api.tag(project, "cat")
    box = {"tagId": tag, "left": 0.403186275, "top": 0, "width": 0.5, "height": 1}

    image = (await api.add(project, images=[{"url": "u", "regions": [box, box]}]))[0]["image"]

    assert [t["tagId"] for t in image["tags"]] == [tag]
    assert image["regions"][0]["left"] == 0.403186262
    assert len(image["regions"]) == 2
    url = f"{api.emulator.url}/customvision/v3.3/training/projects/{project}/images"
    async with api.session.get(url, headers=api.headers) as response:
        assert '"left":0.403186262,"top":0.0,"width":0.5,"height":1.0' in await response.text()


@pytest.mark.parametrize(
    ("version", "status"), [("v3.3", "ErrorUnknown"), ("v3.4-preview", "ErrorInvalidRegion")]
)
async def test_a_box_outside_its_image_fails_that_image_alone(emulator_api, version, status):
    api = emulator_api.at(version)
    project = await api.project(domainId=DETECTION)
    tag = await api.tag(project, "cat")
    good = {"tagId": tag, "left": 0.5, "top": 0.5, "width": 0.5, "height": 0.5}
    bad = [good | {"left": 0.6}, good | {"width": 0}, good | {"top": -0.1}, good | {"left": 1e300}]
    images = [{"url": f"u{n}", "regions": [box]} for n, box in enumerate([good, *bad])]

    assert statuses(await api.add(project, images=images)) == ["OK", *[status] * 4]


async def test_a_box_on_a_classification_project_refuses_the_batch(emulator_api):
    api = emulator_api
    project = await api.project()
    tag = await api.tag(project, "cat")
    box = {"tagId": tag, "left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2}

    answer = await api.post(f"projects/{project}/images/urls", {"images": [{"url": "u", "regions": [box]}]})

    assert (answer.status, answer.value["code"]) == (400, "BadRequestImageRegions")


@pytest.mark.parametrize(
    ("version", "status"), [("v3.3", "ErrorUnknown"), ("v3.4-preview", "ErrorInvalidTag")]
)
async def test_a_foreign_tag_fails_that_image_alone(emulator_api, version, status):
    api = emulator_api.at(version)
    project = await api.project()
    images = [{"url": "u1"}, {"url": "u2", "tagIds": ["00000000-0000-0000-0000-000000000001"]}]

    assert statuses(await api.add(project, images=images)) == ["OK", status]


async def test_a_negative_tag_keeps_alone(emulator_api):
    api = emulator_api
    project = await api.project()
    none, cat = await api.tag(project, "none", type="Negative"), await api.tag(project, "cat")

    assert statuses(await api.add(project, "u", tags=(none, cat))) == [
        "ErrorNegativeAndRegularTagOnSameImage"
    ]
    old = await api.at("v2.1").add(project, "u", tags=(none, cat))
    assert statuses(old) == ["ErrorUnknown"]  # CONTRACT 8: the status came with v2.2
    second = await api.post(f"projects/{project}/tags?name=never&type=negative")
    assert second.value["code"] == "BadRequestMultipleNegativeTag"


async def test_batches_are_bounded(emulator_api):
    api = emulator_api
    project = await api.project()
    tags = [f"{n:08x}-0000-0000-0000-000000000000" for n in range(21)]
    for body, code in [
        ({"images": [{"url": str(n)} for n in range(65)]}, "BadRequestExceededBatchSize"),
        ({"images": [{"url": "u"}], "tagIds": tags}, "BadRequestExceededBatchSize"),
        ({"images": []}, "BadRequestImageBatch"),
        ({"images": [{"url": "u"}], "tagIds": ["x"]}, "BadRequestImageBatch"),
        ({"images": [{"url": "u"}], "metadata": {"k": "v" * 513}}, "BadRequestImageMetadataValue"),
        ({"images": [{"url": "u"}], "metadata": {"k" * 257: "v"}}, "BadRequestImageMetadataKey"),
    ]:
        answer = await api.post(f"projects/{project}/images/urls", body)
        assert (answer.status, answer.value["code"]) == (400, code)
    assert (await api.get(f"projects/{project}/images/count")).value == 0


async def test_files_are_decoded_and_judged_one_by_one(start_api, make_picture):
    api = await start_api(fetch=True)
    project = await api.project()
    wide = make_picture(size=(800, 20))
    contents = [make_picture(format=format) for format in ("PNG", "GIF", "TIFF")]
    contents += [b"no", b"\0" * 6_000_001, make_picture()[:60], wide]
    images = [
        {"name": f"{n}.png", "contents": base64.b64encode(content).decode()}
        for n, content in enumerate(contents)
    ]

    answer = await api.post(f"projects/{project}/images/files", {"images": images})

    assert statuses(answer.value["images"]) == [
        "OK", "OK", "ErrorImageFormat", "ErrorImageFormat", "ErrorImageSize", "ErrorImageFormat",
        "ErrorUnknown",
    ]  # fmt: skip
    image = answer.value["images"][0]["image"]
    assert (image["width"], image["height"]) == (64, 48)
    async with api.session.get(image["originalImageUri"]) as response:
        assert response.content_type == "image/png"
        assert await response.read() == contents[0]
    preview = await api.at("v3.4-preview").post(f"projects/{project}/images/files", {"images": images[6:]})
    assert statuses(preview.value["images"]) == ["ErrorImageDimensions"]


async def test_multipart_keeps_the_names_with_their_quotes(emulator_api, make_picture):
    api = emulator_api
    project = await api.project()
    tag = await api.tag(project, "cat")
    form = aiohttp.FormData()
    for n in range(2):
        form.add_field("imageData", make_picture((n, 0, 0)), filename=f"{n}.png")

    answer = await api.call("POST", f"projects/{project}/images?tagIds={tag}", data=form)

    assert [result["sourceUrl"] for result in answer.value["images"]] == ['"0.png"', '"1.png"']
    assert (await api.get(f"projects/{project}/images/tagged/count")).value == 2


@pytest.mark.parametrize(
    ("disposition", "source"),
    [
        (r'name="imageData"; filename="C:\photos\hemlock_1.jpg"', r'"C:\photos\hemlock_1.jpg"'),
        (r'name="imageData"; filename="a \"q\".png"', r'"a \"q\".png"'),
        ("name=imageData; filename=plain.png", "plain.png"),
        ('name="imageData"; filename="größe.png"', '"größe.png"'),
        ("name=\"x\"; filename*=utf-8''gr%C3%B6%C3%9Fe.png", '"größe.png"'),
        ('name="imageData"', '"imageData"'),
    ],
)
async def test_names_of_files_come_back_as_they_were_sent(emulator_api, make_picture, disposition, source):
    """CONTRACT 8: the part's filename with the quotes that the client sent, backslashes and all."""
    head = f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode()
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    path = f"projects/{await emulator_api.project()}/images"

    answer = await emulator_api.call(
        "POST", path, data=head + make_picture() + b"\r\n--b--\r\n", headers=headers
    )

    assert [(r["sourceUrl"], r["status"]) for r in answer.value["images"]] == [(source, "OK")]


async def test_an_entry_without_a_url_has_no_source(emulator_api):
    (result,) = await emulator_api.add(await emulator_api.project(), images=[{}])

    assert (result["sourceUrl"], result["status"]) == ("", "ErrorSource")


async def test_one_image_may_be_the_whole_body(emulator_api, make_picture):
    api = emulator_api
    project = await api.project()
    headers = {"Content-Type": "application/octet-stream"}

    answer = await api.call("POST", f"projects/{project}/images", data=make_picture(), headers=headers)

    assert statuses(answer.value["images"]) == ["OK"]


@pytest.fixture
async def host(make_picture):
    """A host of pictures with its little ways."""

    async def answer(request):
        kind = request.match_info["path"]
        if kind == "moved":
            raise web.HTTPFound("/good")
        if kind == "gone":
            raise web.HTTPNotFound
        if kind == "large":
            return web.Response(body=b"\0" * 6_100_000)
        return web.Response(body=make_picture() if kind == "good" else b"text")

    async with serving(answer) as url:
        yield url


async def test_urls_are_really_downloaded(start_api, host):
    api = await start_api(fetch=True)
    project = await api.project()

    results = await api.add(
        project, *(f"{host}/{kind}" for kind in ("good", "moved", "gone", "large", "text")), "ftp://x", "http://[",
        "http://127.0.0.1:1/x",
    )  # fmt: skip

    assert statuses(results) == [
        "OK", "OKDuplicate", "ErrorSource", "ErrorImageSize", "ErrorImageFormat", *["ErrorSource"] * 3
    ]  # fmt: skip


async def test_urls_are_downloaded_through_a_proxy_unless_they_are_of_this_machine(
    start_api, host, monkeypatch
):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", host)  # it answers by the path, whatever host is meant
    api = await start_api(fetch=True)
    project = await api.project()

    far = await api.add(project, "http://pictures.test/good", "http://pictures.test/gone")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    near = await api.add(project, f"{host}/good")

    assert statuses(far + near) == ["OK", "ErrorSource", "OKDuplicate"]


async def test_the_quota_refuses_single_images(start_api, monkeypatch):
    from cvsync.emulator import quotas

    monkeypatch.setitem(quotas.QUOTAS, "F0", quotas.Quota(projects=1, images=2, tags=1, iterations=1))
    api = await start_api(quota="F0")
    project = await api.project()

    assert statuses(await api.add(project, "a", "b", "a", "c")) == [
        "OK",
        "OK",
        "OKDuplicate",
        "ErrorLimitExceed",
    ]
    await api.tag(project, "cat")
    assert (await api.post(f"projects/{project}/tags?name=dog")).value[
        "code"
    ] == "BadRequestExceedTagPerProjectLimit"
    assert (await api.post("projects?name=x")).value["code"] == "BadRequestExceedProjectLimit"


async def test_equal_batches_at_the_same_time_store_each_image_once(emulator_api):
    api = emulator_api
    project = await api.project()
    urls = [f"http://x/{n}" for n in range(64)]

    await asyncio.gather(*(api.add(project, *urls) for _ in range(8)))

    assert (await api.get(f"projects/{project}/images/count")).value == 64


def test_a_batch_takes_no_longer_the_more_images_there_are_while_there_is_surely_room(tmp_path):
    def steps_of(images):
        steps = [0]

        def count():
            steps[0] += 1

        store = Store(tmp_path / f"{images}.sqlite")
        quota = QUOTAS["S0"]
        with store.writing() as db:
            project = projects.create(
                db, "shelf", description="", domain=DETECTION, classification="", platforms=[], quota=quota
            )
            db.executemany(
                "INSERT INTO images VALUES(?1, ?2, ?1, ?1, 0, 8, 8, ?1, 1, 0)",
                [(n + 1, project.workspace) for n in range(images)],
            )
            rules = Rules(version=(3, 3), quota=quota, quirks=Quirks())
            db.set_progress_handler(count, 10)
            (made,) = create_images(db, project, [Entry("x", [], sha=b"new")], rules=rules, metadata={})
            db.set_progress_handler(None, 0)
            assert made.status == "OK"
        store.close()
        return steps[0]

    assert steps_of(4000) < 2 * steps_of(100)
