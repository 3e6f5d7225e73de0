"""What goes from a copy because it is gone from the source, and what never does."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from emulator_fixtures import DETECTION
from look import all_images
from make import make_png, write_csv
from pairs import Pair, make_detection

from cvsync.api.client import Client
from cvsync.api.images import FileEntry
from cvsync.errors import GuardError
from cvsync.flows.rebuild import rebuild
from cvsync.flows.wanted import Wanted
from cvsync.model import Project
from cvsync.plan import Prune
from cvsync.plan.guard import DeleteGuard


@pytest.fixture
async def source(pair: Pair, client: Client) -> Project:
    """A project of six pictures that has been copied."""
    project = await make_detection(client)
    await pair.migrate()
    return project


async def lose(client: Client, source: Project, count: int = 1) -> list[str]:
    """Delete images of the source, and give their ids."""
    images = await all_images(client, source.id)
    gone = [image.id for image in images[:count]]
    await client.delete_images(source.id, gone)
    return gone


def manifest(pair: Pair, picture: int, **cells: str) -> Path:
    """A manifest of one picture, of the copy's resource."""
    (pair.copy.folder / f"{picture}.png").write_bytes(make_png(picture))
    return write_csv(pair.copy.folder / "m.csv", [{"path": f"{picture}.png", "tag": None} | cells])


async def push(pair: Pair, path: Path, *, planned: bool = False, prune: Prune = Prune.KEEP) -> None:
    """Push a manifest to the copy, at once or as a saved plan."""
    options = {"project": "copy", "create": None, "prune": prune}
    if planned:
        await pair.copy.save(pair.copy.folder / "plan", path, **options)
        await pair.copy.apply(pair.copy.folder / "plan")
    else:
        await pair.copy.push(path, **options)


async def stored(pair: Pair) -> int:
    """How many images the copy has."""
    return len(await pair.copy.images())


@pytest.mark.usefixtures("source")
async def test_nothing_is_deleted_where_not_all_of_the_source_is_looked_at(pair: Pair) -> None:
    with pytest.raises(GuardError, match="not all images of the source"):
        await pair.plan(prune=Prune.DELETE, wanted=Wanted(tagged=True))
    with pytest.raises(GuardError, match="not all images of the source"):
        await pair.migrate(prune=Prune.DELETE, wanted=Wanted(tagged=True))


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("key", ["x{}", "{}f0e0d0c-0b0a-4908-8706-050403020100"])
async def test_what_a_manifest_brought_stays_and_what_is_gone_from_the_source_goes(
    pair: Pair, client: Client, source: Project, key: str, planned: bool
) -> None:
    """Also where its keys look like those of a copy; and again, however often both come."""
    for night in range(2):
        await push(pair, manifest(pair, 70 + night, key=key.format(night)), planned=planned)
        await lose(client, source)

        seen = await pair.plan(prune=Prune.DELETE)
        report = await pair.migrate(prune=Prune.DELETE)

        assert seen.doomed == 1
        assert +report.counts == {"images_deleted": 1}
    assert await stored(pair) == 4 + 2
    assert (await pair.verify(extra_is_fine=True)).is_equal


async def test_what_comes_after_a_manifest_goes_too(pair: Pair, client: Client, source: Project) -> None:
    await push(pair, manifest(pair, 70))
    made = await client.create_images_from_files(source.id, [FileEntry("new.png", make_png(80))])
    await pair.migrate(prune=Prune.DELETE)
    await client.delete_images(source.id, [made.images[0].image.id] if made.images[0].image else [])

    report = await pair.migrate(prune=Prune.DELETE)

    assert +report.counts == {"images_deleted": 1}
    assert await stored(pair) == 7


async def test_of_two_sources_each_takes_back_its_own(pair: Pair, client: Client, source: Project) -> None:
    other = await client.create_project("other", domain_id=DETECTION)
    files = [FileEntry(f"{n}.png", make_png(n)) for n in range(70, 76)]
    await client.create_images_from_files(other.id, files)
    await pair.migrate(source="other", prune=Prune.DELETE)
    await lose(client, other)
    await lose(client, source)

    first = await pair.migrate(prune=Prune.DELETE)
    second = await pair.migrate(source="other", prune=Prune.DELETE)

    assert (+first.counts, +second.counts) == ({"images_deleted": 1}, {"images_deleted": 1})
    assert await stored(pair) == 10


async def test_a_picture_that_both_brought_stays(pair: Pair, client: Client, source: Project) -> None:
    """It is one image, and a manifest still names it."""
    await push(pair, manifest(pair, 0))
    images = await all_images(client, source.id)
    await client.delete_images(source.id, [image.id for image in images if len(image.regions) == 2])

    report = await pair.migrate(prune=Prune.DELETE, guard=DeleteGuard(2))

    assert +report.counts == {"images_deleted": 1}
    assert (await stored(pair), (await pair.verify()).counts["image extra"]) == (5, 1)


async def test_a_key_that_a_manifest_brings_later_is_the_manifest_s(
    pair: Pair, client: Client, source: Project
) -> None:
    await push(pair, manifest(pair, 70))
    (key,) = await lose(client, source)
    await pair.migrate(prune=Prune.DELETE)
    await push(pair, manifest(pair, 71, key=key))

    report = await pair.migrate(prune=Prune.DELETE)

    assert +report.counts == {}
    assert await stored(pair) == 5 + 2


async def test_a_manifest_never_takes_what_a_copy_is_for_its_own(pair: Pair, source: Project) -> None:
    """Even where ``--delete`` of the push is refused: all that the ledger knows would go."""
    with pytest.raises(GuardError):
        await push(pair, manifest(pair, 70), prune=Prune.DELETE)

    assert await stored(pair) == 6


@pytest.mark.usefixtures("source")
async def test_what_a_ledger_knows_from_a_manifest_alone_stays(pair: Pair) -> None:
    """Its keys are ids, as those of a copy; but nobody knows what made the images."""
    path = manifest(pair, 70, key=str(uuid4()))
    await push(pair, path)
    for ledger in pair.copy.state.rglob("ledger.sqlite"):
        ledger.unlink()
    async with pair.copy.service() as service:
        await rebuild(service, "copy", (path,))
    await pair.migrate()

    report = await pair.migrate(prune=Prune.DELETE)

    assert report.counts["images_deleted"] == 0
    assert await stored(pair) == 7


async def test_the_guard_counts_what_came_from_the_source(
    pair: Pair, client: Client, source: Project
) -> None:
    """No more may go than before, and most of a source that is gone is none to be equal to."""
    await push(pair, manifest(pair, 70))
    await lose(client, source, 2)
    with pytest.raises(GuardError, match=r"2 of 7 images would be deleted .* --max-delete 1"):
        await pair.migrate(prune=Prune.DELETE)
    await lose(client, source, 2)

    with pytest.raises(GuardError, match="names 2 images, less than half of the 6"):
        await pair.migrate(prune=Prune.DELETE, guard=DeleteGuard(10))

    assert await stored(pair) == 7
