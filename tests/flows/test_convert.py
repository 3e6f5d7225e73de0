"""`cvsync convert`, and pushes of what other formats say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from make import make_png
from shelf import Shelf, boxes_by_key

from cvsync.cli.main import cli
from cvsync.manifest import Box, Reading, Units

URL = "https://pictures.test/1.jpg"
COCO = {
    "images": [
        {"id": 1, "file_name": "0.png", "width": 32, "height": 24},
        {"id": 2, "file_name": "1.png", "width": 32, "height": 24},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [8, 6, 16, 12]},
        {"id": 2, "image_id": 2, "category_id": 3, "bbox": [40, 6, 16, 12]},
        {"id": 3, "image_id": 2, "category_id": 3, "bbox": [0, 0, 32, 24]},
    ],
    "categories": [{"id": 3, "name": "cup"}],
}


def run(*arguments: object, stdin: str | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["convert", *map(str, arguments)], input=stdin, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.stdout, result.stderr


def test_good_rows_are_converted_and_bad_ones_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "coco.json").write_text(json.dumps(COCO))

    code, out, err = run(tmp_path / "coco.json", tmp_path / "m.csv")

    assert code == 3
    assert out.splitlines() == [
        f"wrote {tmp_path / 'm.csv'}: 2 labels of 2 images as csv (exact)",
        f"rejects: {tmp_path / 'm.csv.rejects.csv'}",
    ]
    assert "E012" in err
    assert (tmp_path / "m.csv").read_text().splitlines() == [
        "path,tag,left,top,width,height,image_width,image_height",
        "0.png,cup,0.25,0.25,0.5,0.5,32,24",
        "1.png,cup,0,0,1,1,32,24",
    ]


def test_losses_are_refused_or_listed(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(f"url,tag,version\n{URL},a,1\n")

    refused = run(tmp_path / "m.csv", tmp_path / "c.json")
    listed = run(tmp_path / "m.csv", tmp_path / "c.json", "--lossy")

    assert refused[0] == 4
    assert "coco cannot hold 1 tags of whole images" in refused[2]
    assert listed[0] == 0
    assert f"left out: 1 tags of whole images ({URL})" in listed[2]


def test_what_was_left_out_is_not_counted_as_written(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(f"url,path,tag\n{URL},,a\n,2.jpg,a\n,2.jpg,b\n")
    (tmp_path / "2.jpg").write_bytes(b"picture")

    code, out, _ = run(tmp_path / "m.csv", tmp_path / "v.jsonl", "-f", "vertex", "--lossy")

    assert code == 0
    assert "1 labels of 1 images as vertex" in out


def test_strict_writes_nothing(tmp_path: Path) -> None:
    code, out, err = run("-", tmp_path / "m.jsonl", "--strict", stdin=f"url,tag\n{URL},a\nx,b\n")

    assert (code, out) == (4, "")
    assert "E038" in err
    assert not (tmp_path / "m.jsonl").exists()


def test_several_manifests_become_one_as_events_tell(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_text('{"url": "gs://b/1.jpg", "tag": "a"}\n')
    (tmp_path / "2.csv").write_text(f"link;name\n{URL};b\n")

    code, out, _ = run(
        tmp_path / "1.jsonl", tmp_path / "2.csv", tmp_path / "m.parquet", "--json", "--map", "url=link",
        "--map", "tag=name",
    )  # fmt: skip

    assert code == 4  # one reading is for all of them, and the first has no such fields
    code, out, _ = run(tmp_path / "1.jsonl", tmp_path / "m.parquet", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert [e["ev"] for e in events] == ["run_start", "manifest", "written", "run_end"]
    assert (events[2]["format"], events[2]["labels"], events[2]["left_out"]) == ("parquet", 1, [])


def test_an_unknown_destination_is_a_matter_of_usage(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(f"url,tag\n{URL},a\n")

    assert run(tmp_path / "m.csv", tmp_path / "out")[0] == 2
    assert run(tmp_path / "m.csv", tmp_path / "m.csv")[0] == 2


def test_stdout_gets_the_manifest_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "m.csv").write_text(f"url,path,tag\n{URL},,ü\n,1.png,b\n,2.png,\n")
    for name in ("1.png", "2.png"):
        (tmp_path / "in" / name).write_bytes(make_png(1))

    code, out, err = run("in/m.csv", "-", "-f", "tsv")

    assert code == 0
    assert out.splitlines() == [
        "key\turl\tpath\ttag",
        f"\t{URL}\t\tü",
        "1.png\t\tin/1.png\tb",
        "2.png\t\tin/2.png\t",
    ]
    assert "wrote stdout: 2 labels of 3 images as tsv (exact)" in err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "azureml"])
def test_what_goes_through_pipes_is_what_goes_through_files(tmp_path: Path, form: str) -> None:
    (tmp_path / "m.csv").write_text(f"url,tag,xmin,ymin,xmax,ymax\n{URL},a,0,0.25,0.5,1\n")
    command = [sys.executable, "-m", "cvsync", "convert"]

    run(tmp_path / "m.csv", tmp_path / "out", "-f", form)
    done = subprocess.run([*command, "m.csv", "-", "-f", form], cwd=tmp_path, capture_output=True, check=True)
    back = subprocess.run(
        [*command, "-", "-", "-f", "csv"], input=done.stdout, cwd=tmp_path, capture_output=True, check=True
    )

    assert done.stdout == (tmp_path / "out").read_bytes()
    assert back.stdout.decode() == f"url,tag,left,top,width,height\n{URL},a,0,0.25,0.5,0.75\n"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "-f FORMAT"),
        (("-f", "yolo"), "yolo is written as a folder"),
        (("-f", "csv", "--json"), "stdout is for events"),
        (("-f", "csv", "--rejects", "-"), "'-' is stdout"),
    ],
)
def test_what_stdout_cannot_be_is_a_matter_of_usage(
    tmp_path: Path, options: tuple[str, ...], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.csv").write_text(f"url,tag\n{URL},a\n")

    try:
        code, _, said = run("m.csv", "-", *options)
    except click.UsageError as error:
        code, said = error.exit_code, error.format_message()

    assert code == 2
    assert reason in said
    assert [path.name for path in tmp_path.iterdir()] == ["m.csv"]


def test_bad_rows_beside_stdout_are_told_and_written_where_they_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.csv").write_text(f"url,tag\n{URL},a\nx,b\n")

    code, out, err = run("m.csv", "-", "-f", "csv")
    again = run("m.csv", "-", "-f", "csv", "--rejects", "bad.csv")

    assert (code, out) == (3, f"url,tag\n{URL},a\n")
    assert "--rejects FILE says where" in err
    assert (again[:2], "rejects: bad.csv" in again[2]) == ((3, out), True)
    assert (tmp_path / "bad.csv").exists()


async def test_coco_of_files_is_pushed_and_its_csv_changes_nothing(shelf: Shelf) -> None:
    coco = shelf.folder / "coco.json"
    coco.write_text(json.dumps(COCO))

    report = await shelf.push(coco)

    assert (report.counts["images_created"], report.counts["rows_refused"]) == (2, 1)
    assert report.rejects is not None
    assert report.rejects.suffix == ".csv"
    assert boxes_by_key(await shelf.images()) == [("cup", 0.0, 0.0, 1.0, 1.0), ("cup", 0.25, 0.25, 0.5, 0.5)]
    run(coco, shelf.folder / "same.csv")
    await shelf.forget()
    again = await shelf.push(shelf.folder / "same.csv")
    assert (again.is_complete, await shelf.writes()) == (True, {})


async def test_reading_options_reach_the_push(shelf: Shelf) -> None:
    manifest = shelf.folder / "m.csv"
    manifest.write_text("file,what,x,y,w,h\n0.png,cup,16,12,16,12\n")
    columns = {"path": "file", "tag": "what", "left": "x", "top": "y", "width": "w", "height": "h"}

    reading = Reading(columns=columns, box=Box.CXCYWH, units=Units.PIXEL, probe_size=True)
    report = await shelf.push(manifest, reading=reading)

    assert report.is_complete
    assert boxes_by_key(await shelf.images()) == [("cup", 0.25, 0.25, 0.5, 0.5)]


@pytest.mark.parametrize("form", ["yolo", "voc", "coco", "azureml"])
def test_what_was_converted_is_the_same_manifest(tmp_path: Path, form: str) -> None:
    (tmp_path / "0.png").write_bytes(make_png(0))
    (tmp_path / "m.csv").write_text("path,tag,left,top,width,height\n0.png,cup,0.25,0.25,0.5,0.5\n")

    assert run(tmp_path / "m.csv", tmp_path / "there", "-f", form, "--probe-size")[0] == 0
    assert run(tmp_path / "there", tmp_path / "back.csv", "--from", form)[0] == 0

    _, row = (tmp_path / "back.csv").read_text().splitlines()
    assert row.startswith("0.png,cup,0.25,0.25,0.5,0.5")
