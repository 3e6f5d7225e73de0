"""Boxes that a manifest repeats exactly: an image that is there holds such a box only once."""

from __future__ import annotations

import pytest
from make import make_png, write_csv
from shelf import Shelf

from cvsync.limits import MAX_TAGS_PER_BATCH

BOX = {"left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2}


@pytest.mark.parametrize(("tags", "held"), [(1, 2), (MAX_TAGS_PER_BATCH + 2, MAX_TAGS_PER_BATCH + 2)])
async def test_a_repeated_box_is_counted_as_it_landed_and_not_sent_every_night(
    shelf: Shelf, tags: int, held: int
) -> None:
    """Tags beyond the twentieth follow when their image is there."""
    (shelf.folder / "0.png").write_bytes(make_png(0))
    rows = [{"path": "0.png", "tag": f"tag {n:02}", **BOX} for n in range(tags)]
    manifest = write_csv(shelf.folder / "m.csv", [*rows, rows[-1]])

    first = await shelf.push(manifest)
    again = await shelf.plan(manifest)

    (image,) = await shelf.images()
    assert first.counts["labels_added"] == len(image.regions) == held
    assert again.is_empty


async def test_a_row_that_repeats_a_box_of_the_project_changes_nothing(shelf: Shelf) -> None:
    (shelf.folder / "0.png").write_bytes(make_png(0))
    rows = [{"path": "0.png", "tag": "fork", **BOX}]
    await shelf.push(write_csv(shelf.folder / "m.csv", rows))

    again = await shelf.plan(write_csv(shelf.folder / "m.csv", rows * 2))

    assert again.is_empty
