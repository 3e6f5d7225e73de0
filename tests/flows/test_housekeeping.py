"""Looking after a resource by hand: projects, tags, domains and iterations."""

from __future__ import annotations

from typing import Any

import click
import pytest
from schema import check_line
from terminal import Ran, Terminal

from cvsync.cli import asking, listing
from cvsync.cli.profiles import settable
from cvsync.run.lock import hold_lock


def events(ran: Ran, name: str) -> list[dict[str, Any]]:
    lines = [check_line(line) for line in ran.out.splitlines()]
    return [line for line in lines if line["ev"] == name]


def reason(ran: Ran) -> str:
    return str(ran.err.strip().removeprefix("cvsync: "))


@pytest.fixture
def pushed(terminal: Terminal) -> Terminal:
    """A project `shelf` of four pictures with tags fork and spoon."""
    assert terminal.push(terminal.manifest(terminal.rows(4))).code == 0
    terminal.forget()
    return terminal


def test_projects_are_created_listed_shown_and_removed(pushed: Terminal) -> None:
    made = pushed.run("project", "create", "Shelf-2", "--type", "classification", "--domain", "food")
    listed = pushed.run("project", "ls")
    shown = pushed.run("project", "show", "shelf")
    removed = pushed.run("project", "rm", made.out.strip(), "--yes")

    assert made.code == 0
    assert [line.split()[1] for line in listed.out.splitlines()] == ["name", "shelf", "Shelf-2"]
    assert "multiclass  Food" in listed.out
    assert "images       4\nuntagged     0\ntags         2\niterations   0\npublished\n" in shown.out
    assert (removed.code, "removed project Shelf-2" in removed.err) == (0, True)
    assert "Shelf-2" not in pushed.run("project", "ls").out


def test_lists_are_events_for_programs(pushed: Terminal) -> None:
    (project,) = events(pushed.run("project", "ls", "--json"), "project")
    (shown,) = events(pushed.run("project", "show", "--json"), "project")
    tags = events(pushed.run("tag", "ls", "--json"), "tag")
    domains = events(pushed.run("domain", "ls", "--type", "detection", "--json"), "domain")

    assert (project["name"], project["type"], project["domain"]) == ("shelf", "detection", "General")
    assert (shown["id"], shown["images"], shown["published"]) == (project["id"], 4, [])
    assert [(tag["name"], tag["images"]) for tag in tags] == [("fork", 2), ("spoon", 2)]
    assert {domain["type"] for domain in domains} == {"ObjectDetection"}
    assert any(domain["exportable"] for domain in domains)
    assert len(pushed.run("domain", "ls").out.splitlines()) > len(domains) + 1


def test_a_second_project_of_a_name_is_refused_and_two_are_told_apart_by_id(pushed: Terminal) -> None:
    again = pushed.run("project", "create", "shelf")
    pushed._ask("customvision/v3.3/training/projects?name=shelf", "POST")
    ambiguous = [
        pushed.run(*words)
        for words in (("project", "show"), ("project", "rm", "shelf", "--yes"), ("tag", "ls"))
    ]

    assert (again.code, "already" in again.err) == (2, True)
    assert [ran.code for ran in ambiguous] == [2, 2, 2]
    assert all("2 projects are named 'shelf'; give one of their ids" in ran.err for ran in ambiguous)
    ids = [line.split()[0] for line in pushed.run("project", "ls").out.splitlines()[1:]]
    assert [pushed.run("project", "show", project).code for project in ids] == [0, 0]


def test_a_renamed_tag_is_no_edit_and_a_removed_one_leaves_its_images(pushed: Terminal) -> None:
    renamed = pushed.run("tag", "rename", "fork", "Gabel")
    again = pushed.run("tag", "rename", "Gabel", "Gabel")
    edited = pushed.run("status").out
    taken = pushed.run("tag", "rename", "Gabel", "SPOON")
    removed = pushed.run("tag", "rm", "spoon", "spoon", "--yes")

    assert (renamed.code, renamed.err) == (0, renamed.err)
    assert "renamed tag fork to Gabel" in renamed.err
    assert (again.code, again.err) == (0, "")
    assert "edited" not in edited
    assert (taken.code, "a tag 'SPOON' already" in taken.err) == (2, True)
    assert (removed.code, pushed.writes()) == (0, {"UpdateTag": 1, "DeleteTag": 1})
    assert sorted(pushed.labels().values()) == [[], [], ["Gabel"], ["Gabel"]]


def test_project_that_may_have_been_meant_is_named(pushed: Terminal) -> None:
    pushed.forget()

    ran = pushed.run("plan", pushed.manifest(pushed.rows(1)), "-p", "Shelff")

    assert ran.code == 7
    assert "there is no project 'Shelff'; did you mean 'shelf'? --create-project makes it" in ran.err
    assert pushed.calls()["GetProjects"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("project", "show", "none"), "there is no project 'none'"),
        (("project", "rm", "none", "--yes"), "there is no project 'none'"),
        (("status", "-p", "Shelf"), "there is no project 'Shelf'; did you mean 'shelf'?"),
        (("tag", "rm", "fork", "knife", "--yes"), "there is no tag 'knife'; the project has: fork, spoon"),
        (("tag", "rename", "knife", "Messer"), "there is no tag 'knife'"),
        (("tag", "ls", "-p", "none"), "there is no project 'none'"),
        (("iteration", "rm", "Iteration 9", "--yes"), "there is no iteration 'Iteration 9'"),
    ],
)
def test_what_is_not_there_is_exit_7_and_nothing_is_removed(
    words: tuple[str, ...], said: str, pushed: Terminal
) -> None:
    ran = pushed.run(*words)

    assert (ran.code, pushed.writes()) == (7, {})
    assert reason(ran).startswith(said)


@pytest.mark.parametrize("words", [("project", "rm", "shelf"), ("tag", "rm", "fork")])
def test_without_a_terminal_nothing_is_removed_unless_yes_is_said(
    words: tuple[str, ...], pushed: Terminal
) -> None:
    ran = pushed.run(*words)

    assert (ran.code, pushed.writes()) == (2, {})
    assert "say --yes" in ran.err


@pytest.mark.parametrize("words", [(), ("",), (" ",)])
def test_no_project_is_removed_by_default(words: tuple[str, ...], pushed: Terminal) -> None:
    with pytest.raises(click.UsageError):
        pushed.run("project", "rm", *words, "--yes")

    assert pushed.writes() == {}


def test_only_who_types_yes_agrees(pushed: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVSYNC_YES", "1")
    ran = pushed.run("tag", "rm", "fork")

    assert (ran.code, "yes" in settable()) == (2, False)


@pytest.mark.parametrize(
    "words", [("project", "rm", "shelf"), ("iteration", "rm", "Iteration 9"), ("tag", "rm", "fork")]
)
def test_nothing_is_looked_at_or_asked_for_removal_while_a_run_is_at_work(
    words: tuple[str, ...], pushed: Terminal
) -> None:
    (folder,) = {path.parent for path in pushed.state.rglob("ledger.sqlite")}
    with hold_lock(folder, run_id="first"):
        ran = pushed.run(*words)  # without --yes: it would be refused for that, were it asked

    assert (ran.code, "another run is at work" in ran.err) == (8, True)


@pytest.mark.parametrize(("answer", "code", "calls"), [("y\n", 0, {"DeleteTag": 1}), ("\n", 130, {})])
def test_at_a_terminal_a_person_is_asked(
    answer: str, code: int, calls: dict[str, int], pushed: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_is_terminal", lambda: True)
    ran = pushed.run("tag", "rm", "fork", stdin=answer)

    assert (ran.code, pushed.writes()) == (code, calls)
    assert "Remove tag 'fork' of 2 images? [y/N]" in ran.err


@pytest.mark.usefixtures("quick_learner")
def test_iterations_are_listed_and_removed_but_never_one_that_is_published(terminal: Terminal) -> None:
    for count in (30, 32):
        manifest = terminal.manifest(terminal.rows(count))
        assert terminal.push(manifest, "--train").code == 0
    (newest, oldest) = events(terminal.run("iteration", "ls", "--json"), "iteration")
    terminal._ask(
        f"customvision/v3.3/training/projects/{terminal.project()}/iterations/{newest['id']}/publish"
        "?publishName=live&predictionId=/subscriptions/x",
        "POST",
    )
    refused = terminal.run("iteration", "rm", oldest["name"], newest["id"], "--yes")
    project = terminal.run("project", "rm", "shelf", "--yes")
    table = terminal.run("iteration", "ls").out
    removed = terminal.run("iteration", "rm", oldest["name"], "--yes")

    assert (oldest["status"], oldest["published"]) == ("Completed", None)
    assert (refused.code, "is published as 'live'" in refused.err) == (6, True)
    assert (project.code, "answers predictions as live" in project.err) == (6, True)
    assert removed.code == 0
    assert len(table.splitlines()) == 3
    (left,) = events(terminal.run("iteration", "ls", "--json"), "iteration")
    assert (left["id"], left["published"]) == (newest["id"], "live")


def test_a_table_has_numbers_at_the_right_and_nothing_where_nothing_is_known() -> None:
    entries = [
        {"name": "a", "images": 5, "is_new": True, "type": None},
        {"name": "bcd", "images": 1234, "is_new": False, "type": ["x", "y"]},
    ]

    assert [*listing.table_lines(entries)] == [
        "name  images  is new  type",
        "a          5  yes",
        "bcd    1,234  no      x, y",
    ]
