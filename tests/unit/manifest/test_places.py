from __future__ import annotations

import gzip
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from reads import URL, read_one, write

from cvsync.errors import ManifestError
from cvsync.manifest import names, read

TEXT = f"url,tag\n{URL},a\n".encode()


def keys(*names: str | Path) -> list[str]:
    return list(read(names).labels.keys.to_pylist())


@pytest.mark.parametrize("name", ["m.csv.gz", "m.csv.zst", "m.csv.bz2", "packed", "m.csv"])
def test_packed_files_are_known_by_name_or_content(tmp_path: Path, name: str) -> None:
    kind = {"m.csv.zst": "zstd", "m.csv.bz2": "bz2"}.get(name, "gzip")
    with pa.CompressedOutputStream(str(tmp_path / name), kind) as file:
        file.write(TEXT)

    assert keys(tmp_path / name) == [URL]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are Unicode there")
def test_a_file_whose_name_is_no_utf8_does_not_stand_in_the_way(tmp_path: Path) -> None:
    write(tmp_path, "url,tag\nhttps://x.test/1,a\n", "m.csv")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).write_text("left alone")

    assert keys(tmp_path) == ["https://x.test/1"]
    assert keys(f"{tmp_path.parent}/**/{tmp_path.name}/m.csv") == ["https://x.test/1"]


def test_folder_and_globs_are_all_their_files_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in (2, 1, 10):
        pq.write_table(
            pa.table({"url": [f"https://x.test/{n}"], "tag": ["a"]}), tmp_path / f"part-{n}.parquet"
        )
    write(tmp_path, "left alone", "_SUCCESS")
    write(tmp_path, "left alone", ".part-1.parquet.crc")
    monkeypatch.chdir(tmp_path)
    everything = ["https://x.test/1", "https://x.test/10", "https://x.test/2"]

    assert keys(tmp_path) == everything
    assert keys("part-*.parquet") == everything
    assert keys(f"{tmp_path}/part-[12].parquet") == ["https://x.test/1", "https://x.test/2"]
    assert keys(f"{tmp_path.parent}/**/part-?.parquet") == ["https://x.test/1", "https://x.test/2"]


def test_partitions_below_folders_are_read(tmp_path: Path) -> None:
    for n in (1, 2):
        (tmp_path / f"day={n}").mkdir()
        pq.write_table(
            pa.table({"url": [f"https://x.test/{n}"], "tag": ["a"]}), tmp_path / f"day={n}/0.parquet"
        )

    assert keys(tmp_path) == ["https://x.test/1", "https://x.test/2"]


def test_several_manifests_are_one_and_problems_name_their_file(tmp_path: Path) -> None:
    first = write(tmp_path, f"url,tag\n{URL},a\nftp://x,b\n", "1.csv")
    second = write(tmp_path, '{"url": "https://x.test/2", "tag": "A"}\n{"url": "x"}\n', "2.jsonl")

    manifest = read([first, second])

    assert manifest.rows == 4
    assert [(p.source, p.row) for p in manifest.problems] == [(str(first), 2), (str(second), 2)]
    assert [w.code for w in manifest.warnings] == ["W004"]
    assert manifest.convention == "csv: image url, tag tag, no boxes; jsonl: image url, tag tag, no boxes"


def test_stdin_is_a_manifest_of_any_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"url": [URL], "tag": ["a"]}), buffer)
    for content in (
        TEXT,
        gzip.compress(TEXT),
        buffer.getvalue(),
        b'{"url": "%s", "tag": "a"}' % URL.encode(),
    ):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        manifest = read(["-"])
        assert manifest.labels.keys.to_pylist() == [URL]
        assert manifest.inputs[0].place.name == "stdin"


@pytest.mark.parametrize("name", ["m.csv", "*.csv", "", "**/m.c?v"])
def test_uris_are_read_through_their_file_system(tmp_path: Path, name: str) -> None:
    write(tmp_path, TEXT, "m.csv")
    uri = f"{tmp_path.as_uri()}/{name}".rstrip("/")

    assert keys(uri) == [URL]
    assert keys(Path(uri)) == [URL]  # a Path folds the double slash


def test_storage_is_read_and_its_relative_paths_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    files = pafs._MockFileSystem()
    files.create_dir("bucket/set")
    with files.open_output_stream("bucket/set/m.csv") as file:
        file.write(f"url,path,tag\n{URL},,a\n,b.jpg,a\n".encode())
    asked = []

    def from_uri(uri: str) -> tuple[pafs.FileSystem, str]:
        asked.append(uri)
        return files, uri.partition("://")[2]

    monkeypatch.setattr(names, "_open_uri", from_uri)

    for name in ("s3://bucket/set/m.csv", "gs://bucket/set/*.csv", "abfs://bucket/set"):
        manifest = read([name])
        assert manifest.labels.keys.to_pylist() == [URL]
        assert [(p.code, p.row, p.source) for p in manifest.problems] == [
            ("E048", 2, name.replace("*", "m") if "." in name else f"{name}/m.csv")
        ]
    assert asked == ["s3://bucket/set/m.csv", "gs://bucket/set/", "abfs://bucket/set"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.csv", "no such file"),
        ("none-*.csv", "matches no file"),
        ("nowhere/*.csv", "matches no file"),
        ("empty", "a folder without a manifest or an image"),
        ("broken.csv.gz", "cannot be read"),
        ("nonsense://x/y", "cannot be read"),
    ],
)
def test_what_is_not_there_is_said(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path, gzip.compress(TEXT)[:20], "broken.csv.gz")

    with pytest.raises(ManifestError, match=words):
        read([name if "://" in name else f"{tmp_path}/{name}"])


def test_images_says_where_paths_start(tmp_path: Path) -> None:
    path = write(tmp_path / "lists", "path,tag\na/1.jpg,x\n")

    (row,) = read_one(path, images=tmp_path / "pictures").labels.table.to_pylist()

    assert (row["key"], row["path"]) == ("a/1.jpg", f"{tmp_path}/pictures/a/1.jpg")


def test_a_folder_of_several_kinds_is_not_guessed(tmp_path: Path) -> None:
    write(tmp_path, TEXT, "m.csv")
    write(tmp_path, '{"url": "x", "tag": "a"}', "m.jsonl")

    with pytest.raises(ManifestError, match=r"several kinds \(\.csv, \.jsonl\)"):
        read([tmp_path])


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are Unicode there")
def test_a_name_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfc.csv"))

    with pytest.raises(ManifestError, match=r"udcfc\.csv: its path is not UTF-8") as caught:
        read_one(path)

    assert str(caught.value).encode()


@pytest.mark.skipif(sys.platform == "win32", reason="there are none")
def test_a_pipe_is_to_come_on_stdin(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ManifestError, match="pipe, which can be read once only"):
        read_one(tmp_path / "pipe")
