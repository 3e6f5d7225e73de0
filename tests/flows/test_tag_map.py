"""Tags that have another name in the copy, on the way and in the proof."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest
from emulator_fixtures import DETECTION
from make import make_png
from pairs import Pair, make_detection
from terminal import Terminal

from cvsync.api.client import Client
from cvsync.api.images import FileEntry
from cvsync.errors import PlanError, SettingsError
from cvsync.flows.source import renamed_labels, renamed_tags
from cvsync.labels import Labels
from cvsync.model import Project, ProjectType, Region, Tag
from cvsync.snapshot import Snapshot


async def test_tags_get_other_names_on_the_way(pair: Pair, client: Client) -> None:
    """Two that get the same name are one from then on."""
    project = await make_detection(client, 3)
    await client.create_tag(project.id, "cup")

    await pair.migrate(tag_map={"löffel": "spoon", "unused": "CUP"})

    assert await pair.copy.tags() == ["CUP", "fork", "spoon"]
    assert sorted(len(image.regions) for image in await pair.copy.images()) == [0, 1, 2]
    again = await pair.plan(tag_map={"löffel": "spoon", "unused": "CUP"})
    assert again.is_empty


@pytest.mark.parametrize("order", [*permutations(range(4))])
async def test_the_order_of_tags_decides_nothing_where_two_become_one(order: tuple[int, ...]) -> None:
    names = ("fork", "cup", "unused", "Tasse")
    tags = [Tag(f"id-{n}", name, description=f"{name}!" if n > 1 else None) for n, name in enumerate(names)]
    contents = Snapshot.empty(Project("p", "shelf"), ProjectType.DETECTION, [tags[n] for n in order])

    renamed = renamed_tags(contents, {"tasse": "CUP", "unused": "CUP"})

    assert {(tag.id, tag.name, tag.description) for tag in renamed.tags} == {
        ("id-0", "fork", None),
        ("id-1", "CUP", "Tasse!"),
    }


async def test_boxes_that_a_tag_has_twice_stay_two_where_others_become_one(
    pair: Pair, client: Client
) -> None:
    project = await client.create_project("shelf", domain_id=DETECTION)
    fork, cup, mug = [await client.create_tag(project.id, name) for name in ("fork", "cup", "mug")]
    box = (0.1, 0.2, 0.3, 0.4)
    boxes = tuple(Region(tag.id, *box) for tag in (fork, fork, cup, mug))
    await client.create_images_from_files(project.id, [FileEntry("0.png", make_png(0), (), boxes)])

    await pair.migrate(tag_map={"mug": "cup"})

    (image,) = await pair.copy.images()
    assert Counter(region.tag_name for region in image.regions) == {"fork": 2, "cup": 1}


NAMES = {"löffel": "spoon", "unused": "CUP"}


async def test_a_copy_with_other_names_is_proved_with_the_same_map(pair: Pair, client: Client) -> None:
    await make_detection(client, 3)
    await pair.migrate(tag_map=NAMES)

    same = await pair.verify(tag_map=NAMES)
    other = await pair.verify()

    assert same.is_equal
    assert same.tags == {"fork": (1, 1), "spoon": (2, 2)}
    assert other.counts == {"label missing": 2, "label extra": 2, "tag missing": 2, "tag extra": 2}


async def test_a_map_of_two_tags_to_one_is_proved_too(pair: Pair, client: Client) -> None:
    project = await client.create_project("shelf", classification_type="Multilabel")
    tags = [(await client.create_tag(project.id, name)).id for name in ("fork", "cup", "mug")]
    files = [FileEntry(f"{n}.png", make_png(n), tuple(tags[: n + 1])) for n in range(3)]
    await client.create_images_from_files(project.id, files)
    await pair.migrate(tag_map={"mug": "cup"})

    found = await pair.verify(tag_map={"mug": "cup"})

    assert found.is_equal
    assert found.tags == {"fork": (3, 3), "cup": (2, 2)}


async def test_a_name_that_the_source_has_not_is_no_proof(pair: Pair, client: Client) -> None:
    await make_detection(client, 3)
    await pair.migrate()

    with pytest.raises(SettingsError, match="has no tag spoon"):
        await pair.verify(tag_map={"spoon": "Spoon"})


def test_labels_of_a_manifest_get_other_names_as_those_of_a_project_do() -> None:
    rows = [("a", "cup", 0.1), ("a", "mug", 0.1), ("a", "fork", 0.1), ("a", "fork", 0.1), ("b", "mug", 0.1)]
    labels = Labels.from_columns(
        {"key": [row[0] for row in rows] + ["c"], "tag": [row[1] for row in rows] + [None]}
        | {side: [row[2] for row in rows] + [None] for side in ("left", "top", "width", "height")}
    )

    renamed = renamed_labels(labels, {"MUG": "Cup", "knife": "Messer"}).table

    pairs = zip(renamed.column("key").to_pylist(), renamed.column("tag").to_pylist(), strict=True)
    assert [*pairs] == [("a", "Cup"), ("a", "fork"), ("a", "fork"), ("b", "Cup"), ("c", None)]


async def test_tags_of_different_types_cannot_be_one(pair: Pair, client: Client) -> None:
    project = await client.create_project("shelf", classification_type="Multilabel")
    await client.create_tag(project.id, "nothing", type_="Negative")
    await client.create_tag(project.id, "fork")

    with pytest.raises(PlanError, match="cannot be one"):
        await pair.migrate(tag_map={"nothing": "fork"})


def test_a_pulled_manifest_and_a_source_prove_a_copy_from_the_command_line(terminal: Terminal) -> None:
    terminal.push(terminal.manifest(terminal.rows(4)))
    terminal.run("pull", "-o", terminal.folder / "out")
    mapped = ("--tag-map", "fork=Gabel", "--tag-map", "spoon=Löffel")
    terminal.run("migrate", "shelf", "copy", "--create-project", *mapped)
    report = terminal.folder / "report.md"

    project = terminal.run("verify", "--source", "shelf", "-p", "copy", *mapped, "--report", report)
    unmapped = terminal.run("verify", "--source", "shelf", "-p", "copy")
    manifest = terminal.run("verify", terminal.folder / "out", "-p", "copy", "--all-bytes", *mapped)
    by_name = terminal.run("verify", terminal.folder / "out", "-p", "copy", "--all-bytes")

    assert (project.code, project.out.splitlines()[-1]) == (0, "equal")
    assert "| Gabel | 2 | 2 |" in report.read_text()
    assert ", with fork as Gabel, spoon as Löffel\n" in report.read_text()
    assert (manifest.code, manifest.out.splitlines()[-1]) == (0, "equal")
    assert (unmapped.code, by_name.code) == (10, 10)
    assert "tag missing: 2" in unmapped.out


async def test_tags_that_differ_in_case_alone_become_one_only_where_that_is_asked_for() -> None:
    tags = [Tag("id-1", "Fork"), Tag("id-2", "fork")]
    contents = Snapshot.empty(Project("p", "shelf"), ProjectType.DETECTION, tags)

    with pytest.raises(PlanError, match=r"both tags 'Fork' and 'fork'.*--tag-map fork=Fork"):
        renamed_tags(contents, {})

    assert [tag.name for tag in renamed_tags(contents, {"fork": "Fork"}).tags] == ["Fork"]
