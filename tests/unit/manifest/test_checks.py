"""What is told about rows: places, files, repeats, and images with too much."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_png
from reads import URL, problems_of, read_one, warnings_of, write

from cvsync.labels import codes_of
from cvsync.manifest import problems as problems_module
from cvsync.manifest import read
from cvsync.manifest.problems import CODES, REMEDIES, WARNINGS, Problems
from cvsync.manifest.repeats import repeats


def urls(tmp_path: Path, *cells: str) -> Path:
    return write(tmp_path, "url,tag\n" + "".join(f'"{cell}",a\n' for cell in cells))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://x.test/1.jpg", "E004"),
        ("data:image/png;base64,xyz", "E004"),
        ("https:///1.jpg", "E005"),
        ("https://", "E005"),
        ("http://?x", "E005"),
        ("http://:80/1", "E005"),
        ("http://[half/1.jpg", "E005"),
        ("file:///data/1.jpg", "E006"),
        ("gs://bucket/1.jpg", "E007"),
        ("s3://bucket/1.jpg", "E007"),
        ("azureml://datastores/x", "E007"),
        ("https://x.test/a\nb.jpg", "E008"),
        ("https://x.test/\x7f", "E008"),
        ("pictures/1.jpg", "E038"),
        ("www.x.test/1.jpg", "E038"),
    ],
)
def test_urls_that_cannot_be_fetched_are_told(tmp_path: Path, url: str, code: str) -> None:
    assert problems_of(read_one(urls(tmp_path, "https://x.test/1", url))) == [(code, 2, "url")]


@pytest.mark.parametrize(
    "url",
    [
        "https://x.test/1.jpg", "HTTP://x.test", "http://127.0.0.1:8000/files/1", "https://[::1]/1.png",
        "https://x.test/1.webp.jpg?format=webp", "https://x.test/1.php?id=7#a.txt", "https://user@x.test/1",
        "https://bücher.test/größe.jpg", "https://x.test/IMG.JPG", "https://x.test/1.jpg?sv=1&se=2&sig=x",
        "https://x.test/photo", "https://x.test/v1.2", "https://x.test/%20.png",
    ],
)  # fmt: skip
def test_urls_that_can_be_fetched_raise_no_alarm(tmp_path: Path, url: str) -> None:
    manifest = read_one(urls(tmp_path, url))

    assert (problems_of(manifest), warnings_of(manifest)) == ([], [])


@pytest.mark.parametrize(
    ("url", "code"), [("https://x.test/a b.jpg", "W006"), ("https://x.test/a.webp?x=1", "W008")]
)
def test_urls_that_are_odd_are_told_and_taken(tmp_path: Path, url: str, code: str) -> None:
    manifest = read_one(urls(tmp_path, "https://x.test/1", url))

    assert (problems_of(manifest), warnings_of(manifest)) == ([], [(code, [2])])
    assert len(manifest.labels) == 2


@pytest.mark.parametrize(
    ("query", "ends"),
    [
        ("sv=1&se=2024-05-06T07%3A08%3A09Z&sig=x", "2024-05-06T07:08:09"),
        ("sv=1&se=2024-05-06&sig=x", "2024-05-06T00:00:00"),
        ("X-Amz-Date=20240506T070809Z&X-Amz-Expires=60&X-Amz-Signature=x", "2024-05-06T07:09:09"),
        ("X-Goog-Date=20240506T070809Z&X-Goog-Expires=60&X-Goog-Signature=x", "2024-05-06T07:09:09"),
        ("Expires=1714979289&Signature=x&Key-Pair-Id=k", "2024-05-06T07:08:09"),
        ("Expires=1714979289", None),
        ("se=2024-05-06", None),
        ("sv=1&se=soon&sig=x", None),
        ("sv=1&sig=x&si=policy", None),
    ],
)
def test_expired_signatures_are_told(tmp_path: Path, query: str, ends: str | None) -> None:
    path = urls(tmp_path, f"https://x.test/1.jpg?{query}")
    end = datetime.fromisoformat(ends or "2024-05-06").replace(tzinfo=UTC)
    second = timedelta(seconds=1)

    assert warnings_of(read_one(path, now=end - second)) == []
    assert warnings_of(read_one(path, now=end + second)) == ([("W019", [1])] if ends else [])


def test_files_are_looked_at_where_asked(tmp_path: Path) -> None:
    (tmp_path / "ok.png").write_bytes(make_png(1))
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").touch()
    with (tmp_path / "large.png").open("wb") as file:
        os.truncate(file.fileno(), 6_000_001)
    names = ["ok", "folder", "empty", "large", "none"]
    path = write(tmp_path, "path,tag\n" + "".join(f"{name}.png,a\n" for name in names))

    manifest = read_one(path, check_files=True)

    assert problems_of(manifest) == [("E009", 2, "path"), ("E037", 3, "path"), ("E003", 5, "path")]
    assert warnings_of(manifest) == [("W015", [4])]
    assert problems_of(read_one(path)) == []


def test_paths_out_of_the_folder_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a", "key,path,tag\n,../b/1.png,a\n,/data/2.png,a\n,c/../3.png,a\nk,../4.png,a\n")

    assert warnings_of(read_one(path)) == [("W007", [1, 2])]


def test_one_image_under_two_keys_is_told(tmp_path: Path) -> None:
    rows = ["k,a.jpg", "l,./a.jpg", "l,a.jpg", "m,b.jpg"]
    path = write(tmp_path, "key,path,tag\n" + "".join(f"{row},x{n}\n" for n, row in enumerate(rows)))

    manifest = read_one(path)

    assert (problems_of(manifest), warnings_of(manifest)) == ([], [("W011", [2, 3])])


def test_spellings_of_a_path_are_no_two_images(tmp_path: Path) -> None:
    path = write(tmp_path, "path,tag\na.jpg,x\n./a.jpg,y\n")

    assert problems_of(read_one(path)) == []
    assert read_one(path).labels.keys.to_pylist() == ["a.jpg"]


def test_images_too_large_are_told(tmp_path: Path) -> None:
    sizes = ["10240,10240", "10241,100", "2600,100", "2500,100", ","]
    path = write(
        tmp_path,
        "url,tag,image_width,image_height\n" + "".join(f"{URL}?{n},a,{s}\n" for n, s in enumerate(sizes)),
    )

    assert warnings_of(read_one(path)) == [("W014", [2, 3])]


def test_what_is_over_the_limits_of_an_image_is_refused(tmp_path: Path) -> None:
    boxes = [f"{URL},a,{n / 1000},0,0.1,0.1" for n in range(302)]
    tags = [f"https://x.test/2,t{n // 2},{n % 2 / 2},0,0.5,0.5" for n in range(203)]
    path = write(tmp_path, "\n".join(["url,tag,left,top,width,height", *boxes, *tags]) + "\n")

    manifest = read_one(path)

    assert problems_of(manifest) == [
        ("E031", 301, "left"), ("E031", 302, "left"), *(("E032", 302 + n, "tag") for n in (201, 202, 203)),
    ]  # fmt: skip
    assert len(manifest.labels) == 500


def test_tags_that_are_odd_are_told_and_taken(tmp_path: Path) -> None:
    path = write(tmp_path, f'url,tag\n{URL},"a\nb"\n{URL},{"x" * 257}\n{URL},{"y" * 256}\n')

    assert warnings_of(read_one(path)) == [("W009", [1]), ("W010", [2])]


def test_keys_and_tags_of_refused_rows_are_not_there(tmp_path: Path) -> None:
    manifest = read_one(write(tmp_path, f"url,tag\n{URL},a\nftp://x,b\n"))

    assert manifest.labels.keys.to_pylist() == [URL]
    assert codes_of(manifest.labels.table.column("tag"))[1].to_pylist() == ["a"]


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5), st.integers(-1, 2), st.sampled_from([0.0, 0.5, 1.0])), max_size=60
    )
)
def test_repeats_are_those_that_stand_there_before(rows: list[tuple[int, int, float]]) -> None:
    columns = [
        np.array([row[n] for row in rows], kind) for n, kind in enumerate((np.int32, np.int32, np.float32))
    ]

    assert repeats(columns).tolist() == [n for n, row in enumerate(rows) if row in rows[:n]]


def test_repeats_among_many_rows() -> None:
    random = np.random.default_rng(0)
    owners = np.sort(random.integers(0, 5_000, 50_000)).astype(np.int32)
    values = random.random(50_000, np.float32)
    owners[40_000:40_100], values[40_000:40_100] = owners[100:200], values[100:200]

    assert repeats([owners, values]).tolist() == [*range(40_000, 40_100)]


def test_problems_are_in_order_and_can_be_counted(tmp_path: Path) -> None:
    first = write(tmp_path, "url,tag\nftp://x,\nhttps://x.test, \nftp://y, \n", "b.csv")
    second = write(tmp_path, "url,tag\nftp://x,\n", "a.csv")

    problems = read([first, second]).problems

    assert [(Path(p.source).name, p.row, p.code) for p in problems] == [
        ("b.csv", 1, "E004"), ("b.csv", 2, "E016"), ("b.csv", 3, "E004"), ("b.csv", 3, "E016"),
        ("a.csv", 1, "E004"),
    ]  # fmt: skip
    assert problems.counts() == {"E004": 3, "E016": 2}
    assert [p.row for p in problems.of("E016")] == [2, 3]
    assert [p.code for p in problems[1:3]] == ["E016", "E004"]
    assert problems[-1].source == str(second)
    assert [*Problems()] == []


def test_every_code_is_found_somewhere() -> None:
    folder = Path(problems_module.__file__).parents[1]
    sources = [p.read_text() for p in folder.rglob("*.py") if p.name != "problems.py"]

    assert [code for code in REMEDIES if not any(f'"{code}"' in source for source in sources)] == []


def test_every_error_has_a_remedy() -> None:
    assert [code for code in CODES if not REMEDIES[code]] == []
    assert {*CODES, *WARNINGS} == {*REMEDIES}
