"""Behaviours that no source settles: what they are by default, and turned the other way."""

import dataclasses
import inspect
import io
import sys
from email.utils import parsedate_to_datetime

import pytest
from PIL import Image

from cvsync.emulator import Quirks
from cvsync.emulator.settings import QuirkError

DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
BOX = {"left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2}


@pytest.fixture
def start_with(start_api):
    """Start an emulator with one quirk, as a command line writes it."""

    async def start(quirk, **settings):
        return await start_api(quirks=Quirks.read([quirk]), **settings)

    return start


@pytest.mark.parametrize(
    ("quirk", "status", "kept"), [("bad-box-refuses-batch=off", 207, 1), ("bad_box_refuses_batch=on", 400, 0)]
)
async def test_bad_box_refuses_batch(start_with, quirk, status, kept):
    api = await start_with(quirk)
    project = await api.project(domainId=DETECTION)
    tag = await api.tag(project, "cat")
    images = [{"url": "good", "regions": [BOX | {"tagId": tag}]},
              {"url": "bad", "regions": [BOX | {"tagId": tag, "left": 0.9}]}]  # fmt: skip

    answer = await api.post(f"projects/{project}/images/urls", {"images": images})

    assert answer.status == status
    assert (await api.get(f"projects/{project}/images/count")).value == kept


async def test_classification_ignores_boxes(start_with):
    api = await start_with("classification_ignores_boxes=true")
    project = await api.project()
    tag = await api.tag(project, "cat")

    (result,) = await api.add(project, images=[{"url": "u", "regions": [BOX | {"tagId": tag}]}])

    assert (result["status"], "regions" in result["image"]) == ("OK", False)
    assert [t["tagId"] for t in result["image"]["tags"]] == [tag]


@pytest.mark.parametrize("replaces", [False, True])
async def test_multiclass_replaces_tag(start_with, replaces):
    api = await start_with(f"multiclass_replaces_tag={str(replaces).lower()}")
    project = await api.project(classificationType="Multiclass")
    cat, dog = await api.tag(project, "cat"), await api.tag(project, "dog")
    (first, second) = await api.add(project, "a", "b", tags=(cat,))

    entry = {"imageId": first["image"]["id"], "tagId": dog}
    answer = (await api.post(f"projects/{project}/images/tags", {"tags": [entry]})).value
    await api.add(project, "b", tags=(dog,))

    assert (answer["created"], answer["exceeded"]) == (([entry], []) if replaces else ([], [entry]))
    ids = f"{first['image']['id']},{second['image']['id']}"
    images = (await api.get(f"projects/{project}/images/id?imageIds={ids}")).value
    wanted = dog if replaces else cat
    assert [tag["tagId"] for image in images for tag in image["tags"]] == [wanted, wanted]


async def test_multiclass_replaces_tag_within_a_batch_too(start_with):
    api = await start_with("multiclass_replaces_tag=true")
    project = await api.project(classificationType="Multiclass")
    cat, dog = await api.tag(project, "cat"), await api.tag(project, "dog")

    await api.add(project, images=[{"url": "a", "tagIds": [cat]}, {"url": "a", "tagIds": [dog]}])

    (image,) = (await api.get(f"projects/{project}/images")).value
    assert [tag["tagName"] for tag in image["tags"]] == ["dog"]


async def test_large_take_is_cut(start_with):
    api = await start_with("large_take_is_cut=true")
    project = await api.project()
    for start in range(0, 320, 64):
        await api.add(project, *(f"u{n}" for n in range(start, start + 64)))

    assert len((await api.get(f"projects/{project}/images?take=1000")).value) == 256
    assert len((await api.get(f"projects/{project}/images?take=10")).value) == 10


async def test_max_name_length(start_with):
    api = await start_with("max_name_length=8")
    project = await api.project(name="x" * 8)
    tag = await api.tag(project, "y" * 8)

    answers = [
        await api.post(f"projects?name={'x' * 9}"),
        await api.patch(f"projects/{project}", {"name": "x" * 9}),
        await api.post(f"projects/{project}/tags?name={'y' * 9}"),
        await api.patch(f"projects/{project}/tags/{tag}", {"name": "y" * 9}),
    ]

    assert [a.value["code"] for a in answers] == ["BadRequestProjectName"] * 2 + ["BadRequestTagName"] * 2


@pytest.mark.parametrize(("rotates", "size"), [("false", (60, 40)), ("true", (40, 60))])
async def test_exif_rotation(start_with, rotates, size):
    picture, exif = Image.new("RGB", (60, 40), (200, 10, 10)), Image.Exif()
    exif[0x0112] = 6  # the picture's top is at its right
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", exif=exif)
    api = await start_with(f"exif_rotation={rotates}")

    answer = await api.call("POST", f"projects/{await api.project()}/images", data=buffer.getvalue())

    image = answer.value["images"][0]["image"]
    assert (image["width"], image["height"]) == size
    async with api.session.get(image["thumbnailUri"]) as thumbnail:
        assert Image.open(io.BytesIO(await thumbnail.read())).size == size


async def test_v2_is_gone(start_with):
    api = await start_with("v2_is_gone=on")

    assert (await api.at("v2.2").get("domains")).status == 404
    assert (await api.at("v3.0").get("domains")).status == 200


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("error", {"error": {"code": "404", "message": "Resource not found"}}),
        ("statusCode", {"statusCode": 404, "message": "Resource not found"}),
        ("code", {"code": "404", "message": "Resource not found"}),
    ],
)
async def test_gateway_form(start_with, form, body):
    api = await start_with(f"gateway_form={form}", tps=1)

    assert (await api.get("nothing")).value == body
    assert (await api.get("domains", headers={"Training-Key": "no"})).value.keys() == body.keys()
    throttled = [await api.get("domains") for _ in range(3)][-1]
    assert (throttled.status, throttled.value.keys()) == (429, body.keys())


@pytest.mark.parametrize("form", ["seconds", "date", "none"])
async def test_retry_after(start_with, form):
    api = await start_with(f"retry_after={form}", tps=1)

    throttled = [await api.get("domains") for _ in range(3)][-1]

    header = throttled.headers.get("Retry-After")
    if form == "none":
        assert header is None
    elif form == "seconds":
        assert header == "1"
    else:
        wait = parsedate_to_datetime(header) - parsedate_to_datetime(throttled.headers["Date"])
        assert 0 <= wait.total_seconds() <= 2


async def test_duplicate_fails_batch_and_merge_duplicate_labels(start_api):
    quirks = Quirks(duplicate_fails_batch=False, merge_duplicate_labels=False)
    api = await start_api(quirks=quirks)
    project = await api.project()
    tag = await api.tag(project, "cat")
    await api.add(project, "http://x/1")

    answer = await api.post(
        f"projects/{project}/images/urls", {"images": [{"url": "http://x/1"}], "tagIds": [tag]}
    )

    assert (answer.status, answer.value["isBatchSuccessful"]) == (200, True)
    assert "tags" not in answer.value["images"][0]["image"]


async def test_merge_identical_boxes(start_with):
    api = await start_with("merge_identical_boxes=false")
    project = await api.project(domainId=DETECTION)
    batch = [{"url": "u", "regions": [BOX | {"tagId": await api.tag(project, "cat")}]}]
    await api.add(project, images=batch)

    assert len((await api.add(project, images=batch))[0]["image"]["regions"]) == 1


@pytest.mark.parametrize("merge", [False, True])
async def test_merge_metadata_and_duplicate_metadata(start_api, merge):
    api = await start_api(quirks=Quirks(merge_metadata=merge, duplicate_metadata=merge))
    project = await api.project()
    image = (await api.add(project, "u", metadata={"a": "1"}))[0]["image"]["id"]
    await api.post(f"projects/{project}/images/metadata?imageIds={image}", {"b": "2"})
    await api.add(project, "u", metadata={"c": "3"})

    found = (await api.get(f"projects/{project}/images")).value[0]["metadata"]

    assert found == ({"a": "1", "b": "2", "c": "3"} if merge else {"b": "2"})


@pytest.mark.parametrize(("tolerance", "status"), [("0.000001", "ErrorUnknown"), ("0.01", "OK")])
async def test_box_tolerance(start_with, tolerance, status):
    api = await start_with(f"box_tolerance={tolerance}")
    project = await api.project(domainId=DETECTION)
    box = BOX | {"tagId": await api.tag(project, "cat"), "left": 0.805}

    (result,) = await api.add(project, images=[{"url": "u", "regions": [box]}])

    assert result["status"] == status


async def test_pascal_case_leaks(start_with):
    api = (await start_with("pascal_case_leaks=false")).at("v2.0")
    project = await api.project()
    tag = await api.tag(project, "cat")

    assert (await api.patch(f"projects/{project}/tags/{tag}", {"name": "lynx"})).value["name"] == "lynx"


@pytest.mark.parametrize("text", ["nothing=1", "v2_is_gone=maybe", "max_name_length=long", "retry_after="])
def test_quirks_that_make_no_sense_are_refused(text):
    with pytest.raises(QuirkError):
        Quirks.read([text])


def test_each_quirk_has_a_test():
    source = inspect.getsource(sys.modules[__name__])
    elsewhere = {"import_metadata"}  # test_emulator_copying.py
    tested = {f.name for f in dataclasses.fields(Quirks) if f"{f.name}=" in source}

    assert {f.name for f in dataclasses.fields(Quirks)} - tested == elsewhere
