"""Files of plans, from the command line: what is none, and what cannot be one yet."""

from __future__ import annotations

from terminal import Terminal


def test_a_plan_for_a_project_that_is_not_there_says_how_it_is_made(terminal: Terminal) -> None:
    manifest, saved = terminal.manifest(terminal.rows(3)), terminal.folder / "shelf.plan"
    options = ("-p", "my shelf", "--create-project", "-o", saved)

    planned = terminal.run("plan", manifest, *options)
    made = terminal.run("project", "create", "my shelf", "--type", "detection")
    again = terminal.run("plan", manifest, *options)

    assert planned.code == 2
    assert "`cvsync project create 'my shelf' --type detection` makes it" in planned.err
    assert (made.code, again.code, saved.exists()) == (0, 0, True)


def test_a_file_that_is_no_plan_is_a_wrong_argument(terminal: Terminal) -> None:
    applied = terminal.run("apply", terminal.manifest(terminal.rows(1)))

    assert applied.code == 2
    assert "cannot be read as a plan" in applied.err
