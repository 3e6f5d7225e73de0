"""Formats with a file an image: YOLO, Pascal VOC, a folder a tag."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from make import make_png
from reads import labels_of, problems_of, read_one, warnings_of, write

from cvsync.errors import ManifestError

YAML = "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: cup\n  1: 'fork: small'\n"


def yolo(tmp_path: Path, described: str | None = YAML) -> Path:
    for name in ("train/a", "train/b", "val/c"):
        write(tmp_path, make_png(1), f"images/{name}.png")
    write(tmp_path, "0 0.5 0.25 0.5 0.5\n1  0.5 0.5\t1 1\r\n\n", "labels/train/a.txt")
    write(tmp_path, "", "labels/train/b.txt")
    return tmp_path if described is None else write(tmp_path, described, "data.yaml")


LABELS = [
    ("images/train/a.png", "cup", 0.25, 0.0, 0.5, 0.5),
    ("images/train/a.png", "fork: small", 0.0, 0.0, 1.0, 1.0),
    ("images/train/b.png", None),
    ("images/val/c.png", None),
]


def test_yolo_by_its_description_and_by_its_folder(tmp_path: Path) -> None:
    path = yolo(tmp_path)

    assert labels_of(path) == LABELS
    assert labels_of(tmp_path) == LABELS
    assert read_one(path).rows == 4
    assert warnings_of(read_one(path)) == []


@pytest.mark.parametrize(
    "text",
    [
        "train: ../images/train\nval: ../images/val\nnames: [cup, 'fork: small']\nnc: 2\n",
        "path: /data/elsewhere\ntrain: [images/train, images/val]\nnames: [cup, 'fork: small']\n",
        "train: train.txt\nval: images/val\nnames: [cup, 'fork: small']\n",
        "train: windows.txt\nval: images\\val\nnames: [cup, 'fork: small']\n",
    ],
)
def test_yolo_descriptions_vary(tmp_path: Path, text: str) -> None:
    write(tmp_path, ".\\images\\train\\a.png\r\nimages\\train\\b.png\r\n", "windows.txt")
    write(tmp_path, "./images/train/a.png\nimages/train/b.png\n", "train.txt")

    assert labels_of(yolo(tmp_path, text)) == LABELS


def test_yolo_images_that_are_not_there_are_told(tmp_path: Path) -> None:
    path = yolo(tmp_path, f"{YAML}test: images/test\n")

    manifest = read_one(path)

    assert [(p.code, p.column, p.value) for p in manifest.problems] == [("E003", "test", "images/test")]
    assert manifest.astray.to_pylist() == [{"key": None, "tag": None}]
    assert labels_of(path) == LABELS


def test_yolo_with_a_list_of_classes(tmp_path: Path) -> None:
    write(tmp_path, "cup\nfork: small\n", "classes.txt")

    assert labels_of(yolo(tmp_path, None)) == LABELS
    assert labels_of(write(tmp_path, "images/train/a.png\n", "some.txt")) == LABELS[:2]


def test_yolo_labels_may_lie_beside_their_images(tmp_path: Path) -> None:
    write(tmp_path, make_png(1), "data/a.png")
    write(tmp_path, "0 0.5 0.25 0.5 0.5\n", "data/a.txt")
    path = write(tmp_path, "train: data\nnames: [cup]\n", "data.yaml")

    assert labels_of(path) == [("data/a.png", "cup", 0.25, 0.0, 0.5, 0.5)]


def test_yolo_lines_that_are_wrong_are_told_by_file_and_line(tmp_path: Path) -> None:
    path = yolo(tmp_path)
    bad = [
        "2 0.5 0.5 1 1",
        "0 0.5 0.5 1",
        "x 0.5 0.5 1 1",
        "0 0,5 0.5 1 1",
        "0 0.9 0.5 0.4 0.2",
        "1 0.5 0.5 0.1 0.1",
    ]
    labels = write(tmp_path, "\n".join(bad) + "\n", "labels/val/c.txt")
    write(tmp_path, "0 0.5 0.5 1 1\n", "labels/val/d.txt")

    manifest = read_one(path)

    assert problems_of(manifest) == [
        ("E043", 1, "class"), ("E001", 2, "row"), ("E043", 3, "class"), ("E019", 4, "cx"), ("E012", 5, "cx"),
        ("E045", 0, "file"),
    ]  # fmt: skip
    assert {p.source for p in manifest.problems} == {str(labels), str(tmp_path / "labels/val/d.txt")}
    assert manifest.bad_keys == {"images/val/c.png"}


def test_yolo_poses_are_their_boxes(tmp_path: Path) -> None:
    path = yolo(tmp_path, f"{YAML}kpt_shape: [4, 2]\n")
    box, points = "0 0.5 0.25 0.5 0.5", " 0.1 0.1" * 4
    write(tmp_path, f"{box}{points}\n{box} 0.1 0.1\n", "labels/train/a.txt")

    manifest = read_one(path)

    assert labels_of(path)[0] == LABELS[0]
    assert (problems_of(manifest), warnings_of(manifest)) == ([("E001", 2, "row")], [])
    listed = write(tmp_path, "images/train/a.png\n", "some.txt")
    assert labels_of(listed) == LABELS[:1]


def test_yolo_outlines_are_taken_as_the_box_around_them(tmp_path: Path) -> None:
    path = yolo(tmp_path)
    write(tmp_path, "0 0.25 0.5 0.5 0.25 0.75 0.75 0.5 1\n", "labels/val/c.txt")

    manifest = read_one(path)

    assert labels_of(path)[-1] == ("images/val/c.png", "cup", 0.25, 0.25, 0.5, 0.75)
    assert warnings_of(manifest) == [("W013", [1])]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train: images\n", "`names` is missing"),
        ("names: [a]\ntrain: nowhere\n", "not there: nowhere"),
        ("names: [\n", "cannot be read"),
        ("!!python/object/apply:os.system [true]\n", "cannot be read"),
        ("names: [!!timestamp 2024-99-99]\n", "cannot be read"),
        ("names: cup\n", "neither a list of names"),
        ("names: 2\n", "neither a list of names"),
        ("names: {a: cup}\n", "neither a list of names"),
        ("names: [[cup]]\n", "neither a list of names"),
    ],
)
def test_yolo_descriptions_without_sense_are_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        read_one(yolo(tmp_path, text))


def test_yolo_without_classes_is_told(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="names no classes"):
        read_one(yolo(tmp_path, None))


def test_yolo_classes_are_texts_as_they_stand(tmp_path: Path) -> None:
    names = ["007", "no", "null", "1.0", "2024-99-99"]
    path = yolo(
        tmp_path, f"path: null\ntest:\ntrain: images/train\nval: images/val\nnames: [{', '.join(names)}]\n"
    )
    write(tmp_path, "".join(f"{n} 0.5 0.5 1 1\n" for n in range(5)), "labels/train/a.txt")

    assert [row[1] for row in labels_of(path)[:5]] == names


def test_a_blank_line_in_a_list_of_classes_has_a_number_too(tmp_path: Path) -> None:
    write(tmp_path, "\ncup\n\n", "classes.txt")
    yolo(tmp_path, None)
    write(tmp_path, "1 0.5 0.5 1 1\n0 0.5 0.5 1 1\n", "labels/train/a.txt")

    assert labels_of(tmp_path)[0][:2] == ("images/train/a.png", "cup")
    assert problems_of(read_one(tmp_path)) == [("E043", 2, "class")]


def test_a_list_of_classes_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    write(tmp_path, "cup\nlöffel\n".encode("cp1252"), "classes.txt")

    with pytest.raises(ManifestError, match="line 2 is not UTF-8"):
        read_one(yolo(tmp_path, None))


def voc(name: str, *objects: str, size: str = "<size><width>200</width><height>100</height></size>") -> str:
    return f"<annotation><filename>{name}</filename>{size}{''.join(objects)}</annotation>"


def thing(tag: str, *corners: object) -> str:
    parts = [f"<{n}>{v}</{n}>" for n, v in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=False)]
    return f"<object><name>{tag}</name><difficult>0</difficult><bndbox>{''.join(parts)}</bndbox></object>"


@pytest.mark.parametrize(
    ("xmls", "images"), [("Annotations", "JPEGImages"), ("", ""), ("", "images"), ("labels", "images")]
)
def test_voc_in_its_usual_folders(tmp_path: Path, xmls: str, images: str) -> None:
    for name in ("a", "b", "left"):
        write(tmp_path, make_png(1), str(Path(images, f"{name}.png")))
    write(
        tmp_path,
        voc("a.png", thing("a & b".replace("&", "&amp;"), 20, 10, 120.0, 60)),
        str(Path(xmls, "a.xml")),
    )
    write(tmp_path, voc("b.png"), str(Path(xmls, "b.xml")))
    folder = tmp_path if xmls != "labels" else tmp_path / xmls
    key = f"{images}/" if images and xmls != "labels" else ""

    if xmls == "labels":
        assert [code for code, *_ in problems_of(read_one(folder, check_files=True))] == ["E003", "E003"]
    else:
        assert labels_of(folder) == [(f"{key}a.png", "a & b", 0.1, 0.1, 0.5, 0.5), (f"{key}b.png", None)]
        assert "1 images without an annotation left out" in read_one(folder).convention


def test_voc_names_without_their_ending_are_found(tmp_path: Path) -> None:
    write(tmp_path, make_png(1), "JPEGImages/a.v1.png")
    write(tmp_path, voc("a.v1", thing("cup", 20, 10, 120, 60)), "Annotations/a.v1.xml")

    assert labels_of(tmp_path) == [("JPEGImages/a.v1.png", "cup", 0.1, 0.1, 0.5, 0.5)]
    assert "left out" not in read_one(tmp_path).convention


def test_voc_files_that_are_wrong_are_told(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY e "boom">]>' + voc("a.png", thing("&e;", 1, 1, 2, 2))
    files = {
        "1.xml": bomb,
        "2.xml": "<annotation>",
        "3.xml": voc("c.png", thing("a", 20, 10), thing("b", 120, 10, 20, 60)),
        "4.xml": voc("d.png", thing("a", 1, 1, 2, 2), size=""),
        "5.xml": voc("e.png", thing("a", "x", 1, 2, 2)),
    }
    for name, text in files.items():
        write(tmp_path, text, name)

    manifest = read_one(tmp_path)

    assert [(p.code, Path(p.source).name, p.row) for p in manifest.problems] == [
        ("E044", "1.xml", 1), ("E044", "2.xml", 1), ("E041", "3.xml", 1), ("E014", "3.xml", 2),
        ("E023", "4.xml", 1), ("E010", "5.xml", 1),
    ]  # fmt: skip
    assert len(manifest.labels) == 0


@pytest.mark.parametrize("text", ["", '<?xml version="1.0" encoding="klingon"?><annotation/>'])
def test_a_voc_folder_without_a_readable_file_is_told_by_file(tmp_path: Path, text: str) -> None:
    write(tmp_path, text, "a.xml")

    assert problems_of(read_one(tmp_path)) == [("E044", 1, "file")]


def test_one_voc_file_is_a_manifest_too(tmp_path: Path) -> None:
    write(tmp_path, make_png(1), "JPEGImages/a.png")
    path = write(tmp_path, voc("a.png", thing("a", 20, 10, 120, 60)), "Annotations/a.xml")

    assert labels_of(path) == [("JPEGImages/a.png", "a", 0.1, 0.1, 0.5, 0.5)]


def test_a_folder_is_a_tag(tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/deep/2.png", "a dog/1.png", "0.png"):
        write(tmp_path, make_png(1), name)
    write(tmp_path, "no image", "cat/notes.txt")

    assert labels_of(tmp_path) == [
        ("0.png", None), ("a dog/1.png", "a dog"), ("cat/1.png", "cat"), ("cat/deep/2.png", "cat"),
    ]  # fmt: skip


def test_manifests_that_a_folder_of_folders_holds_are_told(tmp_path: Path) -> None:
    """Their labels are not those of the folders' names, which count."""
    for name in ("a/1.png", "b/1.png"):
        write(tmp_path, make_png(1), name)
    write(tmp_path, "path,tag\n1.png,cat\n", "a/m.csv")
    write(tmp_path, "path,key\na/1.png,one\n", "images.csv")

    manifest = read_one(tmp_path)

    assert "1 files that may hold labels left alone, as " in manifest.convention
    assert "a/m.csv" in manifest.convention


def test_splits_of_folders_are_read_through(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "test/cat/1.png"):
        write(tmp_path, make_png(1), name)

    assert labels_of(tmp_path) == [("test/cat/1.png", "cat"), ("train/cat/1.png", "cat")]


def test_two_formats_in_a_folder_are_not_guessed(tmp_path: Path) -> None:
    write(yolo(tmp_path).parent, voc("a.png"), "a.xml")

    with pytest.raises(ManifestError, match="yolo or voc; say which with --from"):
        read_one(tmp_path)

    assert labels_of(tmp_path, format="yolo") == LABELS


def test_a_folder_of_images_with_metadata_is_a_table(tmp_path: Path) -> None:
    write(tmp_path, make_png(1), "a.png")
    write(tmp_path, "file_name,label\na.png,cat\n", "metadata.csv")

    assert labels_of(tmp_path) == [("a.png", "cat")]


def test_files_that_nobody_can_open_are_counted(tmp_path: Path) -> None:
    write(tmp_path, make_png(1), "cat/1.png")
    (tmp_path / "cat" / os.fsdecode(b"\xff.png")).write_bytes(make_png(2))

    manifest = read_one(tmp_path)

    assert len(manifest.labels) == 1
    assert "1 files left out whose name is no UTF-8" in manifest.convention
