import pytest

from cvsync.emulator.numbers import sql_order
from cvsync.emulator.store.projects import copy_frame
from cvsync.emulator.store.schema import Store

VERSIONS = ["v2.0", "v2.1", "v2.2", "v3.0", "v3.1", "v3.2", "v3.3", "v3.4-preview"]
DETECTION = "da2e3a8a-40a5-4171-82f4-58522f70fbc1"
GENERAL = "ee85a74c-405e-4adc-bb47-ffa8ca0c9f31"


@pytest.mark.parametrize(
    ("version", "count"), [("v2.0", 9), ("v2.2", 9), ("v3.0", 12), ("v3.2", 12), ("v3.4-preview", 14)]
)
async def test_each_version_lists_its_domains(emulator_api, version, count):
    api = emulator_api.at(version)

    domains = (await api.get("domains")).value

    assert len(domains) == count
    assert domains[0]["id"] == GENERAL
    assert ("exportablePlatforms" in domains[0]) == (version == "v3.4-preview")
    assert (await api.get(f"domains/{domains[-1]['id'].upper()}")).value == domains[-1]
    assert (await api.get(f"domains/{'0' * 8}-0000-0000-0000-{'0' * 12}")).value.popitem()[1]


@pytest.mark.parametrize("version", VERSIONS)
async def test_project_shapes_grow_with_the_versions(emulator_api, version):
    api = emulator_api.at(version)

    project = (await api.post("projects?name=shelf")).value

    number = tuple(int(part) for part in version[1:4].split("."))
    settings = project["settings"]
    assert project["description"] == ""
    assert project["thumbnailUri"] is None
    assert (settings["domainId"], settings["classificationType"]) == (GENERAL, "Multilabel")
    assert ("targetExportPlatforms" in settings, "drModeEnabled" in project) == (number >= (3, 0),) * 2
    assert ("imageProcessingSettings" in settings) == (number >= (3, 1))
    assert ("status" in project) == (number >= (3, 2))
    assert ("notificationQueueUri" in settings) == (number >= (3, 4))
    assert project["created"].endswith("Z") == (number >= (3, 0))
    if number >= (3, 0):
        assert len(project["created"]) == len("2019-03-21T01:31:10.060Z")


async def test_projects_are_listed_newest_first_and_names_may_repeat(emulator_api):
    api = emulator_api
    ids = [await api.project() for _ in range(3)]

    assert [project["id"] for project in (await api.get("projects")).value] == ids[::-1]


async def test_an_update_keeps_what_it_does_not_name(emulator_api):
    api = emulator_api
    project = await api.project(
        description="old", classificationType="multiclass", targetExportPlatforms="onnx,CoreML"
    )

    answer = await api.patch(f"projects/{project}", {"name": "new"})

    assert (answer.value["name"], answer.value["description"]) == ("new", "old")
    assert answer.value["settings"]["classificationType"] == "Multiclass"
    assert answer.value["settings"]["targetExportPlatforms"] == ["ONNX", "CoreML"]
    assert answer.value["lastModified"] >= answer.value["created"]
    wrong = await api.patch(f"projects/{project}", {"settings": {"domainId": DETECTION}})
    assert wrong.value["code"] == "BadRequestProjectUnsupportedDomainTypeChange"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("name=", "BadRequestProjectName"),
        ("name=x&domainId=00000000-0000-0000-0000-000000000000", "BadRequestProjectUnknownDomain"),
        ("name=x&classificationType=Some", "BadRequestProjectUnknownClassification"),
        ("name=x&targetExportPlatforms=Abacus", "BadRequestProjectUnsupportedExportPlatform"),
    ],
)
async def test_bad_settings_are_refused(emulator_api, query, code):
    answer = await emulator_api.post(f"projects?{query}")

    assert (answer.status, answer.value["code"]) == (400, code)


async def test_a_deleted_project_is_gone(emulator_api):
    api = emulator_api
    project = await api.project()
    await api.add(project, "u")

    assert (await api.delete(f"projects/{project}")).status == 204

    gone = await api.get(f"projects/{project}")
    assert (gone.status, gone.value["code"]) == (404, "NotFoundProject")
    assert set((await api.at("v2.0").get(f"projects/{project}")).value) == {"Code", "Message"}


async def test_tags_are_listed_in_sql_server_order(emulator_api):
    api = emulator_api
    project = await api.project()
    tags = [await api.tag(project, f"t{n}") for n in range(12)]

    found = [tag["id"] for tag in (await api.get(f"projects/{project}/tags")).value]

    assert found == sorted(tags, key=sql_order)


async def test_tag_names_are_unique_whatever_their_case(emulator_api):
    api = emulator_api
    project = await api.project()
    cat, dog = await api.tag(project, "Cat"), await api.tag(project, "dog")

    second = await api.post(f"projects/{project}/tags?name=cAT")
    renamed = await api.patch(f"projects/{project}/tags/{dog}", {"name": "CAT"})

    assert second.value["code"] == renamed.value["code"] == "BadRequestTagNameNotUnique"
    assert (await api.patch(f"projects/{project}/tags/{cat}", {"name": "CAT"})).value["name"] == "CAT"
    assert (await api.post(f"projects/{project}/tags?name=")).value["code"] == "BadRequestTagName"


@pytest.mark.parametrize("version", VERSIONS)
async def test_tag_shapes_and_leaks(emulator_api, version):
    api = emulator_api.at(version)
    project = await api.project()

    tag = (await api.post(f"projects/{project}/tags?name=cat&description=")).value
    updated = (await api.patch(f"projects/{project}/tags/{tag['id']}", {"description": "furry"})).value

    assert tag["description"] is None
    assert ("type" in tag) == (version >= "v2.2")
    if version in ("v2.0", "v2.1"):
        assert updated == {"Id": tag["id"], "Name": "cat", "Description": "furry", "ImageCount": 0}
    else:
        assert updated == tag | {"description": "furry"}


async def test_a_tag_that_shares_images_cannot_become_negative(emulator_api):
    api = emulator_api
    project = await api.project()
    cat, dog = await api.tag(project, "cat"), await api.tag(project, "dog")
    await api.add(project, "u", tags=(cat, dog))

    answer = await api.patch(f"projects/{project}/tags/{cat}", {"type": "Negative"})

    assert answer.value["code"] == "BadRequestNegativeAndRegularTagOnSameImage"


@pytest.mark.parametrize("version", VERSIONS)
async def test_image_links_have_the_names_of_the_version(emulator_api, version):
    api = emulator_api.at(version)
    image = (await api.add(await api.project(), "u"))[0]["image"]

    names = {name for name in image if name.endswith("Uri")}

    old = {"imageUri", "thumbnailUri"}
    assert names == (old if version < "v2.2" else {"resizedImageUri", "originalImageUri", "thumbnailUri"})


def test_a_copy_of_a_frame_takes_no_longer_the_more_tags_there_are(tmp_path):
    def steps_of(tags):
        steps = [0]

        def count():
            steps[0] += 1

        store = Store(tmp_path / f"{tags}.sqlite")
        numbers = [(n, n % tags + 1) for n in range(1, 501)]
        with store.writing() as db:
            db.execute("INSERT INTO frames VALUES(1, 1)")
            db.executemany(
                "INSERT INTO tags VALUES(?1, 1, ?1, ?1, ?1, ?1, NULL, 'Regular')",
                [(n + 1,) for n in range(tags)],
            )
            db.executemany(
                "INSERT INTO images VALUES(?1, 1, ?1, ?1, 0, 8, 8, ?1, 1, 1)", [n[:1] for n in numbers]
            )
            db.executemany("INSERT INTO image_tags VALUES(?, ?, 0, 0)", numbers)
            db.executemany("INSERT INTO regions VALUES(?1, ?1, ?1, ?2, 0, '')", numbers)
            db.set_progress_handler(count, 10)
            frame = copy_frame(db, 1, project=1)
            db.set_progress_handler(None, 0)
            worn = (
                "SELECT i.id, t.id FROM {} l JOIN images i ON i.pk = l.image JOIN tags t ON t.pk = l.tag"
                " WHERE i.frame = ? AND t.frame = i.frame ORDER BY i.pk"
            )
            for table in ("image_tags", "regions"):
                copied = db.execute(worn.format(table), (frame,)).fetchall()
                assert copied == [(str(image), str(tag)) for image, tag in numbers]
        store.close()
        return steps[0]

    assert steps_of(200) < 2 * steps_of(10)
