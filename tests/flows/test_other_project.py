"""What is asked of a new project, where there is one already that is otherwise."""

from __future__ import annotations

import click
import pytest
from terminal import Terminal

CARS = "General (compact)"


def labelled(terminal: Terminal) -> list[dict[str, str]]:
    """Rows of a classification project."""
    return [{"url": row["url"], "tag": row["tag"]} for row in terminal.rows(4)]


def test_another_type_that_no_label_fits_is_refused(terminal: Terminal) -> None:
    manifest = terminal.manifest(labelled(terminal))
    terminal.push(manifest)
    terminal.forget()

    pushed = terminal.push(manifest, "--type", "detection")

    assert pushed.code == 2
    assert "project 'shelf' is multiclass, and --type says detection; is it the right project?" in pushed.err
    assert terminal.writes() == {}


def test_another_type_or_domain_is_told_and_the_push_goes_on(terminal: Terminal) -> None:
    manifest = terminal.manifest(labelled(terminal))
    terminal.push(manifest)

    pushed = terminal.push(manifest, "--type", "multilabel", "--domain", CARS)
    same = terminal.push(manifest, "--type", "classification", "--domain", "general")

    assert (pushed.code, same.code) == (0, 0)
    assert "is multiclass, and --type says multilabel, which is of new projects" in pushed.err
    assert f"starts from domain General, and --domain says {CARS}, which is of new" in pushed.err
    assert "warning" not in same.err


def test_a_copy_that_is_there_is_told_of_the_domain_that_was_asked_for_only(terminal: Terminal) -> None:
    terminal.push(terminal.manifest(labelled(terminal)))
    terminal.run("project", "create", "copy", "--domain", CARS)

    silent = terminal.run("migrate", "shelf", "copy", "--create-project")
    asked = terminal.run("migrate", "shelf", "copy", "--create-project", "--domain", "General")

    assert (silent.code, asked.code) == (0, 0)
    assert "domain" not in silent.err
    assert f"starts from domain {CARS}, and --domain says General" in asked.err


@pytest.mark.parametrize(
    "words", [("push", "m.csv", "--type", "detection"), ("migrate", "shelf", "copy", "--domain", "Food")]
)
def test_what_is_of_a_new_project_goes_with_leave_to_make_one(
    terminal: Terminal, words: tuple[str, ...]
) -> None:
    with pytest.raises(click.UsageError, match="give --create-project too"):
        terminal.run(*words)
