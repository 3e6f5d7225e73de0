from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from make import make_png
from reads import URL, labels_of, read_one, rows_of, write

from cvsync.errors import ManifestError, SettingsError
from cvsync.manifest import FORMATS
from cvsync.manifest import write as write_labels
from cvsync.manifest.numbers import number_texts, pixels, whole_pixels
from cvsync.manifest.schema import COLUMNS, VERSION

BOXES = (
    "path,tag,left,top,width,height,image_width,image_height\n"
    "a.png,cup,0.1,0.2,0.5,0.25,200,100\na.png,fork,0,0,1,1,200,100\nb/c.png,,,,,,200,100\n"
)


def convert(path: Path, to: Path, form: str | None = None, **options: Any) -> list[str]:
    written = write_labels(read_one(path, any_storage=True).labels, to, form, **options)
    return [*map(str, written.losses)]


def test_table_has_the_columns_that_say_something(tmp_path: Path) -> None:
    convert(write(tmp_path, f"tag,url\n=1+1,{URL}\n"), tmp_path / "out.csv")
    convert(write(tmp_path, BOXES), tmp_path / "out.tsv")

    assert (tmp_path / "out.csv").read_text() == f"url,tag\n{URL},=1+1\n"
    assert (tmp_path / "out.tsv").read_text().splitlines()[1] == "a.png\tcup\t0.1\t0.2\t0.5\t0.25\t200\t100"


def test_the_format_tells_the_delimiter_and_not_the_name(tmp_path: Path) -> None:
    convert(write(tmp_path, f"url,tag\n{URL},cup\n"), tmp_path / "out.txt", "tsv")

    assert (tmp_path / "out.txt").read_text() == f"url\ttag\n{URL}\tcup\n"


def test_parquet_says_the_version_of_its_schema(tmp_path: Path) -> None:
    convert(write(tmp_path, BOXES), tmp_path / "out.parquet")

    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.metadata[b"cvsync.manifest"] == str(VERSION).encode()
    assert set(schema.names) < {column.name for column in COLUMNS}


def test_lines_leave_out_what_is_empty_but_the_tag(tmp_path: Path) -> None:
    convert(
        write(tmp_path, f'url,tag,left,top,width,height\n{URL},"a""ü",0,0.5,1,0.1\n{URL}?2,,,,,\n'),
        tmp_path / "out.jsonl",
    )

    assert [*map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())] == [
        {"url": URL, "tag": 'a"ü', "left": 0, "top": 0.5, "width": 1, "height": 0.1},
        {"url": f"{URL}?2", "tag": None},
    ]


def test_azure_ml_has_corners_as_fractions(tmp_path: Path) -> None:
    losses = convert(write(tmp_path, BOXES), tmp_path / "out.jsonl", "azureml")

    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert first["image_url"] == "a.png"
    assert first["image_details"] == {"format": "png", "width": "200px", "height": "100px"}
    assert first["label"][1] == {
        "label": "fork",
        "topX": 0,
        "topY": 0,
        "bottomX": 1,
        "bottomY": 1,
        "isCrowd": 0,
    }
    assert first["label"][0]["bottomX"] == pytest.approx(0.6)
    assert (second["label"], losses) == ([], [])


def test_vertex_and_rekognition_need_urls_and_name_what_they_lose(tmp_path: Path) -> None:
    manifest = write(tmp_path, f"url,tag,version\n{URL},a,1\n{URL},b,1\n{URL}?2,a,1\n")

    assert convert(manifest, tmp_path / "v.jsonl", "vertex") == ["3 cells of version"]
    assert convert(manifest, tmp_path / "r.manifest") == ["3 cells of version"]

    assert json.loads((tmp_path / "v.jsonl").read_text().splitlines()[0]) == {
        "imageGcsUri": URL, "classificationAnnotations": [{"displayName": "a"}, {"displayName": "b"}],
    }  # fmt: skip
    line = json.loads((tmp_path / "r.manifest").read_text().splitlines()[0])
    assert (line["labels"], line["labels-metadata"]["class-map"]) == ([0, 1], {"0": "a", "1": "b"})
    with pytest.raises(ManifestError, match=r"2 images that have a path only \(a.png, b/c.png\)"):
        convert(write(tmp_path, BOXES), tmp_path / "x.jsonl", "vertex")


def test_coco_has_pixels_as_people_write_them(tmp_path: Path) -> None:
    convert(write(tmp_path, BOXES), tmp_path / "out.json")

    said = json.loads((tmp_path / "out.json").read_text())
    assert [one["bbox"] for one in said["annotations"]] == [[20, 20, 100, 25], [0, 0, 200, 100]]
    assert [one["file_name"] for one in said["images"]] == ["a.png", "b/c.png"]
    assert [(one["id"], one["name"]) for one in said["categories"]] == [(1, "cup"), (2, "fork")]


def test_yolo_has_a_file_an_image_and_finds_the_images_again(tmp_path: Path) -> None:
    for name in ("a.png", "b/c.png"):
        write(tmp_path, make_png(1), name)
    manifest = write(tmp_path, BOXES)

    convert(manifest, tmp_path / "labels only", "yolo")
    convert(manifest, tmp_path / "all", "yolo", copy_images=True)

    described = yaml.safe_load((tmp_path / "all/data.yaml").read_text())
    assert (described["train"], described["names"]) == ("images/train", {0: "cup", 1: "fork"})
    lines = (tmp_path / "all/labels/train/a.txt").read_text().splitlines()
    assert [[*map(float, line.split())] for line in lines] == [
        pytest.approx([0, 0.35, 0.325, 0.5, 0.25]), [1, 0.5, 0.5, 1, 1],
    ]  # fmt: skip
    assert (tmp_path / "all/images/train/a.png").read_bytes() == make_png(1)
    assert (tmp_path / "all/labels/train/c.txt").read_text() == ""
    assert labels_of(tmp_path / "labels only", check_files=True) == labels_of(manifest)
    assert labels_of(tmp_path / "all", check_files=True) == labels_of(manifest)


def test_voc_has_whole_pixels(tmp_path: Path) -> None:
    convert(write(tmp_path, BOXES), tmp_path / "voc", "voc")

    text = (tmp_path / "voc/Annotations/a.xml").read_text()
    assert "<xmin>20</xmin>" in text
    assert "<ymax>45</ymax>" in text
    assert "<width>200</width>" in text


def test_folders_are_copies_of_the_images(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path, make_png(1), name)
    manifest = write(tmp_path, "path,tag\na.png,cat\na.png,dog\nb.png,\n")

    with pytest.raises(ManifestError, match=r"1 further tags of images that have several \(a.png\)"):
        convert(manifest, tmp_path / "out", "folders")
    assert not (tmp_path / "out").exists()
    assert convert(manifest, tmp_path / "out", "folders", lossy=True)

    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")) == [
        "b.png", "cat/a.png", "images.csv",
    ]  # fmt: skip
    assert labels_of(tmp_path / "out") == [("b.png", None), ("a.png", "cat")]


@pytest.mark.parametrize(
    ("text", "form", "words"),
    [
        ("url,tag\n{},a\n", "coco", "1 tags of whole images"),
        ("url,tag,left,top,width,height\n{},a,0,0,1,1\n", "coco", "whose size is not known (--probe-size)"),
        ("path,tag,left,top,width,height\nm.csv,a,0,0,1,1\n", "folders", "boxes; their tags stay"),
        ("url,tag,left,top,width,height\n{},a,0,0,1,1\n{},b,,,,\n", "azureml", "1 tags of whole images"),
        (
            'path,tag,left,top,width,height,image_width,image_height\n1,"a\nb",0,0,1,1,9,9\n',
            "voc",
            "cannot be written",
        ),
    ],
)
def test_what_does_not_fit_is_refused_unless_it_may_go(
    tmp_path: Path, text: str, form: str, words: str
) -> None:
    manifest = write(tmp_path, text.format(URL, URL))

    with pytest.raises(ManifestError) as caught:
        convert(manifest, tmp_path / "out", form)

    assert words in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["m.csv"]
    assert any(words in loss for loss in convert(manifest, tmp_path / "out", form, lossy=True))


def test_an_image_that_loses_its_labels_stays(tmp_path: Path) -> None:
    manifest = write(tmp_path, f"url,tag\n{URL},a\n{URL},b\n")

    convert(manifest, tmp_path / "out.json", "coco", lossy=True)

    assert labels_of(tmp_path / "out.json") == [(URL, None)]


def test_keys_and_paths_stay_true_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "in/pictures", make_png(1), "a.png")
    manifest = write(tmp_path / "in", "path,tag\npictures/a.png,x\n")

    for to in (tmp_path / "in/out.csv", tmp_path / "out.csv", tmp_path / "other/out.csv"):
        convert(manifest, to)
        (row,) = rows_of(to, check_files=True)
        assert row["key"] == "pictures/a.png"
        assert (to.parent / row["path"]).samefile(tmp_path / "in/pictures/a.png")
    assert (tmp_path / "in/out.csv").read_text() == "path,tag\npictures/a.png,x\n"


@pytest.mark.parametrize(
    ("name", "form"), [("out", None), ("out.xyz", None), ("out", "json"), ("out", "nonsense")]
)
def test_a_format_that_cannot_be_written_is_told(tmp_path: Path, name: str, form: str | None) -> None:
    with pytest.raises(SettingsError, match=r"-f FORMAT|cannot be written"):
        convert(write(tmp_path, f"url,tag\n{URL},a\n"), tmp_path / name, form)


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    manifest = write(tmp_path, BOXES)
    folder = write(tmp_path / "full", "mine", "notes.txt").parent

    with pytest.raises(SettingsError, match="--overwrite"):
        convert(manifest, manifest)
    with pytest.raises(SettingsError, match="not empty"):
        convert(manifest, folder, "yolo", overwrite=True)

    before = labels_of(manifest)
    convert(manifest, manifest, overwrite=True)
    assert labels_of(manifest) == before
    assert (folder / "notes.txt").read_text() == "mine"


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    manifest = write(tmp_path, "path,tag\nnone.png,x\n")

    with pytest.raises(OSError, match=r"none\.png"):
        convert(manifest, tmp_path / "out", "folders")

    assert [p.name for p in tmp_path.iterdir()] == ["m.csv"]


@pytest.mark.parametrize(
    "form", [name for name, form in FORMATS.items() if form.write and not form.is_folder]
)
def test_a_manifest_of_nothing_is_one(tmp_path: Path, form: str) -> None:
    convert(write(tmp_path, "url,tag\n"), tmp_path / "out.x", form)

    text = (tmp_path / "out.x").read_bytes()
    assert text[:4] == b"PAR1" or b"image" in text or text in (b"url,tag\n", b"url\ttag\n", b"")


@given(size=st.tuples(st.integers(1, 10_240), st.integers(1, 10_240)), data=st.data())
def test_whole_pixels_are_kept_to_the_last_bit(size: tuple[int, int], data: st.DataObject) -> None:
    edges = [
        sorted(data.draw(st.lists(st.integers(0, side), min_size=2, max_size=2, unique=True)))
        for side in size
    ]
    (left, right), (top, bottom) = edges
    box = (left / size[0], top / size[1], (right - left) / size[0], (bottom - top) / size[1])
    single = tuple(float(np.float32(v)) for v in box)

    assert whole_pixels(single, size) == (left, top, right, bottom)  # type: ignore[arg-type]
    found = pixels(np.float32(single), np.float64([*size, *size]))
    assert [*found] == [left, top, right - left, bottom - top]


@given(fraction=st.floats(2.0**-30, 1, width=32), side=st.integers(1, 20_000))
def test_pixels_are_read_back_to_the_same_fraction(fraction: float, side: int) -> None:
    (left,) = pixels(np.float32([fraction]), np.float64([side]))

    assert np.float32(left / side) == np.float32(fraction)


@given(values=st.lists(st.floats(0, 1, width=32), min_size=1))
def test_numbers_survive_readers_that_round_twice(values: list[float]) -> None:
    import pyarrow as pa

    texts = number_texts(pa.array(values, pa.float32())).to_pylist()

    assert [np.float32(float(text)) for text in texts] == [np.float32(value) for value in values]
