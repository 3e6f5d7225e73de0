from __future__ import annotations

from pathlib import Path

import pytest
from reads import URL, labels_of, problems_of, read_one, rows_of, warnings_of, write

from cvsync.errors import ManifestError


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_needs_no_mark(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, f"url,tag\n{URL},Größe ✓\n".encode(encoding))

    assert labels_of(path) == [(URL, "Größe ✓")]


def test_windows_1252_is_a_way_out_that_is_told(tmp_path: Path) -> None:
    manifest = read_one(write(tmp_path, f"url,tag\n{URL},Größe €\n".encode("cp1252")))

    assert [row["tag"] for row in manifest.labels.table.to_pylist()] == ["Größe €"]
    assert "Windows-1252" in manifest.convention
    assert [w.code for w in manifest.warnings] == ["W016"]


def test_a_broken_byte_in_utf_8_is_no_windows_1252(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="line 3 is not UTF-8"):
        read_one(write(tmp_path, b"url,tag\n1,\xc3\xa9\n2,\xff\n"))


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nurl;tag\n{};a\n",
        "'url','tag'\n'{}','a'\n",
        "\n\nurl,tag\n{},a\n",
        "url\ttag\textra, with commas\n{}\ta\t\n",
        'url,tag\n"{}","a"\n',
        "url,tag\r{},a\r",
    ],
)
def test_spellings_of_one_table(tmp_path: Path, text: str) -> None:
    assert labels_of(write(tmp_path, text.format(URL))) == [(URL, "a")]


def test_cells_of_other_columns_may_hold_anything(tmp_path: Path) -> None:
    path = write(tmp_path, f'note,url,tag,when\n"a ""b""\n,c",{URL},a,2024-01-01\n')

    assert labels_of(path) == [(URL, "a")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('url,tag\n{0},a\n{0},"b\n{0},c\n', 3),
        ('url,tag\r\n{0},"a\r\nb"\r\n"{0}', 4),
        ('url;tag\n{0};"b ""quoted"" \n', 2),
        ('url,tag\n{0},5" fork\n{0},5" fork\n{0},"5"" fork', 4),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_quote_that_nothing_closes_is_no_cell(tmp_path: Path, text: str, line: int, encoding: str) -> None:
    """All that follows it would be one tag, and its images gone from the manifest."""
    with pytest.raises(ManifestError, match=f"line {line} opens a quote that nothing closes"):
        read_one(write(tmp_path, text.format(URL).encode(encoding)))


def test_quotes_within_cells_may_be_odd(tmp_path: Path) -> None:
    assert labels_of(write(tmp_path, f'url,tag\n{URL},5" fork\n"{URL}","b"\n')) == [
        (URL, '5" fork'), (URL, "b"),
    ]  # fmt: skip


def test_a_row_that_is_cut_is_known_by_what_is_left(tmp_path: Path) -> None:
    manifest = read_one(write(tmp_path, f"url,tag\n{URL}\nhttps://x.test/2,a,b\n\nhttps://x.test/3,a\n"))

    assert problems_of(manifest) == [("E001", 1, "row"), ("E001", 2, "row")]
    assert manifest.bad_keys == {URL, "https://x.test/2"}
    assert [row["row"] for row in manifest.labels.table.to_pylist()] == [3]


def test_a_file_without_a_header_is_told(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no header"):
        read_one(write(tmp_path, f"{URL},a\n"))


def test_values_of_problems_are_as_written(tmp_path: Path) -> None:
    path = write(tmp_path, f"url,tag,left,top,width,height\n{URL},a,0.90,0.1,2e-1,0.100000001\n")

    manifest = read_one(path)

    assert [(p.code, p.value) for p in manifest.problems] == [("E012", "0.90")]


def test_header_in_the_middle_is_told_once(tmp_path: Path) -> None:
    header = "url,tag,left,top,width,height\n"
    path = write(tmp_path, f"{header}{URL},a,0,0,1,1\n{header}https://x.test/2,a,0,0,1,1\n")

    assert problems_of(read_one(path)) == [("E049", 2, "url")]


def test_blanks_around_cells_do_not_count(tmp_path: Path) -> None:
    manifest = read_one(write(tmp_path, f"url,tag,left,top,width,height\n {URL} , a\u00a0, 0,0 ,0.5, 0.5 \n"))

    assert warnings_of(manifest) == [("W005", [1, 1])]
    assert [(row["url"], row["tag"]) for row in manifest.labels.table.to_pylist()] == [(URL, "a")]


def test_formulas_are_data(tmp_path: Path) -> None:
    tags = ["=1+1", "+1", "-1", "@a", "\tx".strip()]
    path = write(tmp_path, "url,tag\n" + "".join(f"https://x.test/{n},{tag}\n" for n, tag in enumerate(tags)))

    assert [row["tag"] for row in rows_of(path)] == tags


@pytest.mark.parametrize("last", ["0.9", "0,9"])
def test_blank_rows_below_the_last_are_left_out_and_others_are_not(tmp_path: Path, last: str) -> None:
    """A spreadsheet writes them for rows that were emptied; they would hold up all deletion."""
    rows = f"{URL};a;0;0;1;{last}\r\n;;;;;\r\n{URL}2;;;;;\r\n;;;;;\r\n;;;;;\r\n"
    manifest = read_one(write(tmp_path, f"url;tag;left;top;width;height\r\n{rows}"))

    assert [p.row for p in manifest.problems if p.code == "E002"] == [2]
    assert manifest.rows == 3
    assert "2 blank rows at its end left out" in manifest.convention
