from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cvsync.api.rates import ABSENT_AFTER, LEARNT_FOR, RateBook
from cvsync.run.private import make_private

CANARY = "canary-key-of-32-hexadecimal-digits"
OpenBook = Callable[[], RateBook]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "rates.sqlite"


@pytest.fixture
def open_book(path: Path, clock: Clock, complaints: list[str]) -> Iterator[OpenBook]:
    """Open the book as each run does."""
    opened = []

    def make() -> RateBook:
        opened.append(RateBook(path, prepare=make_private, clock=clock, complain=complaints.append))
        return opened[-1]

    yield make
    for book in opened:
        book.close()


def test_rate_is_remembered_for_a_week(open_book: OpenBook, clock: Clock) -> None:
    open_book().of("https://a.test", CANARY).learn("writes", 9.5)

    memory = open_book().of("https://A.test", CANARY)
    assert memory.recall("writes") == 9.5
    assert memory.recall("reads") is None
    clock.now += LEARNT_FOR + 1
    assert memory.recall("writes") is None


def test_rate_is_of_one_endpoint_and_one_key(open_book: OpenBook) -> None:
    book = open_book()
    book.of("https://a.test", "k").learn("writes", 9.5)

    assert book.of("https://b.test", "k").recall("writes") is None
    assert book.of("https://a.test", "l").recall("writes") is None


def test_file_is_for_its_owner_and_holds_no_key(open_book: OpenBook, path: Path) -> None:
    memory = open_book().of("https://a.test", CANARY)
    memory.learn("writes", 9.5)
    memory.renew("writes", 9.5)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert CANARY.encode() not in path.read_bytes()
    assert b"a.test" not in path.read_bytes()


def test_names_of_a_resource_differ_from_file_to_file(tmp_path: Path) -> None:
    names = []
    for n in range(2):
        book = RateBook(tmp_path / f"{n}.sqlite", prepare=make_private)
        book.of("https://a.test", CANARY).learn("writes", 1.0)
        names.append(book.name("https://a.test", CANARY))
        book.close()

    assert None not in names
    assert names[0] != names[1]


def test_reading_makes_no_file(open_book: OpenBook, path: Path) -> None:
    memory = open_book().of("https://a.test", CANARY)

    assert memory.recall("writes") is None
    assert memory.others("writes") == []
    memory.leave()
    assert not path.exists()


def test_runs_see_each_other_until_they_leave(open_book: OpenBook) -> None:
    mine, other = (open_book().of("https://a.test", CANARY) for _ in range(2))
    mine.renew("writes", 6.0)
    other.renew("writes", 4.0)

    assert mine.others("writes") == [4.0]
    assert mine.others("reads") == []
    other.leave()
    assert mine.others("writes") == []


def test_run_that_was_killed_is_forgotten(open_book: OpenBook, clock: Clock) -> None:
    mine, killed = (open_book().of("https://a.test", CANARY) for _ in range(2))
    killed.renew("writes", 4.0)

    clock.now += ABSENT_AFTER + 0.1

    assert mine.others("writes") == []


def test_damaged_file_is_told_of_once_and_replaced_by_the_next_run(
    open_book: OpenBook, path: Path, complaints: list[str]
) -> None:
    make_private(path)
    path.write_bytes(b"no database" * 100)
    memory = open_book().of("https://a.test", CANARY)

    memory.learn("writes", 9.5)
    assert memory.recall("writes") is None
    assert len(complaints) == 1
    assert "not a database" in complaints[0]

    memory = open_book().of("https://a.test", CANARY)
    memory.learn("writes", 9.5)
    assert memory.recall("writes") == 9.5


@pytest.mark.skipif(os.name == "nt", reason="folders have no such modes")
def test_state_that_cannot_be_written_stops_nothing(tmp_path: Path, complaints: list[str]) -> None:
    (tmp_path / "file").write_text("")
    book = RateBook(tmp_path / "file" / "rates.sqlite", prepare=make_private, complain=complaints.append)

    book.of("https://a.test", CANARY).learn("writes", 9.5)

    assert len(complaints) == 1


def test_file_that_another_run_is_writing_is_let_be(
    open_book: OpenBook, path: Path, complaints: list[str]
) -> None:
    memory = open_book().of("https://a.test", CANARY)
    memory.learn("writes", 9.5)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    memory.learn("writes", 8.0)
    other.execute("ROLLBACK")
    other.close()

    assert memory.recall("writes") == 9.5
    assert complaints == []
