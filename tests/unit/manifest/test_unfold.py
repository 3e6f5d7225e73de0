from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reads import URL, labels_of, problems_of, read_one, warnings_of, write

from cvsync.errors import ManifestError
from cvsync.manifest import Box, Units

TWO = "https://x.test/2"
BOXES = [(URL, "a", 0.1, 0.2, 0.3, 0.4), (URL, "b", 0.5, 0.5, 0.25, 0.25), (TWO, None)]
SIDES = ("left", "top", "width", "height")


def as_objects(name: str = "tag") -> list[list[dict[str, Any]]]:
    return [[{name: label[1], **dict(zip(SIDES, label[2:], strict=True))} for label in BOXES[:2]], []]


def parquet(tmp_path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table({"url": [URL, TWO], **columns}), tmp_path / "m.parquet")
    return tmp_path / "m.parquet"


def csv(tmp_path: Path, **columns: list[str]) -> Path:
    quoted = [
        [json.dumps(c)[1:-1].replace('\\"', '""') for c in row] for row in zip(*columns.values(), strict=True)
    ]
    lines = [",".join([url, *(f'"{c}"' for c in row)]) for url, row in zip([URL, TWO], quoted, strict=True)]
    return write(tmp_path, "\n".join([",".join(["url", *columns]), *lines]) + "\n")


@pytest.mark.parametrize("name", ["labels", "objects", "annotations"])
@pytest.mark.parametrize("tag", ["tag", "label", "category"])
def test_structs_in_a_column_are_labels(tmp_path: Path, name: str, tag: str) -> None:
    manifest = read_one(parquet(tmp_path, **{name: as_objects(tag)}))

    assert labels_of(parquet(tmp_path, **{name: as_objects(tag)})) == BOXES
    assert "one row an image" in manifest.convention
    assert manifest.rows == 2
    assert [row["row"] for row in manifest.labels.table.to_pylist()] == [1, 1, 2]


def test_lists_of_one_length_are_labels(tmp_path: Path) -> None:
    boxes = [[label[2:] for label in BOXES[:2]], []]
    path = parquet(tmp_path, tags=[["a", "b"], []], boxes=boxes)
    folder = parquet(
        tmp_path, objects=[{"bbox": boxes[0], "categories": ["a", "b"]}, {"bbox": [], "categories": []}]
    )

    assert labels_of(path, box=Box.LTWH) == BOXES
    assert labels_of(folder, box=Box.LTWH) == BOXES


@pytest.mark.parametrize(
    ("tags", "boxes", "codes"),
    [
        (["a", "b"], [[0, 0, 1, 1]], ["E041"]),
        (["a"], [[0, 0, 1]], ["E041"]),
        (["a"], [[0, 0, 1, 1, 1]], ["E041"]),
        ([], [[0, 0, 1, 1]], ["E041"]),
        (None, [[0, 0, 1, 1]], ["E041"]),
        (["a"], None, []),
        (None, None, []),
        (None, [], []),
        ([], [], []),
    ],
)
def test_an_image_whose_lists_do_not_fit_spoils_no_other(
    tmp_path: Path, tags: Any, boxes: Any, codes: list[str]
) -> None:
    good = [[label[2:] for label in BOXES[:2]], []]

    path = parquet(tmp_path, tags=[["a", "b"], tags], boxes=[good[0], boxes])

    manifest = read_one(path, box=Box.LTWH)
    assert [p.code for p in manifest.problems] == codes
    assert [row["tag"] for row in manifest.labels.table.to_pylist()][:2] == ["a", "b"]
    assert len(manifest.labels) == (2 if codes else 3)


@pytest.mark.parametrize("tags", [None, []])
def test_an_image_without_labels_has_an_empty_list_of_boxes(tmp_path: Path, tags: Any) -> None:
    images = {"tags": [["a"], tags], "boxes": [[[0.1, 0.2, 0.3, 0.4]], []]}
    said = [{"url": URL} | {name: values[0] for name, values in images.items()}]
    said += [{"url": TWO} | {name: values[1] for name, values in images.items()}]
    cells = {name: ["" if v is None else json.dumps(v) for v in values] for name, values in images.items()}
    lines = write(tmp_path, "\n".join(map(json.dumps, said)), "m.jsonl")

    for path in (parquet(tmp_path, **images), csv(tmp_path, **cells), lines):
        assert labels_of(path, box=Box.LTWH) == [(URL, "a", 0.1, 0.2, 0.3, 0.4), (TWO, None)]


@pytest.mark.parametrize(
    ("tags", "boxes", "code"),
    [
        ("", "[[0, 0, 1, 1]]", "E041"),
        ("", '{"left": 0, "top": 0, "width": 1, "height": 1}', "E041"),
        ("[]", "[[0, 0, 1, 1]]", "E041"),
        ('["a"]', "[[0, 0, 1, 1], [0, 0, 1, 1]]", "E041"),
        ('["a"]', "[[0, 0, 1", "E040"),
        ("", "[[0, 0, 1", "E040"),
    ],
)
def test_boxes_in_cells_that_belong_to_no_tag_are_told(
    tmp_path: Path, tags: str, boxes: str, code: str
) -> None:
    path = csv(tmp_path, tags=['["a", "b"]', tags], boxes=["[[0, 0, 1, 1], [0, 0, 1, 1]]", boxes])

    manifest = read_one(path, box=Box.LTWH)

    assert [(p.code, p.row) for p in manifest.problems] == [(code, 2)]
    assert manifest.bad_keys == {TWO}


def test_a_box_on_its_own_in_a_cell_is_that_of_the_one_tag(tmp_path: Path) -> None:
    one = '{"left": 0, "top": 0, "width": 0.5, "height": 1}'
    path = csv(tmp_path, tags=['["a"]', "[]"], boxes=[one, ""])

    assert labels_of(path) == [(URL, "a", 0, 0, 0.5, 1), (TWO, None)]


def test_tags_in_a_list_are_tags(tmp_path: Path) -> None:
    assert labels_of(parquet(tmp_path, tags=[["a", "b"], None])) == [(URL, "a"), (URL, "b"), (TWO, None)]
    assert labels_of(parquet(tmp_path, label=[["a", "b"], []])) == [(URL, "a"), (URL, "b"), (TWO, None)]
    assert labels_of(parquet(tmp_path, label=[[7], [8]])) == [(URL, "7"), (TWO, "8")]


def test_cells_hold_tags_between_semicolons_where_the_column_says_so(tmp_path: Path) -> None:
    assert labels_of(csv(tmp_path, tags=["a; b", ""])) == [(URL, "a"), (URL, "b"), (TWO, None)]
    assert labels_of(csv(tmp_path, tag=["a; b", "c"])) == [(URL, "a; b"), (TWO, "c")]


def test_commas_are_part_of_a_tag_and_told_where_several_may_stand(tmp_path: Path) -> None:
    path = csv(tmp_path, tags=["c", "a,b"])

    assert labels_of(path) == [(URL, "c"), (TWO, "a,b")]
    assert warnings_of(read_one(path)) == [("W025", [2])]
    for cells in ({"tag": ["c", "a,b"]}, {"tags": ["a,b", "c;d"]}, {"tags": ['["a,b"]', "c"]}):
        assert warnings_of(read_one(csv(tmp_path, **cells))) == []
    assert warnings_of(read_one(parquet(tmp_path, tags=[["a,b"], ["c"]]))) == []


def test_commas_are_told_by_their_rows_beside_boxes_that_are_none(tmp_path: Path) -> None:
    path = write(tmp_path, f'url,tags,bbox\n{URL},"a,b",0 0 1\n{TWO},"a,b",0 0 1 1\n')

    assert warnings_of(read_one(path, box=Box.LTWH)) == [("W025", [2])]


def test_cells_hold_json(tmp_path: Path) -> None:
    objects = [json.dumps(labels) for labels in as_objects()]

    assert labels_of(csv(tmp_path, tags=['["a", "b"]', "[]"])) == [(URL, "a"), (URL, "b"), (TWO, None)]
    assert labels_of(csv(tmp_path, labels=objects)) == BOXES
    boxes = [json.dumps([label[2:] for label in BOXES[:2]]), "[]"]
    assert labels_of(csv(tmp_path, tags=['["a", "b"]', ""], bboxes=boxes), box=Box.LTWH) == BOXES


@pytest.mark.parametrize(
    ("cell", "code"),
    [('["a"', "E040"), ('[["a"]]', "E041"), ('{"bbox": [[1, 2]], "categories": ["a", "b"]}', "E041")],
)
def test_cells_that_hold_something_else_are_told(tmp_path: Path, cell: str, code: str) -> None:
    for name in ("labels", "tags"):
        manifest = read_one(csv(tmp_path, **{name: [cell, '["a"]']}, key=["", "k"]), box=Box.LTWH)

        assert problems_of(manifest) == [(code, 1, name)]
        assert manifest.bad_keys == {URL}
        assert not len(manifest.astray), "the row says which image it is of"
        assert manifest.rows == 2


def test_a_cell_that_is_no_box_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, f"url,tag,bbox\n{URL},a,0.1 0.2 0.3\n{TWO},a,0.1 0.2 0.3 0.4\n")

    assert problems_of(read_one(path, box=Box.LTWH)) == [("E041", 1, "bbox")]
    assert labels_of(path, box=Box.LTWH) == [(TWO, "a", 0.1, 0.2, 0.3, 0.4)]


@pytest.mark.parametrize(
    "type_", [pa.list_(pa.float64()), pa.large_list(pa.int8()), pa.list_(pa.float32(), 4)]
)
def test_lists_of_numbers_are_boxes_of_one_label_a_row(tmp_path: Path, type_: pa.DataType) -> None:
    boxes = [[0, 0, 1, 1], None, [0, 1, 2, 1], [1, 1, 1, 2]]
    urls = [URL, "https://x.test/none", TWO, "https://x.test/3"]
    table = pa.table({"url": urls, "tag": list("abcd"), "bbox": pa.array(boxes, type_)})
    pq.write_table(table, tmp_path / "m.parquet")

    found = labels_of(tmp_path / "m.parquet", box=Box.LTWH, units=Units.PERCENT)

    assert found == [
        (url, tag, *(n / 100 for n in box or ())) for url, tag, box in zip(urls, "abcd", boxes, strict=True)
    ]


@pytest.mark.parametrize("numbers", [3, 5])
def test_lists_of_another_length_are_no_boxes(tmp_path: Path, numbers: int) -> None:
    boxes = pa.array([[0.1] * numbers] * 2, pa.list_(pa.float32(), numbers))

    manifest = read_one(parquet(tmp_path, tag=["a", "b"], bbox=boxes), box=Box.LTWH)

    assert problems_of(manifest) == [("E041", 1, "bbox"), ("E041", 2, "bbox")]


def test_pictures_beside_their_bytes_are_known_by_their_path(tmp_path: Path) -> None:
    table = pa.table(
        {"image": [{"bytes": b"x", "path": "1.jpg"}, {"bytes": b"y", "path": "2.jpg"}], "label": [0, 1]}
    )
    pq.write_table(table, tmp_path / "m.parquet")

    assert labels_of(tmp_path / "m.parquet") == [("1.jpg", "0"), ("2.jpg", "1")]


SIDED = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
CORNERED = {"xmin": 0.1, "ymin": 0.2, "xmax": 0.4, "ymax": 0.6}


def in_each_way(tmp_path: Path, first: Any, second: Any, name: str = "labels") -> list[Path]:
    """The same cells in Parquet, in CSV and in lines of JSON."""
    cells = ["" if cell is None else json.dumps(cell) for cell in (first, second)]
    said = [json.dumps({"url": url, "tag": "a", name: cell} if name == "box" else {"url": url, name: cell})
            for url, cell in ((URL, first), (TWO, second))]  # fmt: skip
    tag = {"tag": ["a", "a"]} if name == "box" else {}
    return [
        parquet(tmp_path, **tag, **{name: [first, second]}),
        csv(tmp_path, **tag, **{name: cells}),
        write(tmp_path, "\n".join(said), "m.jsonl"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"box": [0.1, 0.2, 0.3, 0.4]}, SIDED, "stand there twice"),
        (CORNERED, SIDED, "stand there twice"),
        (SIDED, {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}, "a corner or the centre"),
        (SIDED, {"box": {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}}, "a corner or the centre"),
        ({"left": 0.1, "top": 0.2, "width": 0.3}, {"left": 0.1}, "missing: height"),
    ],
)
def test_boxes_of_labels_that_are_written_in_two_ways_are_told(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], words: str
) -> None:
    for path in in_each_way(tmp_path, [{"tag": "a", **first}], [{"tag": "b", **second}]):
        with pytest.raises(ManifestError, match=words):
            read_one(path)


@pytest.mark.parametrize(
    "where",
    [
        {"polygon": [[0.1, 0.2, 0.4, 0.6]]},
        {"box": {"a": 1}},
        {"x1": 0.1},
        {"coordinates": {"x": 80, "y": 60, "width": 40, "height": 30}},  # as Create ML writes them: centres
        {"position": {"x1": 0.1, "y1": 0.2}},
        {"boundingPoly": {"normalizedVertices": [{"x": 0.1}]}},
    ],
)
def test_a_label_whose_place_cannot_be_read_is_no_plain_tag(tmp_path: Path, where: dict[str, Any]) -> None:
    for path in in_each_way(tmp_path, [{"tag": "a", **where}], [{"tag": "b", **SIDED}]):
        assert [(p.code, p.row) for p in read_one(path).problems] == [("E051", 1)]
        assert labels_of(path) == [(TWO, "b", 0.1, 0.2, 0.3, 0.4)]


def test_a_box_that_names_its_numbers_may_have_them_in_any_order(tmp_path: Path) -> None:
    turned = dict(reversed(SIDED.items()))

    for path in in_each_way(tmp_path, turned, None, "box"):
        assert labels_of(path) == [(URL, "a", 0.1, 0.2, 0.3, 0.4), (TWO, "a")]
    for path in in_each_way(tmp_path, {"bbox": [turned], "categories": ["a"]}, None):
        assert labels_of(path) == [(URL, "a", 0.1, 0.2, 0.3, 0.4), (TWO, None)]


@pytest.mark.parametrize(
    ("tag", "code"), [({"id": 1, "name": "a"}, None), (["a"], "E041"), ({"name": "a", **SIDED}, "E050")]
)
def test_tags_that_stand_beside_their_boxes_may_be_objects(
    tmp_path: Path, tag: Any, code: str | None
) -> None:
    for path in in_each_way(tmp_path, {"bbox": [SIDED], "categories": [tag]}, None):
        problems = problems_of(read_one(path))
        assert [found for found, *_ in problems] == ([code] if code else [])
        rows = [] if code else [(URL, "a", 0.1, 0.2, 0.3, 0.4)]
        assert labels_of(path) == [*rows, (TWO, None)]


def test_boxes_in_columns_and_in_labels_are_told(tmp_path: Path) -> None:
    path = parquet(tmp_path, labels=as_objects(), **{side: [0.1, None] for side in SIDES})

    with pytest.raises(ManifestError, match="in left, top, width, height and in its labels"):
        read_one(path)


def test_the_size_of_an_image_beside_the_corners_of_a_label_is_no_box(tmp_path: Path) -> None:
    sized = {"tag": "a", **CORNERED, "width": 640, "height": 480}

    for path in in_each_way(tmp_path, [sized], []):
        assert labels_of(path) == [(URL, "a", 0.1, 0.2, 0.3, 0.4), (TWO, None)]


def test_corners_of_labels_have_other_names(tmp_path: Path) -> None:
    other = dict(zip(("tag", "x1", "y1", "x2", "y2"), ("a", *CORNERED.values()), strict=True))

    for path in in_each_way(tmp_path, [other], []):
        assert labels_of(path) == [(URL, "a", 0.1, 0.2, 0.3, 0.4), (TWO, None)]


def test_boxes_as_the_service_names_them_are_read(tmp_path: Path) -> None:
    for path in in_each_way(tmp_path, [{"tagName": "a", "boundingBox": SIDED}], [{"tagName": "b"}]):
        assert labels_of(path) == [(URL, "a", 0.1, 0.2, 0.3, 0.4), (TWO, "b")]


@pytest.mark.parametrize("name", ["bounding_box", "boundingBox"])
def test_a_column_of_bounding_boxes_is_one(tmp_path: Path, name: str) -> None:
    row = {"url": URL, "tag": "a", name: SIDED}

    assert labels_of(write(tmp_path, json.dumps(row), "m.jsonl")) == [(URL, "a", 0.1, 0.2, 0.3, 0.4)]
    text = f'url;tag;{name}\n{URL};a;"[0.1, 0.2, 0.3, 0.4]"\n'
    assert labels_of(write(tmp_path, text), box=Box.LTWH) == [(URL, "a", 0.1, 0.2, 0.3, 0.4)]
