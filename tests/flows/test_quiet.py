"""What `--quiet` leaves unsaid: all that went well, and nothing that was asked for."""

from __future__ import annotations

from terminal import Terminal


def test_what_went_well_says_nothing(terminal: Terminal) -> None:
    manifest, saved = terminal.manifest(terminal.rows(4)), terminal.folder / "p.plan"
    terminal.push(manifest)
    changed = terminal.manifest(terminal.rows(3), "changed.csv")

    for words in (
        ("push", manifest),
        ("verify", manifest),
        ("pull", "-o", terminal.folder / "pulled"),
        ("migrate", "shelf", "copy", "--create-project"),
        ("ledger", "rebuild", manifest),
        ("push", changed, "--delete", "--max-delete", "9"),
    ):
        ran = terminal.run(*words, "-q")

        assert (ran.code, ran.out, ran.err) == (0, "", ""), words
    (trash,) = terminal.state.glob("*/*/trash/*")
    undone = terminal.run("undo", trash.name, "-q")
    planned = terminal.run("plan", changed, "--delete", "--max-delete", "9", "-o", saved, "-q")
    applied = terminal.run("apply", saved, "-q")

    assert (undone.code, undone.out, undone.err) == (0, "", "")
    assert "delete image" in planned.out
    assert "saved" not in planned.out
    assert (applied.code, applied.out, applied.err) == (0, "", "")


def test_what_went_wrong_is_said_and_what_was_done(terminal: Terminal) -> None:
    rows = terminal.rows(2)
    rows[1]["url"] = ""

    pushed = terminal.push(terminal.manifest(rows), "-q")
    compared = terminal.run("verify", terminal.manifest(terminal.rows(2)), "-q")

    assert (pushed.code, compared.code) == (3, 10)
    assert "1 row refused" in pushed.out
    assert "E002" in pushed.err
    assert "image missing" in compared.out


def test_what_is_asked_for_is_shown(terminal: Terminal) -> None:
    terminal.push(terminal.manifest(terminal.rows(2)))

    for words in (("project", "ls"), ("tag", "ls"), ("status",), ("runs",), ("ledger", "show")):
        assert terminal.run(*words, "-q").out, words
