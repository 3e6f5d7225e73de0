"""Pushes that delete, and those that may not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from make import write_csv
from shelf import QUICK, Shelf, boxed_rows

from cvsync.errors import GuardError, TransportError
from cvsync.plan import Prune
from cvsync.plan.guard import DeleteGuard


@pytest.mark.parametrize("kept", [0, 2])
async def test_deletion_is_refused_where_the_source_looks_wrong(
    shelf: Shelf, tmp_path: Path, kept: int
) -> None:
    manifest = write_csv(tmp_path / "m.csv", boxed_rows(shelf))
    await shelf.push(manifest)
    lines = manifest.read_text().splitlines()[: kept + 1]
    manifest.write_text("\n".join(lines) + "\n")

    with pytest.raises(GuardError):
        await shelf.push(manifest, prune=Prune.DELETE, guard=DeleteGuard(100))

    assert len(await shelf.images()) == 6


async def test_more_deletions_than_allowed_are_refused(shelf: Shelf, tmp_path: Path) -> None:
    manifest = write_csv(tmp_path / "m.csv", boxed_rows(shelf))
    await shelf.push(manifest)
    write_csv(manifest, boxed_rows(shelf, 4))

    with pytest.raises(GuardError, match="2 of 6 images would be deleted"):
        await shelf.push(manifest, prune=Prune.DELETE)
    allowed = await shelf.push(manifest, prune=Prune.DELETE, guard=DeleteGuard(2))

    assert allowed.counts["images_deleted"] == 2


async def test_half_of_what_is_known_is_half_of_the_images_not_of_their_keys(
    shelf: Shelf, tmp_path: Path
) -> None:
    old = boxed_rows(shelf, 4)
    new = [row | {"url": row["url"] + "?again"} for row in old]
    manifest = write_csv(tmp_path / "m.csv", old)
    await shelf.push(manifest)
    await shelf.push(write_csv(manifest, [*new[:3], old[3]]))  # seven keys, four images

    await shelf.push(write_csv(manifest, old[:3]), prune=Prune.DELETE, guard=DeleteGuard(1))

    assert len(await shelf.images()) == 3


async def test_other_keys_of_one_image_do_not_make_up_for_lost_ones(shelf: Shelf, tmp_path: Path) -> None:
    rows = boxed_rows(shelf, 6)
    twins = [rows[0] | {"url": f"{rows[0]['url']}?{n}"} for n in range(6)]
    manifest = write_csv(tmp_path / "m.csv", [*rows, *twins])
    await shelf.push(manifest)

    with pytest.raises(GuardError, match="names 1 images, less than half of the 6"):
        await shelf.push(write_csv(manifest, twins), prune=Prune.DELETE, guard=DeleteGuard(6))

    assert len(await shelf.images()) == 6


async def test_images_that_cvsync_does_not_know_are_left_alone(shelf: Shelf, tmp_path: Path) -> None:
    first = write_csv(tmp_path / "a.csv", boxed_rows(shelf, 2))
    await shelf.push(first)
    shelf.state = tmp_path / "another-state"  # as if these came from somebody else
    rows = boxed_rows(shelf, 6)[2:]
    second = write_csv(tmp_path / "b.csv", rows)
    await shelf.push(second)

    await shelf.push(write_csv(second, rows[:3]), prune=Prune.DELETE, guard=DeleteGuard(5))

    assert len(await shelf.images()) == 5


async def test_images_of_a_killed_run_go_with_the_rows_that_left_the_manifest_meanwhile(
    shelf: Shelf, tmp_path: Path
) -> None:
    manifest = write_csv(tmp_path / "m.csv", boxed_rows(shelf))
    lost = {"operation": "CreateImagesFromUrls", "kind": "reset_after"}
    await shelf.control("POST", "faults", [lost])
    with pytest.raises(TransportError) as lost_run:  # like a killed process, it leaves its batch open
        await shelf.push(manifest, run=replace(QUICK, attempts=1))
    assert [end for _, *end in shelf.ends()] == [[1, str(lost_run.value)]]
    await shelf.control("DELETE", "faults")
    write_csv(manifest, boxed_rows(shelf)[:4])

    report = await shelf.push(manifest, prune=Prune.DELETE, guard=DeleteGuard(2))

    assert report.counts == Counter(images_created=6, labels_added=6, images_deleted=2)
    assert len(await shelf.images()) == 4
