"""A thousand rows with a mistake of every kind in them: each is found at its row, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from make import make_png
from reads import read_one

from cvsync.manifest import write_rejects

ROWS = 1000
HEADER = "key,url,path,tag,left,top,width,height,version,tag_type,image_width,image_height,metadata.site"
BOX = ",0.1,0.2,0.3,0.4"
NO_BOX = ",,,,"
REST = ",,,,,"


def row(
    url: str = "", *, path: str = "", tag: str = "cup", box: str = BOX, rest: str = REST, key: str = ""
) -> str:
    return f"{key},{url},{path},{tag}{box}{rest}"


def u(name: str) -> str:
    return f"https://x.test/{name}.jpg"


# A mistake: the code that it has, and rows of which the last one is wrong.
MISTAKES: list[tuple[str, list[str]]] = [
    ("E001", [row(u("e001")) + ",one more"]),
    ("E002", [row()]),
    ("E003", [row(path="missing.png")]),
    ("E004", [row("ftp://x.test/1.jpg")]),
    ("E005", [row("https:///1.jpg")]),
    ("E006", [row("file:///data/1.jpg")]),
    ("E007", [row("gs://bucket/1.jpg")]),
    ("E008", [row('"https://x.test/a\tb.jpg"')]),
    ("E009", [row(path="folder.png")]),
    ("E010", [row(u("e010"), box=",a bit,0.2,0.3,0.4")]),
    ("E011", [row(u("e011"), box=",0.1,0.2,,0.4")]),
    ("E012", [row(u("e012"), box=",0.9,0.2,0.3,0.4")]),
    ("E013", [row(u("e013"), box=",0.1,0.2,0,0.4")]),
    ("E014", [row(u("e014"), box=",0.4,0.2,-0.3,0.4")]),
    ("E015", [row(u("e015"), tag="")]),
    ("E016", [row(u("e016"), tag='"  "', box=NO_BOX)]),
    ("E018", [row(u("e018-1"), key="k18"), row(u("e018-2"), key="k18")]),
    ("E019", [row(u("e019"), box=',"0,1",0.2,0.3,0.4')]),
    ("E020", [row(u("e020"), box=",NaN,0.2,0.3,0.4")]),
    ("E021", [row(u("e021"), box=",10,20,300,400")]),
    ("E022", [row(u("e022"), box=",10,20,30,40")]),
    ("E025", [row(u("e025"), rest=",,maybe,,,")]),
    ("E026", [row(u("e026"), tag="nothing", rest=",,Negative,,,")]),
    ("E027", [row(u("e027")), row(u("e027"), tag="nothing", box=NO_BOX, rest=",,Negative,,,")]),
    ("E028", [row(u("e028"), tag="empty", box=NO_BOX, rest=",,negative,,,")]),
    ("E029", [row(u("e029"), tag="nothing", box=NO_BOX, rest=",,Regular,,,")]),
    ("E030", [row(u("e030"), rest=",1,,,,"), row(u("e030"), tag="fork", rest=",2,,,,")]),
    ("E033", [row(u("e033"), rest=f",,,,,{'x' * 513}")]),
    ("E035", [row(u("e035"), rest=",,,640.5,480,")]),
    ("E036", [row(u("e036"), rest=",,,640,480,"), row(u("e036"), tag="fork", rest=",,,641,480,")]),
    ("E037", [row(path="empty.png")]),
    ("E038", [row("pictures/1.jpg")]),
    ("E039", [row(path="https://x.test/1.jpg")]),
    ("E049", [HEADER]),
    ("W001", [row(u("w001"), box=",0.5,0.2,0.500005,0.4")]),
    ("W002", [row(u("w002"), box=NO_BOX), row(u("w002"), box=NO_BOX)]),
    ("W003", [row(u("w003")), row(u("w003"))]),
    ("W004", [row(u("w004"), tag="CUP")]),
    ("W005", [row(u("w005"), tag='" cup"')]),
    ("W006", [row(u("w0 06"))]),
    ("W007", [row(path="../beside.png")]),
    ("W008", [row(u("w008") + ".webp")]),
    ("W009", [row(u("w009"), tag='"a\x07b"')]),
    ("W010", [row(u("w010"), tag="t" * 257)]),
    ("W011", [row(u("w011")), row(u("w011"), key="another")]),
    ("W012", [row(u("w012"), rest=",,,,,north"), row(u("w012"), tag="fork", rest=",,,,,south")]),
    ("W014", [row(u("w014"), rest=",,,10241,480,")]),
    ("W015", [row(path="large.png")]),
    ("W017", [row(u("w017")), row(u("w017"), tag="", box=NO_BOX)]),
]
FULL = [row(u("e031"), tag="cup", box=f",{n / 1000:g},0.2,0.3,0.4") for n in range(301)]
MANY = [row(u("e032"), tag=f"t{n}") for n in range(101)]


def lines() -> Iterator[tuple[str | None, str]]:
    """Rows and the code that each has."""
    negative = [row(u("none"), tag="nothing", box=NO_BOX, rest=",,Negative,,,")]
    for code, rows in [(None, negative), *MISTAKES, ("E031", FULL), ("E032", MANY)]:
        yield from ((None, one) for one in rows[:-1])
        yield code, rows[-1]


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Path, list[tuple[str, int]]]:
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("good.png", "../beside.png"):
        (folder / name).write_bytes(make_png(1))
    (folder / "large.png").write_bytes(bytes(6_000_001))
    (folder / "empty.png").touch()
    (folder / "folder.png").mkdir()
    listed = list(lines())
    good = [(None, row(u(f"good-{n}"))) for n in range(ROWS - len(listed))]
    # Good rows lie between the others, and the others in their order.
    step = len(good) // len(MISTAKES)
    mixed: list[tuple[str | None, str]] = []
    for n, line in enumerate(listed):
        mixed += [line, *good[n * step : (n + 1) * step]]
    mixed += good[len(listed) * step :]
    assert len(mixed) == ROWS
    path = folder / "m.csv"
    path.write_text("\n".join([HEADER, *(text for _, text in mixed)]) + "\n")
    return path, [(code, number) for number, (code, _) in enumerate(mixed, 1) if code]


def test_every_mistake_is_found_at_its_row_and_nothing_else(
    planted: tuple[Path, list[tuple[str, int]]],
) -> None:
    path, wanted = planted

    manifest = read_one(path, check_files=True)

    assert len({code for code, _ in wanted}) == 51
    errors = [(p.code, p.row) for p in manifest.problems]
    warnings = [(w.code, p.row) for w in manifest.warnings for p in w.problems or ()]
    assert sorted(errors + warnings) == sorted(wanted)
    assert manifest.rows == ROWS
    refused = {number for code, number in wanted if code.startswith("E")}
    gone = {number for code, number in wanted if code in ("W002", "W017")}
    assert len(manifest.labels) == ROWS - len(refused) - len(gone)


def test_the_rejects_of_all_mistakes_are_read_with_the_same_mistakes(
    planted: tuple[Path, list[tuple[str, int]]],
) -> None:
    path, wanted = planted
    manifest = read_one(path, check_files=True)
    alone = {"E018", "E027", "E028", "E029", "E030", "E031", "E032", "E036"}  # wrong beside other rows only

    rejects = path.parent / "rejects.csv"
    write_rejects(manifest, rejects, [(p.source, p.row, p.code, p.message) for p in manifest.problems])

    again = [p.code for p in read_one(rejects, check_files=True).problems if p.code not in alone]
    cut = [code for code, _ in wanted if code.startswith("E") and code not in alone | {"E001"}]
    assert sorted(again) == sorted(cut)
