"""Tags that get another name in the source between two copies."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pairs import Pair, make_detection

from cvsync.api.client import Client, open_client
from cvsync.flows.copied_tags import CopiedTags
from cvsync.model import Project


@pytest.fixture
async def source(pair: Pair, client: Client) -> Project:
    """A project that has been copied."""
    project = await make_detection(client)
    await pair.migrate()
    await pair.copy.forget()
    return project


@pytest.fixture
async def copy(pair: Pair) -> AsyncIterator[Client]:
    """Of the resource that is copied to."""
    async with open_client(pair.copy.settings) as (client, _):
        yield client


async def rename(client: Client, **names: str) -> None:
    """Give tags of the only project other names, one after the other."""
    (project,) = await client.get_projects()
    for old, new in names.items():
        (tag,) = [tag for tag in await client.get_tags(project.id) if tag.name == old]
        await client.update_tag(project.id, tag.id, {"name": new, "description": tag.description})


async def tags(client: Client) -> dict[str, str]:
    (project,) = await client.get_projects()
    return {tag.id: tag.name for tag in await client.get_tags(project.id)}


@pytest.mark.usefixtures("source")
async def test_a_tag_that_is_renamed_in_the_source_is_renamed_in_the_copy(
    pair: Pair, client: Client, copy: Client
) -> None:
    before = await tags(copy)
    await rename(client, Löffel="spoon")

    planned = await pair.plan()
    report = await pair.migrate()
    writes = await pair.copy.writes()
    again = await pair.migrate()

    assert [str(action) for action in planned.renames] == ["Löffel to spoon"]
    assert writes == await pair.copy.writes() == {"UpdateTag": 1}
    assert (+report.counts, +again.counts) == ({"tags_renamed": 1}, {})
    assert await tags(copy) == {i: "spoon" if name == "Löffel" else name for i, name in before.items()}
    assert (await pair.verify()).is_equal


@pytest.mark.usefixtures("source")
async def test_a_name_that_is_given_to_a_new_tag_is_a_new_tag(pair: Pair, client: Client) -> None:
    await rename(client, fork="Gabel")
    (project,) = await client.get_projects()
    await client.create_tag(project.id, "fork")

    await pair.migrate()

    assert await pair.copy.writes() == {"UpdateTag": 1, "CreateTag": 1}
    assert (await pair.verify()).is_equal


@pytest.mark.usefixtures("source")
async def test_a_tag_that_somebody_renamed_in_the_copy_is_let_be(
    pair: Pair, client: Client, copy: Client
) -> None:
    await rename(copy, fork="ours")
    await rename(client, fork="theirs")
    await pair.copy.forget()

    await pair.migrate()

    assert "UpdateTag" not in await pair.copy.writes()
    assert await pair.copy.tags() == ["Löffel", "ours", "theirs", "unused"]
    assert (await pair.verify()).counts == {"tag extra": 1}


@pytest.mark.usefixtures("source")
async def test_a_name_that_the_copy_has_already_is_no_rename(
    pair: Pair, client: Client, copy: Client
) -> None:
    """Its labels go to the tag that is there."""
    (project,) = await copy.get_projects()
    await copy.create_tag(project.id, "GABEL")
    await rename(client, fork="Gabel")
    await pair.copy.forget()

    await pair.migrate()

    assert "UpdateTag" not in await pair.copy.writes()
    assert (await pair.verify()).counts == {"tag extra": 1}


@pytest.mark.usefixtures("source")
async def test_tags_that_change_names_with_each_other_change_labels(pair: Pair, client: Client) -> None:
    await rename(client, fork="other", unused="fork", other="unused")

    await pair.migrate()

    assert (await pair.copy.writes()).keys() == {"CreateImageRegions", "DeleteImageRegions", "UpdateTag"}
    assert (await pair.verify()).is_equal


@pytest.mark.usefixtures("source")
async def test_a_name_that_another_tag_gives_up_is_free(pair: Pair, client: Client) -> None:
    await rename(client, Löffel="spoon", fork="Löffel", unused="fork")

    await pair.migrate()
    again = await pair.migrate()

    assert +again.counts == {}
    assert await pair.copy.writes() == {"UpdateTag": 3}
    assert (await pair.verify()).is_equal


@pytest.mark.usefixtures("source")
async def test_another_spelling_is_a_rename(pair: Pair, client: Client) -> None:
    await rename(client, fork="FORK")

    await pair.migrate()

    assert await pair.copy.writes() == {"UpdateTag": 1}
    assert await pair.copy.tags() == ["FORK", "Löffel", "unused"]


async def migrate_without_a_note(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the run is killed between a rename and the note of it."""
    with monkeypatch.context() as patched:
        patched.setattr(CopiedTags, "note_after", lambda _: None)
        await pair.migrate()


@pytest.mark.usefixtures("source")
async def test_a_rename_before_the_note_of_it_is_not_done_twice(
    pair: Pair, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rename(client, fork="Gabel")
    await migrate_without_a_note(pair, monkeypatch)

    again = await pair.migrate()
    await rename(client, Gabel="fourchette")
    last = await pair.migrate()

    assert (+again.counts, +last.counts) == ({}, {"tags_renamed": 1})
    assert await pair.copy.writes() == {"UpdateTag": 2}
    assert (await pair.verify()).is_equal


@pytest.mark.usefixtures("source")
async def test_a_second_rename_is_one_though_nobody_noted_the_first(
    pair: Pair, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rename(client, fork="Gabel")
    await migrate_without_a_note(pair, monkeypatch)
    await rename(client, Gabel="fourchette")

    await pair.migrate()

    assert await pair.copy.writes() == {"UpdateTag": 2}
    assert (await pair.verify()).is_equal


@pytest.mark.usefixtures("source")
async def test_another_map_of_tags_is_a_rename(pair: Pair) -> None:
    await pair.migrate(tag_map={"fork": "Gabel"})
    back = await pair.migrate()

    assert +back.counts == {"tags_renamed": 1}
    assert await pair.copy.writes() == {"UpdateTag": 2}
    assert (await pair.verify()).is_equal
