from __future__ import annotations

import json
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from make import make_png
from reads import URL, read_one, write

from cvsync.manifest import Manifest, read, rejects_suffix, write_rejects


def reject_all(manifest: Manifest, destination: Path) -> Path:
    write_rejects(manifest, destination, [(p.source, p.row, p.code, p.message) for p in manifest.problems])
    return destination


def rows_in(path: Path) -> list[dict[str, Any]]:
    options = pacsv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=True)
    rows: list[dict[str, Any]] = pacsv.read_csv(path, convert_options=options).to_pylist()
    return rows


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet", ".jsonl"])
def test_a_mended_row_is_pushed_again_from_any_format(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, f'url,tag,note\n{URL},a,1\nftp://x.test/2,"b,c",\nhttps://x.test/3\n')

    rejects = reject_all(read_one(path), tmp_path / f"rejects{suffix}")

    again = read_one(rejects)
    assert [(p.code, p.row) for p in again.problems] == [("E004", 1)]
    assert again.labels.keys.to_pylist() == ["https://x.test/3"]
    assert rejects.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "utf-8"])
def test_a_spreadsheet_opens_the_rejects_of_what_it_wrote(tmp_path: Path, encoding: str) -> None:
    """With the delimiter of its country, and so that it sees that the text is UTF-8."""
    path = write(tmp_path, f"url;tag;note\r\n{URL};a;\r\nftp://x.test;Größe;1,5\r\n".encode(encoding))

    rejects = reject_all(read_one(path), tmp_path / "rejects.csv")

    said = rejects.read_bytes()
    assert said.startswith(BOM_UTF8) == (encoding != "utf-8")
    assert '"ftp://x.test";"Größe";"1,5";"E004"' in said.decode("utf-8-sig")
    assert [(p.code, p.value) for p in read_one(rejects).problems] == [("E004", "ftp://x.test")]


@pytest.mark.parametrize("name", ["m.jsonl.rejects.csv", "m.tsv.rejects.csv", "m.parquet.rejects.csv.gz"])
def test_the_end_of_the_name_says_what_the_file_is(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, f"url,tag\n{URL},a\n,b\n")

    rejects = reject_all(read_one(path), tmp_path / name)

    said = {"url": None, "tag": "b", "error_code": "E002", "error": "neither a url nor a path"}
    assert rows_in(rejects) == [said]


COCO = {
    "images": [{"id": 1, "file_name": "b.png", "width": 32, "height": 24}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [30, 1, 9, 9]}],
    "categories": [{"id": 1, "name": "cup"}],
}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("m.csv", "path,tag\na.png,x\nb.png, \n", "E016"),
        ("m.csv", "image,label\na.png,x\nb.png, \n", "E016"),
        ("m.jsonl", '{"path": "a.png", "tag": "x"}\n{"path": "b.png", "tag": " "}\n', "E016"),
        ("m.jsonl", '{"image": "a.png", "tag": "x"}\n{"image": "b.png", "tag": " "}\n', "E016"),
        ("m.json", json.dumps(COCO), "E012"),
    ],
)
def test_paths_and_keys_are_true_in_another_folder(
    tmp_path: Path, name: str, text: str, code: str, suffix: str
) -> None:
    write(tmp_path, make_png(1), "here/b.png")
    manifest = read_one(write(tmp_path, text, f"here/{name}"))

    again = read_one(reject_all(manifest, tmp_path / "there" / f"rejects{suffix}"), check_files=True)

    assert [(p.code, p.row) for p in again.problems] == [(code, 1)]
    assert again.bad_keys == manifest.bad_keys == {"b.png"}


def test_what_is_no_path_stays_as_it_is_written_in_another_folder(tmp_path: Path) -> None:
    urls = read_one(write(tmp_path, f"filename,tag,note\n{URL}, ,1\n", "here/urls.csv"))
    blank = read_one(write(tmp_path, "path,tag,note\na.png,x,1\n ,x,2\n", "here/blank.csv"))

    (url,) = rows_in(reject_all(urls, tmp_path / "urls.csv"))
    (path,) = rows_in(reject_all(blank, tmp_path / "blank.csv"))

    assert (url["filename"], url["key"]) == (URL, None)
    assert (path["path"], path["key"]) == (" ", None)


def test_lines_stay_lines_with_the_reason_in_them(tmp_path: Path) -> None:
    good, bad = {"url": URL, "labels": ["a"]}, {"url": "ftp://x", "labels": ["a", "b"], "note": {"b": 1}}
    path = write(tmp_path, f"{json.dumps(good)}\n\n{json.dumps(bad)}\nno json\n", "m.jsonl")
    manifest = read_one(path)
    assert rejects_suffix(manifest) == ".jsonl"

    rejects = reject_all(manifest, tmp_path / "rejects.jsonl")

    assert [json.loads(line) for line in rejects.read_text().splitlines()] == [
        bad | {"error_code": "E004", "error": "the url is neither http nor https"},
        {"line": "no json", "error_code": "E040", "error": "not the JSON that is read here"},
    ]


def test_labels_of_other_formats_become_rows_of_the_schema(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "a.png", "width": 200, "height": 100}
    labels = [
        {"image_id": 1, "category_id": c, "bbox": b} for c, b in ((1, [150, 10, 100, 50]), (2, [1, 1, 5, 5]))
    ]
    said = {"images": [image], "annotations": labels, "categories": [{"id": 1, "name": "cup"}]}
    manifest = read_one(write(tmp_path, json.dumps(said), "coco.json"))
    assert rejects_suffix(manifest) == ".csv"

    rejects = reject_all(manifest, tmp_path / "rejects.csv")

    assert [(row["path"], row["tag"], row["error_code"]) for row in rows_in(rejects)] == [
        ("a.png", "cup", "E012"), ("a.png", None, "E043"),
    ]  # fmt: skip
    mended = write(tmp_path, rejects.read_text().replace("150", "50"), "mended.csv")
    (first,) = read_one(mended).labels.table.to_pylist()
    assert (first["left"], first["width"]) == (0.25, 0.5)


def test_labels_of_a_folder_are_rejected_by_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, make_png(1), "images/a.png")
    write(tmp_path, "0 0.5 0.5 1 1\n0 0.9 0.5 0.4 0.2\n5 0.5 0.5 1 1\n", "labels/a.txt")
    path = write(tmp_path, "train: images\nnames: [cup]\n", "data.yaml")

    rejects = reject_all(read_one(path), tmp_path / "rejects.csv")

    assert [(row["path"], row["error_code"], row["cx"]) for row in rows_in(rejects)] == [
        (str(tmp_path / "images/a.png"), "E012", 0.9), (str(tmp_path / "images/a.png"), "E043", None),
    ]  # fmt: skip


def test_rejects_of_several_formats_are_one_table(tmp_path: Path) -> None:
    one = write(tmp_path, "url,tag\nftp://x,a\n", "1.csv")
    two = write(tmp_path, '{"url": "ftp://y", "tag": "b"}\n', "2.jsonl")
    pq.write_table(pa.table({"url": ["ftp://z"], "tag": ["c"]}), tmp_path / "3.parquet")

    rejects = reject_all(read([one, two, tmp_path / "3.parquet"]), tmp_path / "rejects.csv")

    assert [(row["url"], row["tag"], row["error_code"]) for row in rows_in(rejects)] == [
        ("ftp://x", "a", "E004"), ("ftp://y", "b", "E004"), ("ftp://z", "c", "E004"),
    ]  # fmt: skip


def test_a_row_with_several_reasons_stands_there_once(tmp_path: Path) -> None:
    rejects = reject_all(read_one(write(tmp_path, "url,tag\nftp://x, \n")), tmp_path / "r.csv")

    (row,) = rows_in(rejects)
    assert (row["error_code"], row["error"]) == (
        "E004 E016",
        "the url is neither http nor https; the tag is blank",
    )


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl"])
def test_rows_of_rejects_are_known_to_be_some_of_their_images(tmp_path: Path, suffix: str) -> None:
    text = f'url,tag,image_id,own\n{URL},a,1,\n{URL},"",,x\nftp://x.test/2,b,2,\n'
    rejects = tmp_path / f"rejects{suffix}"
    manifest = read_one(write(tmp_path, text))
    write_rejects(manifest, rejects, [(str(tmp_path / "m.csv"), 1, "E012", "box outside image")])

    again = read_one(rejects)

    assert (manifest.is_rejects, again.is_rejects) == (False, True)
    assert again.bad_keys == {URL}
    assert again.bad_images == {"1"}
    assert len(again.labels) == 1


def test_a_column_of_codes_alone_makes_no_rejects(tmp_path: Path) -> None:
    manifest = read_one(write(tmp_path, f"url,tag,error_code\n{URL},a,E012\n"))

    assert not manifest.is_rejects
    assert not manifest.bad_keys


def test_labels_without_an_image_are_written_at_once_however_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables: list[int] = []

    def concat(parts: list[pa.Table], **options: Any) -> pa.Table:
        tables.append(len(parts))
        return real(parts, **options)

    real = pa.concat_tables
    stray = [COCO["annotations"][0] | {"id": n, "image_id": 1000 + n} for n in range(100)]
    manifest = read_one(write(tmp_path, json.dumps(COCO | {"annotations": stray}), "coco.json"))
    monkeypatch.setattr(pa, "concat_tables", concat)

    rejects = reject_all(manifest, tmp_path / "rejects.csv")

    assert [row["error_code"] for row in rows_in(rejects)] == ["E042"] * 100
    assert sum(tables) < 10
