"""What the description of the service says in tables, read from there; and its forms, byte by byte."""

from __future__ import annotations

import dataclasses
import re

import orjson
import published
import pytest
from emulator_fixtures import Api

from cvsync.emulator.quotas import NO_LIMIT, QUOTAS
from cvsync.emulator.routes import ROUTES, TRAINING_VERSIONS

CONTRACT = published.FOLDER / "CONTRACT.md"


def section(number: int) -> str:
    """One section of the description."""
    if not CONTRACT.is_file():
        pytest.skip("needs ../shared/api, which is not beside this folder")
    return CONTRACT.read_text(encoding="utf-8").split(f"\n## {number}. ")[1].partition("\n## ")[0]


def rows(number: int) -> list[list[str]]:
    """The cells of its tables, heads and all."""
    lines = [line for line in section(number).splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


async def test_domains_are_those_of_the_table_in_its_order(emulator_api: Api) -> None:
    """CONTRACT 5."""
    api = emulator_api.at("v3.4-preview")
    listed = (await api.get("domains")).value
    table = [row for row in rows(5) if re.fullmatch(r"[0-9a-f-]{36}", row[0])]
    recorded = [row for row in table if row[4] != "[docs] only"]

    found = [[d["id"], d["name"], d["type"], "yes" if d["exportable"] else "no"] for d in listed]

    assert found == [row[:4] for row in recorded]
    assert len(table) > len(recorded)
    for id_, name, type_, exportable, _ in table:
        one = (await api.get(f"domains/{id_}")).value
        assert (one["name"], one["type"], one["exportable"]) == (name, type_, exportable == "yes")
    order = [domain["id"] for domain in listed]
    for version in TRAINING_VERSIONS:
        older = [domain["id"] for domain in (await api.at(version).get("domains")).value]
        assert older == [id_ for id_ in order if id_ in older]


async def test_platforms_of_a_domain(emulator_api: Api) -> None:
    """CONTRACT 5, recorded."""
    listed = (await emulator_api.at("v3.4-preview").get("domains")).value
    six, four = (orjson.loads(f"[{inside}]") for inside in re.findall(r"`\[(\"[^`]*)\]`", section(5)))

    said = {
        (d["type"], d["name"]): (d["exportablePlatforms"], d["modelInformation"]) for d in listed
    }  # fmt: skip

    platforms, model = said["Classification", "General (compact)"]
    assert (platforms, model["estimatedModelSizeInMegabytes"]) == (six, 5)
    platforms, model = said["ObjectDetection", "General (compact)"]
    assert (platforms, model["estimatedModelSizeInMegabytes"]) == (four, 42)
    platforms, model = said["ObjectDetection", "General (compact) [S1]"]
    assert (platforms, model["estimatedModelSizeInMegabytes"]) == ([*six, "IVS"], 13)
    assert said["Classification", "Food"] == ([], None)


def test_each_version_has_as_many_operations_as_the_table_says() -> None:
    """CONTRACT 19."""
    (counts,) = [row[1:] for row in rows(19) if row[0] == "Operations"]

    routed = [
        sum(route.since <= number <= route.until and not route.is_prediction for route in ROUTES)
        for number in TRAINING_VERSIONS.values()
    ]

    assert list(map(str, routed)) == counts


def test_quotas_are_those_of_the_table() -> None:
    """CONTRACT 4."""
    numbers = {row[0]: [cell.replace(",", "").split()[0] for cell in row[1:]] for row in rows(4)}
    table = {name: [NO_LIMIT if cell == "unlimited" else int(cell) for cell in cells if cell[0].isdigit() or
             cell == "unlimited"] for name, cells in numbers.items() if len(cells) == 2}  # fmt: skip
    names = {"projects": "Projects per resource", "images": "Training images per project",
             "tags": "Tags per project", "iterations": "Iterations per project",
             "predictions": "Predictions / month"}  # fmt: skip

    for place, tier in enumerate(("F0", "S0")):
        quota = dataclasses.asdict(QUOTAS[tier])
        assert quota == {field: table[row][place] for field, row in names.items()}


async def test_answers_are_compact_and_empty_ones_have_no_type(emulator_api: Api) -> None:
    """CONTRACT 2."""
    project = await emulator_api.project()
    await emulator_api.add(project, "u")
    url = f"{emulator_api.emulator.url}/customvision/v3.3/training/projects/{project}"
    async with emulator_api.session.get(f"{url}/images", headers=emulator_api.headers) as answer:
        content = await answer.read()
    deleted = await emulator_api.delete(f"projects/{project}/images?allImages=true")
    gone = await emulator_api.delete(f"projects/{project}")

    assert content == orjson.dumps(orjson.loads(content))
    assert (deleted.status, gone.status) == (202, 204)
    for answer in (deleted, gone):
        assert answer.value == b""
        assert "Content-Type" not in answer.headers
        assert answer.headers["apim-request-id"]


async def test_thumbnail_of_a_project_is_that_of_its_newest_image(emulator_api: Api) -> None:
    """CONTRACT 6."""
    project = await emulator_api.project()
    assert (await emulator_api.get(f"projects/{project}")).value["thumbnailUri"] is None
    await emulator_api.add(project, "old")
    newest = (await emulator_api.add(project, "new"))[0]["image"]["id"]

    link = (await emulator_api.get(f"projects/{project}")).value["thumbnailUri"]

    assert f"/i-{project.replace('-', '')}/t-{newest.replace('-', '')}?" in link
    async with emulator_api.session.get(link) as answer:
        assert answer.status == 200


async def test_general_key_header_is_an_alias(emulator_api: Api) -> None:
    """CONTRACT 1."""
    alias = {"Training-Key": "", "Ocp-Apim-Subscription-Key": "local-training-key"}

    assert (await emulator_api.get("domains", headers=alias)).status == 200


async def test_hooks_of_a_project_come_in_query_or_body(emulator_api: Api) -> None:
    """CONTRACT 6: the query of v3.3, the body of v3.4-preview; only the latter tells of them."""
    hooks = {"exportModelContainerUri": "https://c.test/?sig=x", "notificationQueueUri": "https://q.test/"}
    api = emulator_api.at("v3.4-preview")
    by_query = await emulator_api.project(**hooks)
    by_body = (await api.post("projects?name=x", hooks)).value["id"]

    for project in (by_query, by_body):
        assert hooks.items() <= (await api.get(f"projects/{project}")).value["settings"].items()
        assert hooks.keys().isdisjoint((await emulator_api.get(f"projects/{project}")).value["settings"])
