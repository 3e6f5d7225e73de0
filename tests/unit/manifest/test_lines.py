"""JSON Lines: the own schema, and those of other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reads import URL, labels_of, problems_of, read_one, rows_of, warnings_of, write

from cvsync.errors import ManifestError
from cvsync.manifest import Box

TWO = "https://x.test/2"
BOX = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}


def lines(tmp_path: Path, *objects: Any, name: str = "m.jsonl") -> Path:
    texts = [o if isinstance(o, str) else json.dumps(o) for o in objects]
    return write(tmp_path, "\n".join(texts) + "\n", name)


def test_one_label_a_line(tmp_path: Path) -> None:
    path = lines(
        tmp_path, {"url": URL, "tag": "a", **BOX}, "", {"url": TWO}, {"url": TWO, "tag": "2020-01-01"}
    )

    manifest = read_one(path)

    assert labels_of(path) == [(URL, "a", 0.1, 0.2, 0.3, 0.4), (TWO, "2020-01-01")]
    assert [row["row"] for row in manifest.labels.table.to_pylist()] == [1, 4]
    assert warnings_of(manifest) == [("W017", [3])]


@pytest.mark.parametrize("kind", ["columns", "objects"])
def test_both_ways_to_read_lines_agree(tmp_path: Path, kind: str) -> None:
    values = np.random.default_rng(1).random((200, 4), np.float32) / 2 + np.float32(1e-3)
    said = [
        {"url": f"{URL}?{n}", "tag": "a", "metadata.day": "2020-01-01", "left": float(str(box[0])),
         "top": float(str(box[1])), "width": float(str(box[2])), "height": float(str(box[3]))}
        for n, box in enumerate(values)
    ]  # fmt: skip
    extra = [] if kind == "columns" else [{"url": TWO, "tag": ["x"]}]

    table = read_one(lines(tmp_path, *said, *extra)).labels.table.slice(0, 200)

    assert np.array_equal(np.c_[*(np.asarray(table.column(side)) for side in BOX)], values)
    assert set(table.column("metadata.day").to_pylist()) == {"2020-01-01"}


def test_one_image_a_line(tmp_path: Path) -> None:
    path = lines(
        tmp_path,
        {"url": URL, "labels": [{"tag": "a", **BOX}, {"label": "b", "box": dict(BOX)}], "version": 7},
        {"url": TWO, "tags": ["a", "b"]},
        {"url": "https://x.test/3", "labels": []},
    )

    assert labels_of(path) == [
        (URL, "a", 0.1, 0.2, 0.3, 0.4), (URL, "b", 0.1, 0.2, 0.3, 0.4), (TWO, "a"), (TWO, "b"),
        ("https://x.test/3", None),
    ]  # fmt: skip
    assert rows_of(path)[0]["version"] == "7"


def test_values_of_json_are_texts_as_they_stand(tmp_path: Path) -> None:
    path = lines(
        tmp_path, {"url": URL, "tag": 7}, {"url": TWO, "tag": True}, {"url": "https://x.test/3", "tag": "7"}
    )

    assert [row["tag"] for row in rows_of(path)] == ["7", "true", "7"]


def test_bad_lines_are_told_and_good_ones_stay(tmp_path: Path) -> None:
    path = lines(
        tmp_path,
        {"url": URL, "tag": "a"}, "{not json", "[1]", {"url": TWO, "tag": [["a"]]},
        {"url": TWO, "tag": "a", **BOX, "left": "0,1"}, {"url": TWO, "tag": "b", **BOX, "left": True},
    )  # fmt: skip

    manifest = read_one(path)

    assert problems_of(manifest) == [
        ("E040", 2, "line"), ("E040", 3, "line"), ("E041", 4, "line"), ("E019", 5, "left"),
        ("E010", 6, "left"),
    ]  # fmt: skip
    assert manifest.bad_keys == {TWO}
    assert manifest.rows == 6


@pytest.mark.parametrize("names", [("tag", "tags"), ("tags", "tag"), ("label", "tag"), ("labels", "objects")])
def test_each_line_may_call_its_labels_in_its_own_way(tmp_path: Path, names: tuple[str, str]) -> None:
    first, second = names
    path = lines(
        tmp_path, {"url": URL, first: "a"}, {"url": TWO, second: ["b", "c"]},
        {"url": "https://x.test/3", first: "d", second: None},
    )  # fmt: skip

    assert labels_of(path) == [(URL, "a"), (TWO, "b"), (TWO, "c"), ("https://x.test/3", "d")]


@pytest.mark.parametrize(
    "twice",
    [
        {"tag": "a", "tags": ["b"]},
        {"labels": [{"tag": "a"}], "tag": "b"},
        {"labels": [{"tag": "a", **BOX}], **BOX},
        {"tag": "a", "box": [0.1, 0.2, 0.3, 0.4], "bbox": [0.5, 0.5, 0.1, 0.1]},
    ],
)
def test_a_line_that_says_its_labels_twice_is_told(tmp_path: Path, twice: dict[str, Any]) -> None:
    path = lines(tmp_path, {"url": URL, **twice}, {"url": TWO}, {"url": "https://x.test/3", "tag": "c"})

    manifest = read_one(path, box=Box.LTWH)

    assert problems_of(manifest) == [("E050", 1, "line")]
    assert labels_of(path, box=Box.LTWH) == [(TWO, None), ("https://x.test/3", "c")]


@pytest.mark.parametrize("more", [[], [{"url": TWO, "tag": ["x"]}]])
@pytest.mark.parametrize("name", ["tags", "labels"])
@pytest.mark.parametrize("text", ["a; b", '["a", "b"]'])
def test_labels_in_a_text_are_read_as_in_a_cell(
    tmp_path: Path, name: str, text: str, more: list[dict[str, Any]]
) -> None:
    path = lines(tmp_path, {"url": URL, name: text}, *more)

    assert labels_of(path)[:2] == [(URL, "a"), (URL, "b")]


@pytest.mark.parametrize("more", [[], [{"url": TWO, "tag": ["x"]}]])
def test_a_box_in_a_text_is_read_as_in_a_cell(tmp_path: Path, more: list[dict[str, Any]]) -> None:
    path = lines(tmp_path, {"url": URL, "tag": "a", "box": "0.1 0.2 0.3 0.4"}, *more)

    assert labels_of(path, box=Box.LTWH)[0] == (URL, "a", 0.1, 0.2, 0.3, 0.4)


def test_a_file_of_one_list_is_read_too(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps([{"image": URL, "label": "a"}, {"image": TWO}], indent=2), "m.json")

    assert labels_of(path) == [(URL, "a"), (TWO, None)]


@pytest.mark.parametrize(
    ("name", "text"), [("m.jsonl", ""), ("m.jsonl", "\n\n"), ("m.jsonl", "\ufeff"), ("m.json", "[]")]
)
def test_no_line_at_all_is_no_image(tmp_path: Path, name: str, text: str) -> None:
    path = write(tmp_path, text, name)

    assert labels_of(path) == []
    assert [str(odd) for odd in read_one(path).warnings] == [
        f"W024 1 manifests without a row, which name no image ({path})"
    ]


def test_a_file_without_a_line_beside_others_may_have_been_cut_off(tmp_path: Path) -> None:
    lines(tmp_path, {"url": URL, "tag": "a"}, name="shards/1.jsonl")
    write(tmp_path, "", "shards/2.jsonl")

    with pytest.raises(ManifestError, match=r"2\.jsonl: is empty, and may have been cut off"):
        read_one(tmp_path / "shards")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1}\n', "no column says where"),
        ("[1, 2", "cannot be read"),
        ("", "not even a header"),
        ("{x", "cannot be read"),
    ],
)
def test_files_without_sense_are_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        read_one(write(tmp_path, text, "m.json"))


def corners(tag: str, *numbers: float, **more: Any) -> dict[str, Any]:
    return {"label": tag, **dict(zip(("topX", "topY", "bottomX", "bottomY"), numbers, strict=True)), **more}


def test_lines_of_azure_ml(tmp_path: Path) -> None:
    details = {"format": "jpg", "width": "640px", "height": "480px"}
    path = lines(
        tmp_path,
        {"image_url": URL, "image_details": details,
         "label": [corners("a", 0.1, 0.2, 0.4, 0.6, isCrowd=0), corners("b", 0, 0, 1, 1, isCrowd="true")]},
        {"image_url": TWO, "image_details": details, "label": "a"},
        {"image_url": "https://x.test/3", "image_details": details, "label": ["a", "b"]},
        {"image_url": "https://x.test/4", "image_details": details, "label": []},
        {"image_url": "azureml://datastores/x/paths/5.jpg", "image_details": details, "label": "a"},
    )  # fmt: skip

    manifest = read_one(path)

    assert manifest.inputs[0].format.name == "azureml"
    assert labels_of(path) == [
        (URL, "a", 0.1, 0.2, 0.3, 0.4), (URL, "b", 0.0, 0.0, 1.0, 1.0), (TWO, "a"), ("https://x.test/3", "a"),
        ("https://x.test/3", "b"), ("https://x.test/4", None),
    ]  # fmt: skip
    assert rows_of(path)[0]["image_width"] == 640
    assert problems_of(manifest) == [("E007", 5, "url")]
    assert warnings_of(manifest) == [("W018", [1])]
    assert problems_of(read_one(path, any_storage=True)) == []


@pytest.mark.parametrize("details", [{}, {"image_details": {"format": "png"}}])
def test_an_outline_of_azure_ml_is_taken_as_the_box_around_it(
    tmp_path: Path, details: dict[str, Any]
) -> None:
    polygon = {"label": "a", "polygon": [[0.1, 0.2, 0.3, 0.2, 0.3, 0.6], [0.35, 0.5, 0.4, 0.5, 0.4, 0.55]]}
    broken = {"label": "b", "polygon": [[0.1, 0.2]], "isCrowd": 0}
    path = lines(
        tmp_path, {"image_url": URL, **details, "label": [polygon]},
        {"image_url": TWO, **details, "label": [broken]},
    )  # fmt: skip

    manifest = read_one(path)

    assert labels_of(path) == [(URL, "a", 0.1, 0.2, 0.3, 0.4)]
    assert warnings_of(manifest) == [("W013", [1])]
    assert problems_of(manifest) == [("E051", 2, "line")]


def test_lines_of_vertex(tmp_path: Path) -> None:
    box = {"displayName": "a", "xMin": 0.1, "yMin": 0.2, "xMax": 0.4, "yMax": 0.6}
    edge = {"displayName": "b", "xMax": 0.5, "yMax": 1}
    path = lines(
        tmp_path,
        {"imageGcsUri": "gs://b/1.jpg", "boundingBoxAnnotations": [box, edge]},
        {"imageGcsUri": "gs://b/2.jpg", "classificationAnnotation": {"displayName": "a"}},
        {
            "imageGcsUri": "gs://b/3.jpg",
            "classificationAnnotations": [{"displayName": "a"}, {"displayName": "b"}],
        },
        {"imageGcsUri": "gs://b/4.jpg", "boundingBoxAnnotations": []},
        {"imageGcsUri": "gs://b/5.jpg", "boundingBoxAnnotations": [{"xMax": 1}]},
        {"imageGcsUri": "gs://b/6.jpg", "polygonAnnotations": [{"displayName": "a"}]},
    )

    manifest = read_one(path, any_storage=True)

    assert manifest.inputs[0].format.name == "vertex"
    assert labels_of(path, any_storage=True) == [
        ("gs://b/1.jpg", "a", 0.1, 0.2, 0.3, 0.4), ("gs://b/1.jpg", "b", 0.0, 0.0, 0.5, 1.0),
        ("gs://b/2.jpg", "a"), ("gs://b/3.jpg", "a"), ("gs://b/3.jpg", "b"), ("gs://b/4.jpg", None),
    ]  # fmt: skip
    assert problems_of(manifest) == [("E041", 5, "line"), ("E051", 6, "line")]
    assert [p.code for p in read_one(path).problems] == ["E007"] * 6 + ["E041", "E051"]


def test_lines_of_rekognition(tmp_path: Path) -> None:
    boxes = {
        "source-ref": "s3://b/1.jpg",
        "box": {
            "image_size": [{"width": 200, "height": 100, "depth": 3}],
            "annotations": [{"class_id": 1, "left": 20, "top": 10, "width": 100, "height": 50}],
        },
        "box-metadata": {"class-map": {"1": "a"}, "type": "groundtruth/object-detection", "objects": [{}]},
    }
    one = {
        "source-ref": "s3://b/2.jpg", "kind": 0,
        "kind-metadata": {"class-name": "a", "type": "groundtruth/image-classification"},
    }  # fmt: skip
    many = {
        "source-ref": "s3://b/3.jpg", "kinds": [0, 2],
        "kinds-metadata": {
            "class-map": {"0": "a", "2": "b"}, "type": "groundtruth/image-classification-multilabel",
        },
    }  # fmt: skip
    unnamed = json.loads(json.dumps(boxes)) | {"source-ref": "s3://b/4.jpg"}
    unnamed["box"]["annotations"][0]["class_id"] = 5
    path = lines(tmp_path, boxes, one, many, unnamed, name="train.manifest")

    manifest = read_one(path, any_storage=True)

    assert manifest.inputs[0].format.name == "rekognition"
    assert labels_of(path, any_storage=True) == [
        ("s3://b/1.jpg", "a", 0.1, 0.1, 0.5, 0.5), ("s3://b/2.jpg", "a"), ("s3://b/3.jpg", "a"),
        ("s3://b/3.jpg", "b"),
    ]  # fmt: skip
    assert problems_of(manifest) == [("E041", 4, "line")]
    assert manifest.bad_keys == {"s3://b/4.jpg"}
