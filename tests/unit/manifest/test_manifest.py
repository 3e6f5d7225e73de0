from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_png, write_csv

from cvsync.errors import ManifestError
from cvsync.manifest import read, write_rejects
from cvsync.manifest.identity import path_key, path_keys, url_key, url_keys
from cvsync.manifest.problems import CODES
from cvsync.manifest.texts import Texts

URL = "https://pictures.test/1.jpg"


def write(folder: Path, text: str | bytes, name: str = "m.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return read([path]).labels.table.to_pylist()


def test_cells_stay_text_and_only_empty_ones_are_null(tmp_path: Path) -> None:
    tags = ["007", "NA", "null", "true", "nan", "#N/A", "-", "Größe ✓"]
    lines = [f"https://x.test/{n},{tag}" for n, tag in enumerate(tags)] + ["https://x.test/none,"]
    path = write(tmp_path, "\ufeff" + "\r\n".join(["URL, Tag ", *lines]) + "\r\n")

    assert [row["tag"] for row in rows_of(path)] == [*tags, None]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiter_and_encoding_are_found(tmp_path: Path, delimiter: str, encoding: str) -> None:
    text = f'url{delimiter}tag\n{URL}{delimiter}"a, b; ✓\nc"\n'

    (row,) = rows_of(write(tmp_path, text.encode(encoding)))

    assert (row["url"], row["tag"]) == (URL, "a, b; ✓\nc")


@given(value=st.floats(0, 0.5, width=32))
def test_numbers_are_single_precision_exactly(tmp_path_factory: pytest.TempPathFactory, value: float) -> None:
    text = f"url,tag,left,top,width,height\n{URL},a,{value!r},0,0.5,0.5\n"

    (row,) = rows_of(write(tmp_path_factory.mktemp("m"), text))

    assert np.float32(row["left"]) == np.float32(value)


def test_corners_are_rounded_once(tmp_path: Path) -> None:
    path = write(tmp_path, f"url,tag,xmin,ymin,xmax,ymax\n{URL},a,0.1,0.2,0.4,0.9\n")

    (row,) = rows_of(path)

    assert [np.float32(row[n]) for n in ("left", "top", "width", "height")] == [
        np.float32(v) for v in (0.1, 0.2, 0.4 - 0.1, 0.9 - 0.2)
    ]


HEADER = "url,path,tag,left,top,width,height\n"


@pytest.mark.parametrize(
    ("line", "code", "column"),
    [
        (f"{URL},,a,0.1,0.1", "E001", "row"),
        (",,a,,,,", "E002", "url"),
        ("ftp://x.test/1,,a,,,,", "E004", "url"),
        (f"{URL},,a,x,0.1,0.1,0.1", "E010", "left"),
        (f"{URL},,a,0.1,0.1,0.1,nan", "E020", "height"),
        (f'{URL},,a,"0,1",0.1,0.1,0.1', "E019", "left"),
        (f"{URL},,a,10,10,40,60", "E022", "left"),
        (f"{URL},,a,10,10,400,60", "E021", "left"),
        (f"{URL},,a,0.1,0.1,-0.1,0.1", "E014", "width"),
        (f"{URL},,a,0.1,,0.1,0.1", "E011", "left"),
        (f"{URL},,a,0.9,0.1,0.2,0.1", "E012", "left"),
        (f"{URL},,a,-0.1,0.1,0.2,0.1", "E012", "left"),
        (f"{URL},,a,0.1,0.1,0,0.1", "E013", "width"),
        (f"{URL},,,0.1,0.1,0.1,0.1", "E015", "tag"),
        (f"{URL},,  ,,,,", "E016", "tag"),
    ],
)
def test_bad_row_is_named_and_good_ones_stay(tmp_path: Path, line: str, code: str, column: str) -> None:
    good = "https://pictures.test/good.jpg,,a,0.1,0.1,0.1,0.1"
    path = write(tmp_path, HEADER + "\n".join([good, line, good.replace("good", "fine")]) + "\n")

    manifest = read([path])

    assert [(p.code, p.row, p.column, p.message) for p in manifest.problems] == [
        (code, 2, column, CODES[code])
    ]
    assert [row["row"] for row in manifest.labels.table.to_pylist()] == [1, 3]
    assert manifest.rows == 3
    assert manifest.bad_keys <= {URL, "ftp://x.test/1"}


def test_overhang_of_rounding_is_clamped_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path, f"url,tag,left,top,width,height\n{URL},a,0.5,0.5,0.500005,0.5\n")

    manifest = read([path])

    (row,) = manifest.labels.table.to_pylist()
    assert row["width"] == 0.5
    assert str(manifest.warnings[0]).startswith("W001 1 ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("tag\na\n", "'url' or 'path'"),
        (f"url\n{URL}\n", "no column 'tag'"),
        ("url,tag,left,top\n", "missing: width, height"),
        ("url,tag,tag\n", "two columns are named 'tag'"),
        ("image,uri,tag\n", "both mean url"),
        ("url,tag\n1,\u00e9\n".encode() + b"2,\xff\n", "line 3 is not UTF-8"),
        (b"url,tag\n1,\x81\n", "line 2 is not UTF-8"),
        (make_png(0), "neither text nor Parquet"),
    ],
)
def test_unusable_file_says_why(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read([write(tmp_path, text)])

    assert words in str(caught.value)
    assert "m.csv" in str(caught.value)


@pytest.mark.parametrize("name", ["none.csv", "broken.parquet"])
def test_missing_or_broken_file_says_why(tmp_path: Path, name: str) -> None:
    write(tmp_path, "no parquet", "broken.parquet")

    with pytest.raises(ManifestError, match=name):
        read([tmp_path / name])


def test_header_alone_is_a_manifest_of_nothing(tmp_path: Path) -> None:
    manifest = read([write(tmp_path, "url,tag\n")])

    assert (len(manifest.labels), manifest.rows, [*manifest.problems]) == (0, 0, [])


def test_parquet_equals_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"url": [f"https://x.test/{n % 3}" for n in range(9)], "tag": list("abcabcabc"), "left": 0.125,
         "top": 0.1, "width": [0.2 + n / 100 for n in range(9)], "height": 0.3}
    )  # fmt: skip
    frame.to_csv(tmp_path / "m.csv", index=False)
    frame.to_parquet(tmp_path / "m.parquet")

    sides = [
        read([tmp_path / name]).labels.table.drop_columns("source").to_pylist()
        for name in ("m.csv", "m.parquet")
    ]

    assert sides[0] == sides[1]
    assert len(sides[0]) == 9


def test_repeats_and_spellings_are_told(tmp_path: Path) -> None:
    lines = [f"{URL},Fork", f"{URL},fork", f"{URL},", "https://x.test/2,FORK"]
    manifest = read([write(tmp_path, "url,tag\n" + "\n".join(lines) + "\n")])

    assert [row["tag"] for row in manifest.labels.table.to_pylist()] == ["Fork", "Fork"]
    assert [(w.code, w.count) for w in manifest.warnings] == [("W004", 2), ("W017", 1), ("W002", 1)]


def test_one_key_for_two_images_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, "key,path,tag\nk,a.jpg,x\nk,b.jpg,x\nl,c.jpg,x\n")

    manifest = read([path])

    assert [(p.code, p.row) for p in manifest.problems] == [("E018", 2)]
    assert manifest.bad_keys == {"k"}


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://a.test/i?sv=1&se=2&sig=x", "https://a.test/i"),
        ("https://a.test/i?id=7&se=2&sig=x", "https://a.test/i?id=7"),
        ("https://a.test/i?X-Amz-Date=1&X-Amz-Signature=x&v=1", "https://a.test/i?v=1"),
        ("https://a.test/i?X-Goog-Date=1&X-Goog-Signature=x", "https://a.test/i"),
        ("https://a.test/i?Expires=1&Signature=x&Key-Pair-Id=k#f", "https://a.test/i#f"),
        ("https://a.test/i?sig=x", "https://a.test/i?sig=x"),
        ("https://a.test/i?Expires=1", "https://a.test/i?Expires=1"),
        ("https://a.test/i?Signature=1&Expires=2", "https://a.test/i?Signature=1&Expires=2"),
        ("https://a.test/i?b=%20&a=2", "https://a.test/i?b=%20&a=2"),
    ],
)
def test_only_whole_signatures_are_stripped(url: str, key: str) -> None:
    assert url_key(url) == key
    others = ["https://b.test/i", "https://b.test/?a=1", url + "x", "https://b.test/?sig=1&sv=2"]
    urls = Texts.of(pa.array([url, *others]))
    assert url_keys(urls).column.to_pylist() == [key, *map(url_key, others)]
    assert url_keys(Texts.of(pa.array([url]))).column.to_pylist() == [key]


@pytest.mark.parametrize("path", ["a/b.jpg", "./a/b.jpg", "a\\b.jpg", "a/../a/b.jpg", "/data/set/a/b.jpg"])
def test_spellings_of_a_path_are_one_key(path: str) -> None:
    folder = Path("/data/set")
    assert path_key(path, folder=folder, common=folder) == "a/b.jpg"
    paths = Texts.of(pa.array([path, "c.jpg"]))
    assert path_keys(paths, folder=folder, common=folder).column.to_pylist() == ["a/b.jpg", "c.jpg"]
    above = path_keys(paths, folder=folder, common=Path("/data")).column.to_pylist()
    assert above == ["set/a/b.jpg", "set/c.jpg"]


def test_rejects_keep_the_row_and_say_why(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "m.csv",
        [{"path": "a.jpg", "tag": "x", "note": "007"}, {"path": "b.jpg", "tag": "y", "note": "é"}],
    )
    manifest = read([path])
    destination = tmp_path / "elsewhere" / "rejects.parquet"
    destination.parent.mkdir()

    write_rejects(manifest, destination, [(str(path), 2, "E110", "no such file")])

    (row,) = pq.read_table(destination).to_pylist()
    assert row == {
        "path": str(tmp_path / "b.jpg"), "tag": "y", "note": "é", "key": "b.jpg", "error_code": "E110",
        "error": "no such file",
    }  # fmt: skip
    (again,) = read([destination]).labels.table.to_pylist()
    assert again["key"] == "b.jpg"
