"""Rows whose image cannot be read where they say it is, or whose label is refused: each stands for itself."""

from __future__ import annotations

import csv
import os
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from make import make_png, write_csv
from shelf import QUICK, Shelf

from cvsync import Report
from cvsync.flows.project import NewProject
from cvsync.model import ProjectType
from cvsync.plan import Prune
from cvsync.plan.guard import DeleteGuard
from cvsync.run.settings import Adopt


def rejected(report: Report, column: str) -> list[tuple[str, str]]:
    assert report.rejects is not None
    with report.rejects.open(encoding="utf-8") as file:
        return [(row[column], row["error_code"]) for row in csv.DictReader(file)]


async def test_what_is_no_file_costs_only_itself(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(make_png(20))
    (tmp_path / "folder.png").mkdir()
    names = ["good.png", "folder.png"]
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.png")  # nobody writes into it: to open it is to wait
        names.append("pipe.png")

    report = await shelf.push(write_csv(tmp_path / "m.csv", [{"path": n, "tag": "fork"} for n in names]))

    assert report.counts["images_created"] == 1
    assert rejected(report, "path") == [(str(tmp_path / name), "E111") for name in names[1:]]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read_costs_only_itself(shelf: Shelf, tmp_path: Path) -> None:
    for name in ("good.png", "locked.png"):
        (tmp_path / name).write_bytes(make_png(len(name)))
    (tmp_path / "locked.png").chmod(0)
    rows = [{"path": name, "tag": "fork"} for name in ("good.png", "locked.png")]

    report = await shelf.push(write_csv(tmp_path / "m.csv", rows))

    assert report.counts["images_created"] == 1
    assert rejected(report, "path") == [(str(tmp_path / "locked.png"), "E111")]


async def test_a_url_that_nothing_can_connect_to_costs_only_itself(shelf: Shelf, tmp_path: Path) -> None:
    urls = [shelf.url("1.png"), "http://[half/x.jpg", "http://h.test:99999999/x.jpg"]

    report = await shelf.push(write_csv(tmp_path / "m.csv", [{"url": url, "tag": "fork"} for url in urls]))

    assert report.counts["images_created"] == 1
    assert rejected(report, "url") == [(urls[1], "E005"), (urls[2], "ErrorSource")]


async def test_labels_that_follow_their_image_are_refused_by_their_own_rows(
    shelf: Shelf, tmp_path: Path
) -> None:
    await shelf.control("POST", "faults", [{"operation": "CreateImageTags", "kind": "status", "status": 400}])
    new, there = ([{"url": shelf.url(f"{n}.png"), "tag": f"t{t}"} for t in range(22)] for n in (1, 2))
    multilabel = {"create": NewProject(type=ProjectType.MULTILABEL)}
    await shelf.push(write_csv(tmp_path / "m.csv", there[:1]), **multilabel)
    shelf.state = tmp_path / "another state"  # so that the second image turns out to be there

    report = await shelf.push(write_csv(tmp_path / "m.csv", [*new, *there[:3]]), **multilabel)

    assert rejected(report, "tag") == [(f"t{n}", "400") for n in (*range(22), 1, 2)]


@pytest.mark.parametrize("wrong", ["", "https:///2.png", "ftp://h.test/2.png"])
async def test_a_row_that_does_not_say_its_image_does_not_delete_it(
    shelf: Shelf, tmp_path: Path, wrong: str
) -> None:
    rows = [{"url": shelf.url(f"{n}.png"), "tag": "fork"} for n in range(6)]
    await shelf.push(write_csv(tmp_path / "m.csv", rows))
    rows[2]["url"] = wrong
    manifest = write_csv(tmp_path / "m.csv", rows[:5])
    guard = DeleteGuard(max_delete=6)

    await shelf.push(manifest, prune=Prune.DELETE, guard=guard)

    assert len(await shelf.images()) == 6
    assert "nothing is deleted" in str([e.facts for e in shelf.events if e.name == "warning"])
    despite = replace(QUICK, delete_despite_errors=True)
    await shelf.push(manifest, prune=Prune.DELETE, guard=guard, run=despite)
    assert len(await shelf.images()) == 4


async def test_a_refused_row_of_a_known_image_holds_no_deletion_back(shelf: Shelf, tmp_path: Path) -> None:
    rows = [{"path": f"pictures/{n}.png", "tag": "fork"} for n in range(6)]
    await shelf.push(write_csv(tmp_path / "m.csv", rows))
    (shelf.folder / "2.png").unlink()

    await shelf.push(write_csv(tmp_path / "m.csv", rows[:5]), prune=Prune.DELETE)

    assert len(await shelf.images()) == 5


@pytest.mark.parametrize(
    ("name", "good", "refused"),
    [
        ("m.csv", "{url},fork\n", ",knife\n"),
        ("m.csv", "{url},fork\n", "https:///0.png,knife\n"),
        ("m.csv", "{url},fork\n", "{url},knife,\n"),
        ("m.jsonl", '{{"url":"{url}","tag":"fork"}}\n', '{{"url":"{url}","tag":"knife"\n'),
        (
            "m.jsonl",
            '{{"key":"a","url":"{url}","tag":"fork"}}\n',
            '{{"key":"b","url":"{url}","tag":[[1]]}}\n',
        ),
    ],
)
async def test_a_row_that_does_not_say_its_image_takes_no_label_off(
    shelf: Shelf, tmp_path: Path, name: str, good: str, refused: str
) -> None:
    head = "url,tag\n" if name == "m.csv" else ""
    url, manifest = shelf.url("0.png"), tmp_path / name
    manifest.write_text(
        head + "".join(good.replace("fork", tag).format(url=url) for tag in ("fork", "knife"))
    )
    await shelf.push(manifest, create=NewProject(type=ProjectType.MULTILABEL))
    manifest.write_text(head + good.format(url=url) + refused.format(url=url))

    report = await shelf.push(manifest)

    assert report.counts["rows_refused"] == 1
    assert report.counts["labels_removed"] == 0
    assert {tag.tag_name for image in await shelf.images() for tag in image.tags} == {"fork", "knife"}


async def test_labels_of_other_tags_than_refused_rows_name_are_removed(shelf: Shelf, tmp_path: Path) -> None:
    url = shelf.url("0.png")
    rows = [{"url": url, "tag": tag} for tag in ("fork", "knife", "spoon")]
    await shelf.push(write_csv(tmp_path / "m.csv", rows), create=NewProject(type=ProjectType.MULTILABEL))

    await shelf.push(
        write_csv(tmp_path / "m.csv", [rows[0], {"url": "", "tag": "Spoon"}, {"url": "", "tag": ""}])
    )

    assert {tag.tag_name for image in await shelf.images() for tag in image.tags} == {"fork", "spoon"}
    assert "no label 'Spoon' is removed" in str([e.facts for e in shelf.events if e.name == "warning"])


async def test_a_line_that_cannot_be_read_deletes_no_image(shelf: Shelf, tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    lines = [f'{{"url":"{shelf.url(f"{n}.png")}","tag":"fork"}}\n' for n in range(6)]
    manifest.write_text("".join(lines))
    await shelf.push(manifest)
    manifest.write_text("".join(lines[:5]) + lines[5][:-3])

    await shelf.push(manifest, prune=Prune.DELETE, guard=DeleteGuard(max_delete=6))

    assert len(await shelf.images()) == 6


async def test_a_key_of_another_image_takes_no_label_off(shelf: Shelf, tmp_path: Path) -> None:
    rows = [
        {"key": key, "url": shelf.url(f"{key}.png"), "tag": tag} for key in "01" for tag in ("fork", "knife")
    ]
    await shelf.push(write_csv(tmp_path / "m.csv", rows), create=NewProject(type=ProjectType.MULTILABEL))
    rows[3]["key"] = "0"

    await shelf.push(write_csv(tmp_path / "m.csv", rows))

    assert [len(image.tags) for image in await shelf.images()] == [2, 2]


async def test_images_that_are_met_keep_their_labels_where_rows_are_refused(
    shelf: Shelf, tmp_path: Path
) -> None:
    rows = [{"url": shelf.url("0.png"), "tag": tag, "tag_type": ""} for tag in ("fork", "knife")]
    await shelf.push(write_csv(tmp_path / "m.csv", rows), create=NewProject(type=ProjectType.MULTILABEL))
    rows[1]["tag_type"] = "sharp"
    shelf.state = tmp_path / "another state"

    await shelf.push(write_csv(tmp_path / "m.csv", rows), run=replace(QUICK, adopt=Adopt.REPLACE))

    assert {tag.tag_name for image in await shelf.images() for tag in image.tags} == {"fork", "knife"}


async def test_a_multiclass_image_keeps_the_tag_of_a_refused_row_until_it_is_mended(
    shelf: Shelf, tmp_path: Path
) -> None:
    rows = [{"url": shelf.url("0.png"), "tag": "knife", "tag_type": ""}]
    await shelf.push(write_csv(tmp_path / "m.csv", rows), create=NewProject(type=ProjectType.MULTICLASS))
    rows = [rows[0] | {"tag": "fork"}, rows[0] | {"tag_type": "sharp"}]

    report = await shelf.push(write_csv(tmp_path / "m.csv", rows), rejects=tmp_path / "r.csv")

    assert [tag.tag_name for image in await shelf.images() for tag in image.tags] == ["knife"]
    assert report.counts["rows_refused"] == 2
    assert rejected(report, "tag") == [("fork", "E122"), ("knife", "E025")]
    mended = write_csv(tmp_path / "mended.csv", [{**rows[0], "error_code": ""}])
    await shelf.push(mended)
    assert [tag.tag_name for image in await shelf.images() for tag in image.tags] == ["fork"]


@pytest.mark.skipif(sys.platform == "darwin", reason="both are one name there")
@pytest.mark.parametrize(("form", "other"), [("NFC", "NFD"), ("NFD", "NFC")])
async def test_paths_are_found_however_their_letters_are_composed(
    shelf: Shelf, tmp_path: Path, form: Literal["NFC", "NFD"], other: Literal["NFC", "NFD"]
) -> None:
    """A Mac's archive spells names otherwise than a spreadsheet does, and both look the same."""
    (tmp_path / unicodedata.normalize(form, "Löffel.png")).write_bytes(make_png(33))
    manifest = write_csv(
        tmp_path / "m.csv", [{"path": unicodedata.normalize(other, "Löffel.png"), "tag": "fork"}]
    )

    report = await shelf.push(manifest)

    assert report.is_complete
    assert report.counts["images_created"] == 1
    assert (await shelf.plan(manifest)).is_empty


@pytest.mark.skipif(sys.platform == "win32", reason="no name holds a backslash there")
async def test_paths_are_found_as_windows_writes_them(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    names = ["deep\\a.png", ".\\deep\\b.png", "really\\this.png"]
    for n, name in enumerate(["deep/a.png", "deep/b.png", "really\\this.png"]):
        (tmp_path / name).write_bytes(make_png(30 + n))

    report = await shelf.push(write_csv(tmp_path / "m.csv", [{"path": n, "tag": "fork"} for n in names]))

    assert report.is_complete
    assert report.counts["images_created"] == 3


async def test_links_that_have_expired_are_told_before_they_are_tried(shelf: Shelf, tmp_path: Path) -> None:
    """The next night's links are signed anew, and those of images that are there may be over."""

    def manifest(end: str) -> Path:
        rows = [{"url": shelf.url(f"{n}.png") + f"?sig=x&sv=1&se={end}", "tag": "fork"} for n in range(2)]
        return write_csv(tmp_path / "m.csv", rows)

    def told() -> list[str]:
        return [e.facts["text"] for e in shelf.events if e.name == "warning" and "expired" in e.facts["text"]]

    await shelf.plan(manifest("2020-01-02T03:04:05Z"))
    (text,) = told()
    shelf.events.clear()
    await shelf.push(manifest("2999-01-01T00:00:00Z"))
    await shelf.push(manifest("2020-01-02T03:04:05Z"))

    assert "at least 2 links" in text
    assert "on 2020-01-02 03:04 UTC" in text
    assert not told()
