"""What goes from a copy because it is gone from the source, and what never does."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from emulator_fixtures import DETECTION
from make import make_png, write_csv
from pairs import Pair, make_detection

from cvsync.api.client import Client
from cvsync.api.images import FileEntry
from cvsync.errors import GuardError
from cvsync.flows.wanted import Wanted
from cvsync.plan import Prune


async def test_nothing_is_deleted_where_it_is_not_clear_what_is_gone(pair: Pair, client: Client) -> None:
    await make_detection(client)
    await pair.migrate()

    with pytest.raises(GuardError, match="not all images of the source"):
        await pair.migrate(prune=Prune.DELETE, wanted=Wanted(tagged=True))
    (pair.copy.folder / "x.png").write_bytes(make_png(70))
    manifest = write_csv(pair.copy.folder / "m.csv", [{"path": "x.png", "tag": None}])
    await pair.copy.push(manifest, project="copy", create=None)
    with pytest.raises(GuardError, match="was pushed to from a manifest too"):
        await pair.plan(prune=Prune.DELETE)
    with pytest.raises(GuardError, match="was pushed to from a manifest too"):
        await pair.migrate(prune=Prune.DELETE)


@pytest.mark.parametrize("planned", [False, True])
async def test_nothing_is_deleted_that_a_pulled_manifest_brought(
    pair: Pair, client: Client, planned: bool
) -> None:
    """Its keys look like those of a copy."""
    await make_detection(client)
    await pair.migrate()
    name = str(uuid4())
    (pair.copy.folder / "x.png").write_bytes(make_png(70))
    manifest = write_csv(pair.copy.folder / "m.csv", [{"path": "x.png", "key": name, "tag": None}])
    options: dict[str, Any] = {"project": "copy", "create": None}
    if planned:
        await pair.copy.save(pair.copy.folder / "plan", manifest, **options)
        await pair.copy.apply(pair.copy.folder / "plan")
    else:
        await pair.copy.push(manifest, **options)

    with pytest.raises(GuardError, match="was pushed to from a manifest too"):
        await pair.migrate(prune=Prune.DELETE)
    assert len(await pair.copy.images()) == 7


async def test_nothing_is_deleted_that_was_copied_from_elsewhere(pair: Pair, client: Client) -> None:
    await make_detection(client)
    other = await client.create_project("other", domain_id=DETECTION)
    await client.create_images_from_files(other.id, [FileEntry("x.png", make_png(70))])
    await pair.migrate()
    await pair.migrate(source="other")

    with pytest.raises(GuardError, match="was copied from another project too"):
        await pair.migrate(prune=Prune.DELETE)
