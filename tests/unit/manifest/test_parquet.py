from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reads import problems_of, read_one

from cvsync.errors import ManifestError
from cvsync.manifest import write_rejects

URLS = [f"https://x.test/{n}.jpg" for n in range(300)]


@pytest.mark.parametrize("group", [7, 100, 10_000])
@pytest.mark.parametrize("order", ["together", "in turns"])
@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.dictionary(pa.int16(), pa.string())])
def test_rows_are_the_same_in_any_groups_and_order(
    tmp_path: Path, group: int, order: str, type_: pa.DataType
) -> None:
    urls = [url for url in URLS for _ in range(3)] if order == "together" else URLS * 3
    tags = [f"t{n % 7}" for n in range(900)]
    table = pa.table({"url": pa.array(urls).cast(type_), "tag": pa.array(tags).cast(type_)})
    pq.write_table(table, tmp_path / "m.parquet", row_group_size=group)

    labels = read_one(tmp_path / "m.parquet").labels

    rows = [(row["url"], row["tag"], row["row"]) for row in labels.table.to_pylist()]
    assert rows == [(url, tag, n) for n, (url, tag) in enumerate(zip(urls, tags, strict=True), 1)]
    assert labels.keys.to_pylist() == URLS


def test_urls_and_paths_take_turns(tmp_path: Path) -> None:
    table = pa.table({"url": [*URLS[:2], None, ""], "path": [None, "a.jpg", "b.jpg", None], "tag": ["a"] * 4})
    pq.write_table(table, tmp_path / "m.parquet", row_group_size=3)

    manifest = read_one(tmp_path / "m.parquet")

    assert manifest.labels.keys.to_pylist() == [*URLS[:2], "b.jpg"]
    assert problems_of(manifest) == [("E002", 4, "url")]


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows_are_a_manifest(tmp_path: Path, rows: int) -> None:
    pq.write_table(
        pa.table({"url": pa.array(URLS[:rows], pa.string()), "tag": pa.array(["a"] * rows, pa.string())}),
        tmp_path / "m.parquet",
    )

    assert read_one(tmp_path / "m.parquet").rows == rows


@pytest.mark.parametrize("type_", [pa.list_(pa.float32()), pa.list_(pa.float64(), 4)])
@pytest.mark.parametrize("rows", [0, 2])
def test_boxes_that_nobody_drew_need_no_convention(tmp_path: Path, rows: int, type_: pa.DataType) -> None:
    columns = {"url": pa.array(URLS[:rows], pa.string()), "tag": pa.array(["a"] * rows, pa.string())}
    pq.write_table(pa.table(columns | {"box": pa.nulls(rows, type_)}), tmp_path / "m.parquet")

    manifest = read_one(tmp_path / "m.parquet")

    assert (manifest.rows, problems_of(manifest), manifest.labels.has_boxes) == (rows, [], False)


def test_numbers_of_any_type_are_numbers(tmp_path: Path) -> None:
    types = {"left": pa.int64(), "top": pa.float64(), "width": pa.string(), "height": pa.decimal128(8, 2)}
    columns = {
        name: pa.array([0 if name in ("left", "top") else 1], pa.int8()).cast(t) for name, t in types.items()
    }
    pq.write_table(pa.table({"url": URLS[:1], "tag": [7], **columns}), tmp_path / "m.parquet")

    (row,) = read_one(tmp_path / "m.parquet").labels.table.to_pylist()

    assert [row[name] for name in ("tag", *types)] == ["7", 0, 0, 1, 1]


def bad_text() -> pa.Array:
    """A column of texts whose second is none, as some writers leave them."""
    ends = pa.array([0, 4, 6], pa.int32()).buffers()[1]
    return pa.Array.from_buffers(pa.string(), 2, [None, ends, pa.py_buffer(b"fork\xff\xfe")])


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"url": pa.array([b"https://x.test/1.jpg", b"\xff\xfe"], pa.binary()), "tag": ["a", "b"]}, "url"),
        ({"url": URLS[:2], "tag": pa.array([b"fork", b"\xff\xfe"], pa.binary())}, "tag"),
        ({"url": URLS[:2], "label": bad_text()}, "label"),
        ({"url": URLS[:2], "tag": ["a", "b"], "site": pa.array([None, b"\xff"])}, "site"),
    ],
)
def test_a_cell_that_is_no_text_is_named(tmp_path: Path, columns: dict[str, Any], named: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "m.parquet")

    with pytest.raises(ManifestError, match=f"column '{named}', row 2 is not UTF-8"):
        read_one(tmp_path / "m.parquet", metadata=("site",) if named == "site" else ())


def packed() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"url": URLS[:1], "tag": ["a"]}), sink)
    return gzip.compress(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"url,tag\nhttps://x.test/1.jpg,a\n", "looks like a CSV table; name it .csv, or give --from csv"),
        (
            b'{"url":"https://x.test/1.jpg","tag":"a"}',
            "looks like JSON Lines; name it .jsonl, or give --from",
        ),
        (b"<html></html>", "looks like text; give it the ending of what it is"),
        (b"\x89PNG\r\n\x1a\n\0\0", "and is something else"),
        (b"PAR1 and then nothing", "is damaged or cut off; copy it again"),
        (b"", "is empty"),
        (packed(), "is a packed Parquet file, .* unpack it"),
    ],
)
def test_what_is_named_as_parquet_and_is_none_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "m.parquet"
    path.write_bytes(content)

    with pytest.raises(ManifestError, match=said):
        read_one(path)


def test_a_table_that_is_named_as_parquet_is_read_where_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    path.write_bytes(b"url,tag\nhttps://x.test/1.jpg,a\n")

    assert len(read_one(path, format="csv").labels) == 1


@pytest.mark.parametrize(
    "types",
    [
        (pa.string_view(), pa.list_(pa.string_view())),
        (pa.string_view(), pa.list_view(pa.string())),
        (pa.binary_view(), pa.large_list_view(pa.string_view())),
    ],
)
def test_view_types_are_read_as_any_other(tmp_path: Path, types: tuple[pa.DataType, pa.DataType]) -> None:
    urls = pa.array([*URLS[:3], "nowhere"], types[0])
    tags = pa.array([["a", "b"], None, ["c"], ["d"]], types[1])
    path = tmp_path / "m.parquet"
    pq.write_table(pa.table({"url": urls, "label": tags}), path, row_group_size=2)

    manifest = read_one(path)
    write_rejects(manifest, tmp_path / "r.parquet", [(str(path), 4, "E038", "a path")])

    rows = [(row["url"], row["tag"]) for row in manifest.labels.table.to_pylist()]
    assert rows == [(URLS[0], "a"), (URLS[0], "b"), (URLS[1], None), (URLS[2], "c")]
    assert problems_of(manifest) == [("E038", 4, "url")]
    assert pq.read_table(tmp_path / "r.parquet").column("label").to_pylist() == [["d"]]


@pytest.mark.parametrize("type_", [pa.decimal128(20, 17), pa.decimal128(5, 4), pa.decimal256(40, 30)])
def test_decimals_are_rounded_once(tmp_path: Path, type_: pa.DataType) -> None:
    sides = {"left": "0.5", "top": "0.1", "width": "0.25", "height": "0.7"}
    columns = {name: pa.array([Decimal(side), None], type_) for name, side in sides.items()}
    pq.write_table(pa.table({"url": URLS[:2], "tag": ["a", None], **columns}), tmp_path / "m.parquet")

    box, none = read_one(tmp_path / "m.parquet").labels.table.to_pylist()

    assert [box[name] for name in sides] == [float(np.float32(side)) for side in sides.values()]
    assert none["left"] is None
