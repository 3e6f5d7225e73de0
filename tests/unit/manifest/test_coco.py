from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from make import make_png
from reads import labels_of, problems_of, read_one, rows_of, warnings_of, write

from cvsync.manifest import write as write_labels
from cvsync.manifest.reading import Units

IMAGES = [
    {"id": 1, "file_name": "a.png", "width": 200, "height": 100},
    {"id": 2, "file_name": "b.png", "width": 200, "height": 100, "coco_url": "https://x.test/b.png"},
    {"id": 3, "file_name": "c.png", "width": 200, "height": 100},
]
CATEGORIES = [{"id": 7, "name": "cup"}, {"id": 9, "name": "fork"}]


def box(image: Any, category: Any, *numbers: Any, **more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": image, "category_id": category, "bbox": [*numbers], "area": 1.5, **more}


ANNOTATIONS = [
    box(1, 7, 20, 10, 100, 50, segmentation=[[1.5, 2]]),
    box(2, 9, 0, 0.5, 200, 99.5, segmentation={"counts": "x", "size": [1, 2]}, iscrowd=1),
]


def coco(tmp_path: Path, name: str = "set.json", **lists: Any) -> Path:
    said = {
        "images": IMAGES,
        "annotations": ANNOTATIONS,
        "categories": CATEGORIES,
        "info": {"year": 2020},
    } | lists
    return write(tmp_path, json.dumps(said, indent=1), name)


def test_annotations_are_rows_and_images_without_any_too(tmp_path: Path) -> None:
    path = coco(tmp_path)

    manifest = read_one(path)

    assert labels_of(path) == [
        ("a.png", "cup", 0.1, 0.1, 0.5, 0.5),
        ("https://x.test/b.png", "fork", 0.0, 0.005, 1.0, 0.995),
        ("c.png", None),
    ]
    assert [row["row"] for row in manifest.labels.table.to_pylist()] == [1, 2, 5]
    assert manifest.rows == 3
    assert warnings_of(manifest) == [("W018", [2])]
    assert "bbox as ltwh in pixels" in manifest.convention


@pytest.mark.parametrize("kind", ["columns", "objects"])
def test_what_refers_to_nothing_is_told(tmp_path: Path, kind: str) -> None:
    def id_(number: int) -> Any:
        return number if kind == "columns" else f"n{number}"

    path = coco(
        tmp_path,
        images=[{**image, "id": id_(n)} for n, image in ((1, IMAGES[0]), (2, IMAGES[1]), (2, IMAGES[2]))],
        categories=[{"id": id_(7), "name": "cup"}],
        annotations=[
            box(id_(1), id_(7), 20, 10, 100, 50), box(id_(1), id_(8), 20, 10, 100, 50),
            box(id_(4), id_(7), 20, 10, 100, 50), box(id_(1), id_(7), 20, 10, 100),
            box(id_(2), id_(7), 150, 10, 100, 50),
        ],
    )  # fmt: skip

    manifest = read_one(path)

    assert problems_of(manifest) == [
        ("E043", 2, "category_id"), ("E042", 3, "image_id"), ("E041", 4, "bbox"), ("E012", 5, "bbox"),
        ("E046", 8, "id"),
    ]  # fmt: skip
    assert labels_of(path) == [("a.png", "cup", 0.1, 0.1, 0.5, 0.5)]
    assert manifest.bad_keys == {"a.png", "https://x.test/b.png", "c.png"}


@pytest.mark.parametrize("id_", [7, "seven"])
def test_one_id_of_two_categories_is_told(tmp_path: Path, id_: Any) -> None:
    same = [{"id": id_, "name": "cup"}, {"id": id_, "name": "cup"}]
    two = [*same, {"id": id_, "name": "fork"}, {"id": 9 if id_ == 7 else "9", "name": "knife"}]
    said = [box(1, id_, 20, 10, 100, 50), box(2, two[-1]["id"], 20, 10, 100, 50)]

    assert not read_one(coco(tmp_path, categories=same, annotations=said[:1])).problems
    manifest = read_one(coco(tmp_path, categories=two, annotations=said))
    assert problems_of(manifest) == [("E052", 1, "category_id")]
    assert [row["tag"] for row in manifest.labels.table.to_pylist()] == ["knife", None]
    assert manifest.bad_keys == {"a.png"}


def test_texts_for_numbers_are_read_as_they_can_be(tmp_path: Path) -> None:
    path = coco(tmp_path, annotations=[box(1, 7, "20", 10, 100, 50), box(1, 7, "x", 10, 100, 50)])

    assert problems_of(read_one(path)) == [("E010", 2, "bbox")]
    assert labels_of(path)[0] == ("a.png", "cup", 0.1, 0.1, 0.5, 0.5)


def test_an_annotation_without_a_box_is_a_tag(tmp_path: Path) -> None:
    path = coco(tmp_path, annotations=[{"image_id": 1, "category_id": 7}])

    assert labels_of(path)[0] == ("a.png", "cup")


@pytest.mark.parametrize("kind", ["columns", "objects"])
def test_an_outline_is_taken_as_the_box_around_it(tmp_path: Path, kind: str) -> None:
    polygons = [[20, 10, 120, 10, 120, 40.5], [60, 60, 50, 50, 70, 40]]
    outlined = [
        {"image_id": 1, "category_id": 7, "segmentation": polygons},
        {"image_id": 2, "category_id": 9, "bbox": [], "segmentation": [[0, 0, 100, 0, 100, 50]]},
        {"image_id": 3, "category_id": 9, "segmentation": []},
    ]
    boxed = box(3, 7, 0 if kind == "columns" else "0", 0, 200, 100)
    path = coco(tmp_path, annotations=[*outlined, boxed])

    assert labels_of(path) == [
        ("a.png", "cup", 0.1, 0.1, 0.5, 0.5), ("https://x.test/b.png", "fork", 0.0, 0.0, 0.5, 0.5),
        ("c.png", "fork"), ("c.png", "cup", 0.0, 0.0, 1.0, 1.0),
    ]  # fmt: skip
    assert warnings_of(read_one(path)) == [("W013", [1, 2])]


def test_a_mask_without_a_box_is_told(tmp_path: Path) -> None:
    mask = {"image_id": 2, "category_id": 7, "segmentation": {"counts": "x", "size": [1, 2]}}
    path = coco(tmp_path, annotations=[ANNOTATIONS[0], mask])

    manifest = read_one(path)

    assert problems_of(manifest) == [("E051", 2, "segmentation")]
    assert labels_of(path) == [("a.png", "cup", 0.1, 0.1, 0.5, 0.5), ("c.png", None)]
    assert manifest.bad_keys == {"https://x.test/b.png"}


def test_the_image_of_a_row_that_cannot_be_read_is_named_as_its_other_rows_name_it(tmp_path: Path) -> None:
    """Under another key it would count as gone from the manifest, and could be deleted."""
    image = {"id": 1, "file_name": "b.png", "url": "https://x.test/b.png", "width": 200, "height": 100}
    mask = {"image_id": 1, "category_id": 7, "segmentation": {"counts": "x", "size": [1, 2]}}

    kept = read_one(coco(tmp_path, "good.json", images=[image], annotations=[box(1, 7, 20, 10, 100, 50)]))
    refused = read_one(coco(tmp_path, images=[image], annotations=[mask]))

    assert refused.bad_keys == {*kept.labels.keys.to_pylist()}


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("annotations/instances_train2017.json", "train2017"),
        ("annotations/instances_val.json", "images/val"),
        ("set.json", "images"),
        ("train/_annotations.coco.json", "train"),
    ],
)
def test_images_are_found_where_they_usually_lie(tmp_path: Path, name: str, folder: str) -> None:
    write(tmp_path, make_png(1), f"{folder}/a.png")
    path = coco(tmp_path, name, annotations=[])

    rows = rows_of(path, check_files=False)

    assert (path.parent / rows[0]["path"]).resolve() == tmp_path / folder / "a.png"
    assert rows[0]["key"] in (f"{folder}/a.png", "a.png")
    assert [w.code for w in read_one(path).warnings] == []


@pytest.mark.parametrize("name", ["deep\\a.png", ".\\deep\\a.png"])
def test_images_are_found_as_windows_names_them(tmp_path: Path, name: str) -> None:
    write(tmp_path, make_png(1), "images/deep/a.png")
    image = {"id": 1, "file_name": name}
    path = coco(tmp_path, images=[image], annotations=[box(1, 7, 16, 12, 16, 12)])

    manifest = read_one(path, check_files=True, probe_size=True)

    assert problems_of(manifest) == []
    (row,) = manifest.labels.table.to_pylist()
    assert (row["key"], row["left"], row["image_width"]) == ("images/deep/a.png", 0.5, 32)
    assert (tmp_path / row["path"]).is_file()


def test_a_folder_of_splits_is_all_of_them(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write(tmp_path, make_png(1), f"{split}/a.png")
        coco(tmp_path, f"{split}/_annotations.coco.json", annotations=[], images=IMAGES[:1])

    assert [row["key"] for row in rows_of(tmp_path)] == ["train/a.png", "valid/a.png"]


@pytest.mark.parametrize("kind", ["columns", "objects"])
def test_fractions_are_told_from_pixels(tmp_path: Path, kind: str) -> None:
    """Else each box would be a sliver of the image's first pixel."""
    numbers: list[Any] = [0.125, 0.25, 0.5, 0.750001]
    boxes = [box(1, 7, *(numbers if kind == "columns" else map(str, numbers)))]
    path = coco(tmp_path, annotations=boxes)

    manifest = read_one(path)

    assert labels_of(path)[0] == ("a.png", "cup", 0.125, 0.25, 0.5, 0.75)
    assert "bbox as ltwh in fractions" in manifest.convention
    assert "in pixels" in read_one(path, units=Units.PIXEL).convention
    assert "in pixels" in read_one(coco(tmp_path, annotations=[*boxes, box(1, 7, 0, 0, 2, 1)])).convention


def test_a_box_within_the_first_pixel_comes_back_as_it_was_written(tmp_path: Path) -> None:
    rows = "path,tag,left,top,width,height,image_width,image_height\na.png,cup,0,0,0.03125,0.03125,16,16\n"
    write_labels(read_one(write(tmp_path, rows)).labels, tmp_path / "again.json", "coco")

    assert labels_of(tmp_path / "again.json")[0] == ("a.png", "cup", 0.0, 0.0, 0.03125, 0.03125)


def test_a_link_that_azure_names_is_where_the_image_is(tmp_path: Path) -> None:
    images = [IMAGES[0] | {"coco_url": "AmlDatastore://store/a.png", "absolute_url": "https://x.test/a.png"}]

    assert labels_of(coco(tmp_path, images=images, annotations=[])) == [("https://x.test/a.png", None)]
