from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cvsync.run.commits import Commits


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "facts.sqlite"


@pytest.fixture
def db(file: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("CREATE TABLE facts (name TEXT PRIMARY KEY, says TEXT)")
    connection.execute(
        "CREATE TABLE claims (name TEXT REFERENCES facts (name) DEFERRABLE INITIALLY DEFERRED)"
    )
    yield connection
    connection.close()


def committed(file: Path) -> list[str]:
    """What another process would read."""
    other = sqlite3.connect(file)
    try:
        return [name for (name,) in other.execute("SELECT name FROM facts ORDER BY name")]
    finally:
        other.close()


def hold(commits: Commits, db: sqlite3.Connection, name: str) -> None:
    with commits.held():
        db.execute("INSERT INTO facts (name) VALUES (?)", (name,))


async def test_what_is_held_is_committed_when_the_event_loop_comes_round(
    db: sqlite3.Connection, file: Path
) -> None:
    commits = Commits(db)
    hold(commits, db, "a")
    hold(commits, db, "b")
    assert committed(file) == []

    await asyncio.sleep(0)

    assert committed(file) == ["a", "b"]


async def test_a_statement_is_committed_at_once_and_what_is_held_with_it(
    db: sqlite3.Connection, file: Path
) -> None:
    commits = Commits(db)
    hold(commits, db, "a")

    commits.execute("INSERT INTO facts (name) VALUES ('b')")

    assert committed(file) == ["a", "b"]


@pytest.mark.parametrize("is_held", [False, True])
async def test_what_joins_is_committed_whole_and_at_once(
    is_held: bool, db: sqlite3.Connection, file: Path
) -> None:
    commits = Commits(db)
    if is_held:
        hold(commits, db, "a")

    with commits.joined():
        db.execute("INSERT INTO facts (name) VALUES ('b')")
        assert committed(file) == []
        db.execute("INSERT INTO facts (name) VALUES ('c')")

    assert committed(file) == ["a"] * is_held + ["b", "c"]


async def test_a_transaction_that_fails_undoes_itself_alone(db: sqlite3.Connection, file: Path) -> None:
    commits = Commits(db)
    hold(commits, db, "a")

    with pytest.raises(sqlite3.IntegrityError), commits.transaction():
        db.execute("INSERT INTO facts (name) VALUES ('b')")
        db.execute("INSERT INTO facts (name) VALUES ('a')")

    assert committed(file) == ["a"]
    with commits.transaction():
        db.execute("INSERT INTO facts (name) VALUES ('c')")
    assert committed(file) == ["a", "c"]


def test_without_an_event_loop_everything_is_committed_at_once(db: sqlite3.Connection, file: Path) -> None:
    hold(Commits(db), db, "a")

    assert committed(file) == ["a"]


@pytest.mark.parametrize("block", ["held", "joined"])
async def test_an_error_undoes_all_that_is_held(block: str, db: sqlite3.Connection, file: Path) -> None:
    commits = Commits(db)
    hold(commits, db, "a")

    with pytest.raises(sqlite3.IntegrityError), getattr(commits, block)():
        db.execute("INSERT INTO facts (name) VALUES ('b')")
        db.execute("INSERT INTO facts (name) VALUES ('b')")
    await asyncio.sleep(0)

    assert committed(file) == []
    commits.execute("INSERT INTO facts (name) VALUES ('c')")
    assert committed(file) == ["c"]


@pytest.mark.parametrize("outer", ["held", "transaction"])
async def test_a_transaction_begins_in_no_other(outer: str, db: sqlite3.Connection, file: Path) -> None:
    commits = Commits(db)

    with (
        pytest.raises(sqlite3.OperationalError, match="within a transaction"),
        getattr(commits, outer)(),
    ):
        db.execute("INSERT INTO facts (name) VALUES ('a')")
        with commits.transaction():
            db.execute("INSERT INTO facts (name) VALUES ('b')")
    await asyncio.sleep(0)

    assert committed(file) == []


def refuse(db: sqlite3.Connection) -> None:
    """Whatever is held now cannot be committed."""
    db.execute("INSERT INTO claims VALUES ('nobody')")


def undo(db: sqlite3.Connection) -> None:
    """SQLite undoes what is held by itself, as on a full disk."""
    db.execute("ROLLBACK")


@pytest.mark.parametrize("harm", [refuse, undo])
@pytest.mark.parametrize("write", ["execute", "joined", "transaction", "held", "commit"])
async def test_after_a_commit_that_failed_nothing_more_is_written(
    harm: Callable[[sqlite3.Connection], None], write: str, db: sqlite3.Connection, file: Path
) -> None:
    commits = Commits(db)
    hold(commits, db, "a")
    harm(db)

    await asyncio.sleep(0)

    with pytest.raises(sqlite3.Error, match=r"FOREIGN KEY|no transaction"):
        if write == "execute":
            commits.execute("INSERT INTO facts (name) VALUES ('b')")
        elif write == "commit":
            commits.commit()
        else:
            with getattr(commits, write)():
                db.execute("INSERT INTO facts (name) VALUES ('b')")
    await asyncio.sleep(0)
    assert committed(file) == []


async def test_a_transaction_that_cannot_be_committed_is_undone(db: sqlite3.Connection, file: Path) -> None:
    commits = Commits(db)

    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), commits.transaction():
        db.execute("INSERT INTO facts (name) VALUES ('a')")
        refuse(db)

    commits.execute("INSERT INTO facts (name) VALUES ('b')")
    assert committed(file) == ["b"]
