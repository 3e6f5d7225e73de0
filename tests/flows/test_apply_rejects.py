"""What is refused while a saved plan is carried out is written down, as a push would."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from make import make_png
from terminal import BOX, Terminal

from cvsync.manifest import Reading, Units, read, recall, remember


@pytest.fixture
def listed(terminal: Terminal) -> list[dict[str, Any]]:
    """Rows of which the service will refuse two, with a column of the user's own."""
    rows = [row | {"note": f"no. {n}", "version": "7"} for n, row in enumerate(terminal.rows(3))]
    rows += [
        rows[0] | {"url": terminal.url("late.png"), "tag": tag, "note": "late"} for tag in ("fork", "cup")
    ]
    terminal.push(terminal.manifest(rows[:1]))
    return rows


def rejected(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]


def test_refused_rows_are_written_as_they_stand(terminal: Terminal, listed: list[dict[str, Any]]) -> None:
    manifest = terminal.manifest(listed)
    saved, rejects, of_push = (terminal.folder / name for name in ("p.plan", "r.csv", "of-push.csv"))
    assert terminal.run("plan", manifest, "-o", saved).code == 0

    applied = terminal.run("apply", saved, "--rejects", rejects)
    pushed = terminal.push(manifest, "--rejects", of_push)

    assert (applied.code, pushed.code) == (3, 3)
    assert applied.out.splitlines()[-1] == f"rejects: {rejects}"
    assert [(row["note"], row["tag"], row["error_code"]) for row in rejected(rejects)] == [
        ("late", "fork", "ErrorSource"), ("late", "cup", "ErrorSource"),
    ]  # fmt: skip
    assert rejects.read_text() == of_push.read_text()
    assert rejects.stat().st_mode & 0o777 == 0o600
    (terminal.pictures / "late.png").write_bytes(make_png(99))
    assert terminal.push(rejects).code == 0
    assert len(terminal.images()) == 4


@pytest.mark.parametrize("what", ["gone", "changed", "stdin"])
def test_where_its_manifest_is_not_what_it_was_the_plan_says_the_rows(
    terminal: Terminal, listed: list[dict[str, Any]], what: str
) -> None:
    manifest, saved = terminal.manifest(listed), terminal.folder / "p.plan"
    stdin = manifest.read_text() if what == "stdin" else None
    terminal.run("plan", "-" if stdin else manifest, "-o", saved, stdin=stdin)
    if what == "changed":
        terminal.manifest([*listed[::-1], *listed])
    else:
        manifest.unlink()

    applied = terminal.run("apply", saved)

    assert applied.code == 3
    rejects = Path(applied.out.splitlines()[-1].removeprefix("rejects: "))
    place = {"url": terminal.url("late.png"), "key": terminal.url("late.png"), "version": "7"}
    box = {name: str(size) for name, size in BOX.items()}
    assert [{k: v for k, v in row.items() if k != "error"} for row in rejected(rejects)] == [
        place | box | {"tag": tag, "error_code": "ErrorSource"} for tag in ("fork", "cup")
    ]
    (terminal.pictures / "late.png").write_bytes(make_png(99))
    assert terminal.push(rejects).code == 0
    assert sorted(terminal.labels().values())[0] == ["cup", "fork"]


def test_a_plan_is_applied_from_any_folder(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.rows(2)
    (terminal.pictures / "broken.png").write_bytes(b"no picture")
    (terminal.pictures / "m.csv").write_text("path,tag\n0.png,a\n1.png,b\nbroken.png,b\n")
    monkeypatch.chdir(terminal.pictures)
    terminal.push("m.csv", "--max-errors", "10")
    (terminal.pictures / "m.csv").write_text("path,tag\n0.png,b\n1.png,b\nbroken.png,b\n2.png,a\n")
    (terminal.pictures / "2.png").write_bytes(make_png(2))
    terminal.run("plan", "m.csv", "-o", terminal.folder / "p.plan")
    monkeypatch.chdir(terminal.folder)

    applied = terminal.run("apply", "p.plan", "--rejects", "r.jsonl")

    assert applied.out.splitlines()[0] == (
        "1 image created, 2 labels added, 1 label removed, 1 image refused"
    )
    (line,) = (terminal.folder / "r.jsonl").read_text().splitlines()
    said = json.loads(line)
    assert (said["path"], said["error_code"]) == (str(terminal.pictures / "broken.png"), "ErrorImageFormat")
    assert said["key"] == "broken.png"


def test_labels_in_the_plans_own_terms_are_a_manifest_in_any_format(
    terminal: Terminal, listed: list[dict[str, Any]]
) -> None:
    manifest, saved = terminal.manifest(listed), terminal.folder / "p.plan"
    terminal.run("plan", manifest, "-o", saved, "--metadata", "note")
    manifest.unlink()

    applied = terminal.run("apply", saved, "--rejects", terminal.folder / "r.parquet")

    table = pq.read_table(terminal.folder / "r.parquet")
    assert applied.code == 3
    assert table.column("metadata.note").to_pylist() == ["late", "late"]
    assert table.column("left").to_pylist() == pa.array([0.1, 0.1], pa.float32()).to_pylist()
    assert not read([terminal.folder / "r.parquet"]).problems


def test_a_manifest_is_read_again_as_it_was_read(tmp_path: Path) -> None:
    reading = Reading(
        columns={"url": "link"}, units=Units.PIXEL, images=tmp_path, metadata=("note",), negative="none"
    )
    (tmp_path / "m.csv").write_text(
        "link,tag,left,top,width,height,image_width,image_height,note\nhttps://x.test/1,a,10,10,10,10,100,50,n\n"
    )
    manifest = read([tmp_path / "m.csv"], reading)

    said = json.loads(json.dumps(remember(manifest)))
    again = recall(said)

    assert again is not None
    assert again.labels.table.equals(manifest.labels.table)
    assert again.convention == manifest.convention
    (tmp_path / "m.csv").write_text("link,tag\nhttps://x.test/1,a\n")
    assert recall(said) is None
    (tmp_path / "m.csv").unlink()
    assert recall(said) is None
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(make_png(1))
    assert remember(read([tmp_path], Reading(format="folders"))) is None
