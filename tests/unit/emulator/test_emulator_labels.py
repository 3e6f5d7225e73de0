from cvsync.emulator.store.labels import REGIONS_BY_ID
from cvsync.emulator.store.schema import Store
from cvsync.emulator.store.tags import REGIONS_OF_TAG

DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
NOBODY = "00000000-0000-0000-0000-000000000001"


async def image_of(api, project, url="u", **batch):
    return (await api.add(project, url, **batch))[0]["image"]["id"]


async def tags_of(api, project, image):
    found = (await api.get(f"projects/{project}/images/id?imageIds={image}")).value[0]
    return [tag["tagId"] for tag in found.get("tags", [])]


async def test_tags_are_sorted_into_three_lists(emulator_api):
    api = emulator_api
    project = await api.project(classificationType="Multiclass")
    cat, dog = await api.tag(project, "cat"), await api.tag(project, "dog")
    image = await image_of(api, project)

    answer = await api.post(
        f"projects/{project}/images/tags",
        {"tags": [{"imageId": image, "tagId": tag} for tag in (cat, cat, dog)]},
    )

    assert answer.status == 200
    assert answer.value == {
        "created": [{"imageId": image, "tagId": cat}],
        "duplicated": [{"imageId": image, "tagId": cat}],
        "exceeded": [{"imageId": image, "tagId": dog}],
    }
    assert await tags_of(api, project, image) == [cat]


async def test_strangers_and_sizes_refuse_the_whole_call(emulator_api):
    api = emulator_api
    project = await api.project(domainId=DETECTION)
    tag, image = await api.tag(project, "cat"), await image_of(api, project)
    good = {"imageId": image, "tagId": tag}
    box = {"left": 0.1, "top": 0.1, "width": 0.1, "height": 0.1}
    for path, entries, code in [
        ("tags", [good, good | {"tagId": NOBODY}], "BadRequestImageTags"),
        ("tags", [good] * 129, "BadRequestExceededBatchSize"),
        ("tags", [], "BadRequestImageTags"),
        ("regions", [good | box, good | box | {"imageId": NOBODY}], "BadRequestImageRegions"),
        ("regions", [good | box, good | box | {"left": 0.95}], "BadRequestImageRegions"),
        ("regions", [good | box] * 65, "BadRequestExceededBatchSize"),
    ]:
        answer = await api.post(f"projects/{project}/images/{path}", {path: entries})
        assert (answer.status, answer.value["code"]) == (400, code)
    assert await tags_of(api, project, image) == []


async def test_regions_bring_and_take_their_tag(emulator_api):
    api = emulator_api
    project = await api.project(domainId=DETECTION)
    tag, image = await api.tag(project, "cat"), await image_of(api, project)
    boxes = [
        {"imageId": image, "tagId": tag, "left": n / 10, "top": 0, "width": 0.1, "height": 1} for n in (1, 2)
    ]

    answer = await api.post(f"projects/{project}/images/regions", {"regions": boxes})

    assert answer.status == 200
    created = answer.value["created"]
    assert [(r["imageId"], r["tagName"], r["left"]) for r in created] == [
        (image, None, 0.1),
        (image, None, 0.2),
    ]
    assert await tags_of(api, project, image) == [tag]
    assert (
        await api.delete(f"projects/{project}/images/regions?regionIds={created[0]['regionId']}")
    ).status == 204
    assert await tags_of(api, project, image) == [tag]
    await api.delete(f"projects/{project}/images/regions?regionIds={created[1]['regionId']}")
    assert await tags_of(api, project, image) == []
    assert (await api.get(f"projects/{project}/images/untagged/count")).value == 1


async def test_an_identical_region_is_duplicated_and_the_301st_exceeds(emulator_api):
    api = emulator_api
    project = await api.project(domainId=DETECTION)
    tag = await api.tag(project, "cat")
    boxes = [{"tagId": tag, "left": n / 1000, "top": 0, "width": 0.1, "height": 0.5} for n in range(300)]
    image = (await api.add(project, images=[{"url": "u", "regions": boxes}]))[0]["image"]["id"]
    again = [{"imageId": image} | boxes[3], {"imageId": image} | boxes[3] | {"height": 0.6}]

    answer = await api.post(f"projects/{project}/images/regions", {"regions": again})
    old = await api.at("v3.2").post(f"projects/{project}/images/regions", {"regions": again})

    assert (answer.status, old.status) == (207, 200)
    assert [len(answer.value[name]) for name in ("created", "duplicated", "exceeded")] == [0, 1, 1]
    assert answer.value["duplicated"][0]["left"] == 0.003
    more = [{"url": "v", "regions": [*boxes, boxes[0] | {"height": 0.7}]}]
    assert (await api.add(project, images=more))[0]["status"] == "ErrorRegionLimitExceed"


async def test_deleting_image_tags_is_a_cross_product(emulator_api):
    api = emulator_api
    project = await api.project()
    cat, dog = await api.tag(project, "cat"), await api.tag(project, "dog")
    images = [await image_of(api, project, url, tagIds=[cat, dog]) for url in "abc"]

    path = f"projects/{project}/images/tags?imageIds={images[0]},{images[1]},{NOBODY}&tagIds={cat},{dog}"
    assert (await api.delete(path)).status == 204

    assert [await tags_of(api, project, image) for image in images[:2]] == [[], []]
    assert len(await tags_of(api, project, images[2])) == 2
    assert {tag["imageCount"] for tag in (await api.get(f"projects/{project}/tags")).value} == {1}


async def test_a_deleted_tag_leaves_its_images_untagged(emulator_api):
    api = emulator_api
    project = await api.project(domainId=DETECTION)
    tag = await api.tag(project, "cat")
    box = {"tagId": tag, "left": 0.1, "top": 0.1, "width": 0.1, "height": 0.1}
    await api.add(project, images=[{"url": "u", "regions": [box]}])

    assert (await api.delete(f"projects/{project}/tags/{tag}")).status == 204

    image = (await api.get(f"projects/{project}/images/untagged")).value[0]
    assert {"tags", "regions"}.isdisjoint(image)
    assert (await api.get(f"projects/{project}/tags/{tag}")).value["code"] == "NotFoundTag"


async def test_tag_order_in_an_image_is_creation_in_v3_and_sql_server_in_v2(emulator_api):
    from cvsync.emulator.numbers import sql_order

    api = emulator_api
    project = await api.project()
    tags = [await api.tag(project, f"t{n}") for n in range(6)]
    image = await image_of(api, project, tagIds=tags[::-1])

    assert await tags_of(api, project, image) == tags[::-1]
    assert await tags_of(api.at("v2.2"), project, image) == sorted(tags, key=sql_order)


def test_regions_are_found_by_their_ids_however_large_the_project_is(tmp_path):
    store = Store(tmp_path / "state.sqlite")

    plan = [row[3] for row in store.db.execute(f"EXPLAIN QUERY PLAN {REGIONS_BY_ID}", (1, "[]"))]

    store.close()
    assert plan[0] == "SEARCH r USING INDEX regions_id (id=?)"
    assert plan[-1] == "SEARCH i USING INTEGER PRIMARY KEY (rowid=?)"


def test_regions_of_a_deleted_tag_are_found_by_their_images_not_by_a_walk_through_all(tmp_path):
    store = Store(tmp_path / "state.sqlite")

    plan = [row[3] for row in store.db.execute(f"EXPLAIN QUERY PLAN {REGIONS_OF_TAG}", (1,))]

    store.close()
    assert plan[0] == "SEARCH regions USING INDEX regions_image (image=? AND tag=?)"
    assert not [step for step in plan if step.startswith("SCAN")]
