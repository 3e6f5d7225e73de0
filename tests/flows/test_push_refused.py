"""Rows that are refused by pushes."""

from __future__ import annotations

import csv
import stat
from pathlib import Path

import pytest
from make import make_png, write_csv
from shelf import Shelf, boxed_rows

from cvsync.errors import ManifestError
from cvsync.plan import Prune


async def test_bad_rows_are_named_and_good_ones_land(shelf: Shelf, tmp_path: Path) -> None:
    (shelf.folder / "text.jpg").write_text("no picture")
    (shelf.folder / "big.png").write_bytes(make_png(1, (1500, 1500)))
    rows = boxed_rows(shelf, 4)
    for name in ("missing.png", "text.jpg", "big.png"):
        rows.append(rows[0] | {"url": shelf.url(name)})
    rows.append(rows[0] | {"url": shelf.url("9.png"), "left": 0.9})
    manifest = write_csv(tmp_path / "m.csv", rows)
    rejects = tmp_path / "rejects.csv"

    report = await shelf.push(manifest, rejects=rejects)

    assert report.counts["images_created"] == 4
    assert report.counts["refused"] == 3
    assert not report.is_complete
    with rejects.open(newline="") as file:
        refused = [(Path(r["url"]).name, r["error_code"]) for r in csv.DictReader(file)]
    assert refused == [
        ("missing.png", "ErrorSource"),
        ("text.jpg", "ErrorImageFormat"),
        ("big.png", "ErrorImageSize"),
        ("9.png", "E012"),
    ]
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600


async def test_mended_rejects_complete_the_project_and_send_only_them(shelf: Shelf, tmp_path: Path) -> None:
    rows = boxed_rows(shelf, 4)
    rows.append(rows[0] | {"url": shelf.url("late.png")})
    manifest = write_csv(tmp_path / "m.csv", rows)
    report = await shelf.push(manifest)
    (shelf.folder / "late.png").write_bytes(make_png(77))
    await shelf.forget()

    assert report.rejects is not None
    mended = await shelf.push(report.rejects)
    again = await shelf.push(manifest)

    assert mended.counts["images_created"] == 1
    assert (await shelf.writes()) == {"CreateImagesFromUrls": 1}
    assert again.is_complete


@pytest.mark.parametrize("unfit", [[], [{"tag": "cup", "left": "", "top": "", "width": "", "height": ""}]])
async def test_a_row_with_several_problems_is_one_row(
    shelf: Shelf, tmp_path: Path, unfit: list[dict[str, str]]
) -> None:
    rows = boxed_rows(shelf, 4)
    for row in rows[:2]:
        row.update(dict.fromkeys(("left", "top", "width", "height"), "0,5"))
    manifest = write_csv(tmp_path / "m.csv", [*rows, *({**rows[3], **row} for row in unfit)])

    report = await shelf.push(manifest)

    assert report.counts["rows_refused"] == 2 + len(unfit)
    assert report.counts["images_created"] == 2


async def test_strict_sends_nothing(shelf: Shelf, tmp_path: Path) -> None:
    rows = boxed_rows(shelf, 2)
    rows[1]["width"] = "wide"
    manifest = write_csv(tmp_path / "m.csv", rows)

    with pytest.raises(ManifestError, match=r"row 2: width 'wide': E010"):
        await shelf.push(manifest, strict=True)

    assert await shelf.writes() == {}


async def test_the_image_of_a_bad_row_is_not_gone(shelf: Shelf, tmp_path: Path) -> None:
    rows = boxed_rows(shelf, 5)
    manifest = write_csv(tmp_path / "m.csv", rows)
    await shelf.push(manifest)
    rows[3]["left"] = "x"
    write_csv(manifest, rows)

    report = await shelf.push(manifest, prune=Prune.DELETE)

    assert report.counts["images_deleted"] == report.counts["labels_removed"] == 0
    assert len(await shelf.images()) == 5
