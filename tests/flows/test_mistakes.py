"""A thousand rows with forty different mistakes, pushed, mended and pushed again."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

from make import make_png
from terminal import Terminal

from cvsync import limits

ROWS = 1000
SPARE = [f"metadata.m{n}" for n in range(limits.MAX_METADATA_PAIRS)]
HEADER = [
    "number", "key", "url", "path", "tag", "left", "top", "width", "height", "version", "tag_type",
    "image_width", "image_height", "metadata.site", *SPARE,
]  # fmt: skip
BOX = {"left": "0.1", "top": "0.2", "width": "0.3", "height": "0.4"}
NO_BOX = dict.fromkeys(BOX, "")
Cells = dict[str, str]


@dataclass(frozen=True)
class Mistake:
    code: str
    wrong: Cells
    """What a good row of its own image has instead."""
    mended: Cells = field(default_factory=dict)
    """What is to be done about it, where the good row's cells are not the answer."""
    before: tuple[Cells, ...] = ()
    """Good rows beside which it is one, as they differ from a good row of its own image."""


ALONE = [
    Mistake("E002", {"url": ""}),
    Mistake("E004", {"url": "ftp://x.test/1.jpg"}),
    Mistake("E005", {"url": "https:///1.jpg"}),
    Mistake("E006", {"url": "file:///data/1.jpg"}),
    Mistake("E007", {"url": "gs://bucket/1.jpg"}),
    Mistake("E008", {"url": "https://x.test/a\tb.jpg"}),
    Mistake("E010", {"left": "a bit"}),
    Mistake("E011", {"width": ""}),
    Mistake("E012", {"left": "0.9"}),
    Mistake("E013", {"width": "0"}),
    Mistake("E014", {"left": "0.4", "width": "-0.3"}),
    Mistake("E015", {"tag": ""}),
    Mistake("E016", {"tag": "  "} | NO_BOX),
    Mistake("E019", {"left": "0,1"}),
    Mistake("E020", {"left": "NaN"}),
    Mistake("E021", {"left": "10", "top": "20", "width": "300", "height": "400"}),
    Mistake("E022", {"left": "10", "top": "20", "width": "30", "height": "40"}),
    Mistake("E025", {"tag_type": "maybe"}),
    Mistake("E026", {"tag": "nothing", "tag_type": "Negative"}),
    Mistake("E028", {"tag": "empty", "tag_type": "negative"} | NO_BOX),
    Mistake("E029", {"tag": "nothing", "tag_type": "Regular"} | NO_BOX),
    Mistake("E033", {"metadata.site": "x" * 513}),
    Mistake("E034", dict.fromkeys(["metadata.site", *SPARE], "x")),
    Mistake("E035", {"image_width": "640.5", "image_height": "480"}),
    Mistake("E038", {"url": "pictures/1.jpg"}),
    Mistake("E039", {"url": "", "path": "https://x.test/1.jpg"}),
    Mistake("E110", {"url": "", "path": "large.png"}),
    Mistake("E111", {"url": "", "path": "missing.png"}),
]
BESIDE_OTHERS = [
    Mistake("E018", {"key": "k18"}, {"key": "other"}, ({"key": "k18", "url": "spare-1.png"},)),
    Mistake("E027", {"tag": "nothing", "tag_type": "Negative"} | NO_BOX, {"tag": "fork"}, ({},)),
    Mistake("E030", {"version": "2", "tag": "fork"}, {"version": "1", "tag": "fork"}, ({"version": "1"},)),
    Mistake(
        "E036",
        {"image_width": "641", "image_height": "480", "tag": "fork"},
        {"image_width": "640", "image_height": "480", "tag": "fork"},
        ({"image_width": "640", "image_height": "480"},),
    ),
    Mistake(
        "E031",
        {"left": "0.5"},
        {"left": "0.5", "url": "spare-2.png"},
        tuple({"left": f"{n / 1000:g}"} for n in range(limits.MAX_REGIONS_PER_IMAGE)),
    ),
    Mistake(
        "E032",
        {"tag": "one too many"},
        {"tag": "t0", "left": "0.5"},
        tuple({"tag": f"t{n}"} for n in range(limits.MAX_TAGS_PER_IMAGE)),
    ),
]
SENT_IN_VAIN = [
    Mistake("ErrorSource", {"url": "none.png"}),
    Mistake("ErrorImageFormat", {"url": "text.png"}),
    Mistake("ErrorImageSize", {"url": "huge.png"}),
]
# E101 stands first: its row says that "nothing" is a negative tag, which others contradict.
MISTAKES = [
    Mistake("E101", {"tag": "nothing", "tag_type": "Negative"} | NO_BOX), Mistake("E001", {}), *ALONE,
    *BESIDE_OTHERS, *SENT_IN_VAIN, Mistake("E049", dict(zip(HEADER, HEADER, strict=True))),
]  # fmt: skip


@dataclass(frozen=True)
class Row:
    code: str | None
    written: Cells
    right: Cells | None
    """What it is mended to; None: it goes."""


def planted_rows(terminal: Terminal) -> list[Row]:
    """A thousand rows, those that are wrong all over them."""

    def of_image(name: str, cells: Cells) -> Cells:
        row = {"url": f"{name}.png", "tag": "cup"} | BOX | cells
        is_ours = row["url"].endswith(".png")
        return dict.fromkeys(HEADER, "") | row | ({"url": terminal.url(row["url"])} if is_ours else {})

    bad: list[Row] = []
    for mistake in MISTAKES:
        before = [of_image(mistake.code, cells) for cells in mistake.before]
        bad += [Row(None, cells, cells) for cells in before]
        right = None if mistake.code == "E049" else of_image(mistake.code, mistake.mended)
        bad.append(Row(mistake.code, of_image(mistake.code, mistake.wrong), right))
    count = ROWS - len(bad)
    rows: list[Row] = []
    for n in range(count):
        rows += bad[n * len(bad) // count : (n + 1) * len(bad) // count]
        cells = of_image(f"good-{n // 10}", {"left": f"{n % 10 / 20:g}"})
        rows.append(Row(None, cells, cells))
    names = {Path(cells["url"]).name for row in rows if (cells := row.right)}
    for seed, name in enumerate(sorted(names)):
        (terminal.pictures / name).write_bytes(make_png(seed, (16, 12)))
    (terminal.pictures / "text.png").write_text("no picture")
    (terminal.pictures / "huge.png").write_bytes(make_png(1, (1500, 1500)))
    (terminal.folder / "large.png").write_bytes(bytes(limits.MAX_IMAGE_BYTES + 1))
    return rows


def write(path: Path, rows: list[Cells], *, longer: int | None = None) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number, row in enumerate(rows, 1):
            cells = row if row["key"] == "key" else row | {"number": str(number)}
            writer.writerow([*cells.values(), *(["one more"] if number == longer else [])])
    return path


def test_forty_mistakes_in_a_thousand_rows_are_found_mended_and_pushed(terminal: Terminal) -> None:
    rows = planted_rows(terminal)
    codes = {number: row.code for number, row in enumerate(rows, 1) if row.code}
    longer = next(number for number, code in codes.items() if code == "E001")
    manifest = write(terminal.folder / "m.csv", [row.written for row in rows], longer=longer)
    rejects = terminal.folder / "rejects.csv"

    pushed = terminal.push(manifest, "--type", "detection", "--rejects", rejects, "--json")

    assert (len(rows), len(codes), len({*codes.values()})) == (ROWS, 40, 40)
    events = [json.loads(line) for line in pushed.out.splitlines()]
    refused = [event for event in events if event["ev"] == "item_refused"]
    assert {event["row"]: event["code"] for event in refused} == codes
    assert len(refused) == len(codes)
    assert pushed.code == 3
    with rejects.open(newline="") as file:
        lines = [*csv.DictReader(file)]
    told = {line["number"]: line["error_code"] for line in lines}
    assert told == {"number" if code == "E049" else str(n): code for n, code in codes.items()}

    of_code = {row.code: row.right for row in rows if row.code}
    mended = [
        line | {name: cell for name, cell in right.items() if name != "number"}
        for line in lines
        if (right := of_code[line["error_code"]]) is not None
    ]
    with rejects.open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0].keys())
        writer.writeheader()
        writer.writerows(mended)
    completed = terminal.push(rejects)
    right = write(terminal.folder / "right.csv", [row.right for row in rows if row.right])
    compared = terminal.run("plan", right, "--exit-code")

    assert completed.code == 0, completed.err
    assert compared.code == 0, compared.out
    assert (
        compared.out.splitlines()[-1] == f"{len({row.right['url'] for row in rows if row.right})} unchanged"
    )


def test_mended_rejects_leave_the_other_labels_of_their_images(terminal: Terminal) -> None:
    rows = terminal.rows(2)
    rows += [rows[0] | {"tag": "cup", "left": "x"}, rows[0] | {"tag": "cup"}]
    manifest, rejects = terminal.manifest(rows), terminal.folder / "rejects.csv"
    terminal.push(manifest, "--rejects", rejects)
    rejects.write_text(rejects.read_text().replace('"x"', "0.5"))

    pushed = terminal.push(rejects)
    rows[2]["left"] = 0.5
    compared = terminal.run("plan", terminal.manifest(rows), "--exit-code")
    deleting = terminal.run("push", rejects, "--delete", "--max-delete", "9")

    assert (pushed.code, pushed.out) == (0, "1 label added\n")
    assert "refused rows, whose images keep their other labels" in pushed.err
    assert compared.code == 0
    assert deleting.code == 6
    assert "--delete refused: a rejects file names only what was refused; nothing was sent" in deleting.err
    assert len(terminal.images()) == 2
