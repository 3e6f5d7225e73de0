"""Reading all that a project tells of its images."""

from __future__ import annotations

import pytest
from make import write_csv
from shelf import Shelf

from cvsync.api.client import open_client
from cvsync.api.listing import Selection, fetch_contents
from cvsync.errors import UnsupportedError
from cvsync.model import ProjectType
from cvsync.snapshot import DETAILS, Snapshot


async def contents(shelf: Shelf, selection: Selection) -> Snapshot:
    async with open_client(shelf.settings) as (client, _):
        (project,) = await client.get_projects()
        return await fetch_contents(client, project, ProjectType.MULTICLASS, selection)


async def push_three(shelf: Shelf) -> None:
    rows = [
        {"url": shelf.url("0.png"), "tag": "fork", "metadata.shop": "Süd"},
        {"url": shelf.url("1.png"), "tag": "spoon", "metadata.shop": "Nord"},
        {"url": shelf.url("2.png"), "tag": "", "metadata.shop": "Süd"},
    ]
    await shelf.push(write_csv(shelf.folder / "m.csv", rows))


async def test_contents_tell_links_times_and_metadata(shelf: Shelf) -> None:
    await push_three(shelf)

    found = await contents(shelf, Selection())

    assert found.images.schema == DETAILS
    shops = found.to_labels().table.column("metadata.shop").to_pylist()
    assert sorted(shops) == ["Nord", "Süd", "Süd"]
    assert all(link.startswith(shelf.emulator.url) for link in found.images.column("link").to_pylist())
    assert found.images.column("created").null_count == 0


@pytest.mark.parametrize(
    ("filter_", "tags"),
    [("metadata=shop eq 'Süd'", ["fork", None]), ("metadata=shop ne 'Süd'", ["spoon"])],
)
async def test_a_filter_on_metadata_selects(shelf: Shelf, filter_: str, tags: list[str | None]) -> None:
    await push_three(shelf)

    found = await contents(shelf, Selection(filter_=filter_))

    assert set(found.to_labels().table.column("tag").to_pylist()) == set(tags)


async def test_tags_select_without_the_untagged(shelf: Shelf) -> None:
    await push_three(shelf)
    everything = await contents(shelf, Selection())
    spoon = next(tag.id for tag in everything.tags if tag.name == "spoon")

    found = await contents(shelf, Selection(tag_ids=(spoon,)))

    assert found.to_labels().table.column("tag").to_pylist() == ["spoon"]


async def test_versions_without_a_filter_say_so(shelf: Shelf) -> None:
    await push_three(shelf)
    shelf.api_version = "v3.2"

    with pytest.raises(UnsupportedError, match=r"v3\.3"):
        await contents(shelf, Selection(filter_="metadata=shop eq 'Süd'"))
