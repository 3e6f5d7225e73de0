"""Folders that are known as YOLO by their labels alone; as a folder a tag they would lose every box."""

from __future__ import annotations

from pathlib import Path

import pytest
from make import make_png
from reads import labels_of, read_one, write

from cvsync.errors import ManifestError

LINES = "0 0.5 0.25 0.5 0.5\r\n"


@pytest.mark.parametrize(("folder", "classes"), [("", "classes.txt"), ("obj_train_data/", "obj.names")])
def test_labels_beside_their_images_are_read_with_a_list_of_classes(
    tmp_path: Path, folder: str, classes: str
) -> None:
    """The first label file is empty, as that of an image of the background."""
    for name in "ab":
        write(tmp_path, make_png(1), f"{folder}{name}.png")
    write(tmp_path, "\n", f"{folder}a.txt")
    write(tmp_path, LINES, f"{folder}b.txt")
    write(tmp_path, "cup\n", classes)

    assert labels_of(tmp_path) == [(f"{folder}a.png", None), (f"{folder}b.png", "cup", 0.25, 0.0, 0.5, 0.5)]


def test_labels_whose_classes_have_no_names_are_refused_with_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, make_png(1), "train/images/a.png")
    write(tmp_path, LINES, "train/labels/a.txt")

    with pytest.raises(ManifestError, match=r"names no classes.*--from folders"):
        read_one(tmp_path)

    assert labels_of(tmp_path, format="folders") == [("train/images/a.png", "images")]


def test_other_texts_beside_images_are_no_labels(tmp_path: Path) -> None:
    write(tmp_path, make_png(1), "cup/a.png")
    write(tmp_path, "1 cup beside 2 forks\n", "cup/a.txt")

    assert labels_of(tmp_path) == [("cup/a.png", "cup")]
