"""What stands in a manifest of strangers cannot pretend to be what a command says."""

from __future__ import annotations

import pytest
from make import make_png, write_csv
from terminal import Terminal

TAG = "fork\n0 unchanged\x1b[2J\u202e"
SHOWN = r"fork\n0 unchanged\x1b[2J\u202e"


@pytest.mark.parametrize("command", [("plan", "m.csv"), ("verify", "m.csv"), ("tag", "ls")])
def test_a_tag_stays_in_its_line(
    terminal: Terminal, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(terminal.folder)
    one, other = ({**row, "tag": TAG} for row in terminal.rows(2))
    terminal.push(terminal.manifest([one]))
    terminal.manifest([one, other]).rename("m.csv")

    done = terminal.run(*command)

    assert SHOWN in done.out
    assert not {"\x1b", "\u202e"} & {*done.out}
    assert [line for line in done.out.splitlines() if line.startswith("0 unchanged\\")] == []


def test_a_name_of_a_refused_file_stays_in_its_line(terminal: Terminal) -> None:
    (terminal.folder / "a\n0 images refused\x1b[2J.png").write_bytes(b"no picture")

    done = terminal.push(terminal.manifest([{"path": "a\n0 images refused\x1b[2J.png", "tag": "fork"}]))

    assert done.code == 3
    assert r"a\n0 images refused\x1b[2J.png: " in done.err
    assert "\x1b" not in done.err


@pytest.mark.usefixtures("quick_learner")
def test_what_a_model_is_like_and_sees_stays_in_its_line(terminal: Terminal) -> None:
    rows = [{"url": row["url"], "tag": (TAG, "spoon")[n % 2]} for n, row in enumerate(terminal.rows(10))]
    trained = terminal.push(terminal.manifest(rows), "--train")
    picture = terminal.folder / "a\nspoon  100.0%\x1b[2J.png"
    picture.write_bytes(make_png(77))
    held_out = write_csv(terminal.folder / "held-out.csv", [{"path": picture.name, "tag": TAG}])

    seen = terminal.run("test", picture)
    judged = terminal.run("evaluate", held_out)

    for said in (trained.err, seen.out, judged.out):
        assert SHOWN in said
        assert not {"\x1b", "\u202e"} & {*said}
    for said in (seen.out, judged.out):
        assert r"a\nspoon  100.0%\x1b[2J.png" in said


def test_names_of_a_project_and_a_manifest_stay_in_their_lines(terminal: Terminal) -> None:
    manifest = terminal.manifest([{"url": "ftp://pictures.test/1", "tag": "fork"}], f"{TAG}.csv")

    checked = terminal.run("validate", manifest)
    created = terminal.push(terminal.manifest(terminal.rows(1)), "-p", TAG)
    missing = terminal.push("no\x1b.csv")
    report = terminal.folder / "report.txt"
    terminal.run("verify", manifest, "-p", TAG, "--report", report)

    assert f"{SHOWN}.csv row 1: url" in checked.out
    assert f"created detection project {SHOWN} (" in created.err
    assert r"no\x1b.csv: there is no such file" in missing.err
    assert f"with project {SHOWN} (" in report.read_text()
    assert not {"\x1b", "\u202e"} & {*checked.out, *created.err, *missing.err, *report.read_text()}
