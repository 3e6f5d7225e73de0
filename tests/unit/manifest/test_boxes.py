from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from make import make_png
from reads import URL, labels_of, problems_of, read_one, rows_of, warnings_of, write

from cvsync.errors import ManifestError
from cvsync.manifest import Box, Units

SIDES = ("left", "top", "width", "height")


def table(tmp_path: Path, header: str, *rows: str) -> Path:
    lines = [f"https://x.test/{n},a,{row}" for n, row in enumerate(rows)]
    return write(tmp_path, "\n".join([f"url,tag,{header}", *lines]) + "\n")


@pytest.mark.parametrize(
    ("header", "row", "reading"),
    [
        ("left,top,width,height", "0.25,0.125,0.5,0.75", {}),
        ("xmin,ymin,xmax,ymax", "0.25,0.125,0.75,0.875", {}),
        ("cx,cy,width,height", "0.5,0.5,0.5,0.75", {}),
        ("left,top,width,height", "0.5,0.5,0.5,0.75", {"box": Box.CXCYWH}),
        ("left,top,width,height", "0.25,0.125,0.75,0.875", {"box": Box.XYXY}),
        ("left,top,width,height", "25,12.5,50,75", {"units": Units.PERCENT}),
        ("left,top,width,height,image_width,image_height", "50,12.5,100,75,200,100", {}),
        ("left,top,width,height,image_width,image_height", "50,12.5,100,75,200,100", {"units": Units.PIXEL}),
        ("xmin,ymin,xmax,ymax,width,height", "50,12.5,150,87.5,200,100", {}),
        ("cx,cy,width,height,image_width,image_height", "100,50,100,75,200,100", {}),
        ("bbox", '"[0.25, 0.125, 0.5, 0.75]"', {"box": Box.LTWH}),
        ("bbox", "0.5 0.5 0.5 0.75", {"box": Box.CXCYWH}),
        ("box,image_width,image_height", '"50,12.5,150,87.5",200,100', {"box": Box.XYXY}),
    ],
)
def test_all_conventions_are_one_box(tmp_path: Path, header: str, row: str, reading: dict[str, Any]) -> None:
    manifest = read_one(table(tmp_path, header, row), **reading)

    (label,) = manifest.labels.table.to_pylist()
    assert [label[side] for side in SIDES] == [0.25, 0.125, 0.5, 0.75]
    assert " as " in manifest.convention


def test_four_numbers_of_a_cell_are_told_by_all_rows(tmp_path: Path) -> None:
    sides = table(tmp_path, "bbox", "0.1 0.1 0.85 0.05", "0.8 0.2 0.1 0.3")
    corners = table(tmp_path, "bbox", "0.1 0.1 0.95 0.85", "0.8 0.2 0.9 0.5")

    assert "bbox as xyxy in fractions" in read_one(corners).convention
    assert labels_of(corners)[1] == ("https://x.test/1", "a", 0.8, 0.2, 0.1, 0.3)
    with pytest.raises(ManifestError, match="cannot be told; say --box"):
        read_one(table(tmp_path, "bbox", "0.4 0.4 0.5 0.5"))
    assert "bbox as ltwh" in read_one(sides, box=Box.LTWH).convention


def test_pixels_need_sizes(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="--probe-size"):
        read_one(table(tmp_path, "left,top,width,height", "10,10,20,20", "30,5,200,20"))


def test_sizes_of_images_behind_urls_are_not_to_be_probed(tmp_path: Path) -> None:
    path = write(tmp_path, f"url,tag,left,top,width,height\n{URL},a,10,10,50,50\n")

    with pytest.raises(ManifestError, match="image_height; --probe-size reads only files"):
        read_one(path, probe_size=True)


def test_rows_that_disagree_are_never_guessed(tmp_path: Path) -> None:
    header = "left,top,width,height,image_width,image_height"
    most = table(tmp_path, header, "10,10,20,20,100,100", "30,5,20,20,100,100", "0.1,0.1,0.2,0.2,100,100")
    with pytest.raises(ManifestError, match="2 of its 3 boxes"):
        read_one(most)

    few = read_one(table(tmp_path, header, *["0.1,0.1,0.2,0.2,100,100"] * 3, "10,10,20,20,100,100"))

    assert problems_of(few) == [("E022", 4, "left")]
    assert problems_of(read_one(most, units=Units.PIXEL)) == []


def test_single_precision_is_kept_to_the_last_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((500, 4), np.float32) / 2 + np.float32(1e-3)
    frame = pd.DataFrame(values, columns=SIDES).assign(url=[f"{URL}?{n}" for n in range(500)], tag="a")
    frame.to_csv(tmp_path / "m.csv", index=False)
    frame.astype(dict.fromkeys(SIDES, np.float64)).to_parquet(tmp_path / "m.parquet")

    for name in ("m.csv", "m.parquet"):
        labels = read_one(tmp_path / name).labels.table
        assert np.array_equal(np.c_[*(np.asarray(labels.column(side)) for side in SIDES)], values)


def test_whole_pixels_come_back_as_fractions_of_them(tmp_path: Path) -> None:
    (row,) = rows_of(table(tmp_path, "xmin,ymin,xmax,ymax,width,height", "101,33,640,480,640,480"))

    assert [np.float32(row[side]) for side in SIDES] == [
        np.float32(v) for v in (101 / 640, 33 / 480, 539 / 640, 447 / 480)
    ]


def test_half_a_pixel_over_the_edge_is_clamped_and_a_whole_one_is_not(tmp_path: Path) -> None:
    path = table(
        tmp_path, "xmin,ymin,xmax,ymax,width,height", "10,10,640.5,480,640,480", "10,10,641,480,640,480"
    )

    manifest = read_one(path)

    assert warnings_of(manifest) == [("W001", [1])]
    assert problems_of(manifest) == [("E012", 2, "xmin")]
    (row,) = manifest.labels.table.to_pylist()
    assert row["left"] + row["width"] == pytest.approx(1, abs=1e-7)


def test_swapped_axes_and_missing_sizes_are_told(tmp_path: Path) -> None:
    path = table(
        tmp_path, "left,top,width,height,image_width,image_height",
        "10,300,20,50,400,200", "10,10,20,20,,200", "10,10,20,20,x,200", "10,190,20,500,400,200",
    )  # fmt: skip

    assert problems_of(read_one(path, units=Units.PIXEL)) == [
        ("E024", 1, "left"), ("E023", 2, "left"), ("E035", 3, "image_width"), ("E012", 4, "left"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (["0.9,0.5,0.2,0.2", "0.5,0.9,0.3,0.2", "0.5,0.5,0.2,0.2"], "W022"),
        (["0.3,0.5,0.9,0.8", "0.5,0.6,0.7,0.9", "0.2,0.1,0.3,0.3"], "W023"),
    ],
)
def test_advice_where_another_convention_fits_every_box(tmp_path: Path, rows: list[str], code: str) -> None:
    manifest = read_one(table(tmp_path, "left,top,width,height", *rows))

    assert [p.code for p in manifest.problems] == ["E012", "E012"]
    assert [w.code for w in manifest.warnings] == [code]


def test_no_advice_for_a_few_boxes_that_are_outside(tmp_path: Path) -> None:
    rows = ["0,0,0.2,0.2"] * 10 + ["0.9,0.5,0.2,0.2"]

    assert [w.code for w in read_one(table(tmp_path, "left,top,width,height", *rows)).warnings] == []


def test_probed_sizes_come_from_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(make_png(1, (200, 100)))
    path = write(
        tmp_path,
        "path,tag,left,top,width,height\na.png,a,50,12.5,100,75\na.png,b,2,2,4,4\nb.png,a,10,10,20,20\n",
    )

    manifest = read_one(path, probe_size=True)

    assert problems_of(manifest) == [("E047", 3, "path")]
    first, _ = manifest.labels.table.to_pylist()
    assert [first[side] for side in SIDES] == [0.25, 0.125, 0.5, 0.75]
    assert (first["image_width"], first["image_height"]) == (200, 100)
