"""The rates that runs of this machine learnt and use, in one small SQLite file.

    salt      one row: makes names of resources that nobody can guess a key by
    learnt    resource, lane -> the rate that was found, and when; it counts for a week
    active    resource, lane, who -> the rate that a run uses now, renewed every few seconds

A resource is an endpoint and a credential, written as a salted hash of both. What the file says is a help and
never a need: where it cannot be read or written, a run finds its rate as if it were alone and the first.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

LEARNT_FOR = 7 * 86400.0
BEAT_SECONDS = 2.0  # between two renewals
ABSENT_AFTER = 3 * BEAT_SECONDS

_TABLES = (
    "CREATE TABLE IF NOT EXISTS salt (salt BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS learnt ("
    "resource TEXT, lane TEXT, rate REAL NOT NULL, at REAL NOT NULL, PRIMARY KEY (resource, lane)"
    ") WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS active (resource TEXT, lane TEXT, who TEXT, rate REAL NOT NULL, "
    "at REAL NOT NULL, PRIMARY KEY (resource, lane, who)) WITHOUT ROWID",
)
_BUSY_SECONDS = 0.2


class Memory(Protocol):
    """What is known of a resource beyond this process."""

    def recall(self, lane: str) -> float | None:
        """Give the rate that was learnt last time, if that is not too long ago."""
        ...

    def learn(self, lane: str, rate: float) -> None:
        """Keep a rate for next time."""
        ...

    def others(self, lane: str) -> Sequence[float]:
        """Give the rates that other runs use now."""
        ...

    def renew(self, lane: str, rate: float) -> None:
        """Say which rate is used now."""
        ...

    def leave(self) -> None:
        """Say that nothing is used any more."""
        ...


class NoMemory:
    """Nothing is known and nothing is kept."""

    def recall(self, _lane: str) -> float | None:
        return None

    def learn(self, _lane: str, _rate: float) -> None:
        return None

    def others(self, _lane: str) -> Sequence[float]:
        return ()

    def renew(self, _lane: str, _rate: float) -> None:
        return None

    def leave(self) -> None:
        return None


class RateBook:
    """The file.

    Args:
        path: Where it is; it is made when there is something to keep.
        prepare: Makes it, for its owner only.
        clock: The time, the same for all processes.
        complain: Is told once why the file is of no use.
    """

    def __init__(
        self,
        path: Path,
        *,
        prepare: Callable[[Path], None],
        clock: Callable[[], float] = time.time,
        complain: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._path, self._prepare, self._complain = path, prepare, complain
        self.now = clock
        self._db: sqlite3.Connection | None = None
        self._salt: bytes | None = None
        self._is_broken = False

    def of(self, endpoint: str, credential: str) -> Memory:
        """Give what the book knows of a resource."""
        return _Page(self, endpoint, credential)

    def close(self) -> None:
        """Close the file; safe to call again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def read(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Read rows; none where there is no file, or where it is of no use or busy for long."""
        if self._db is None and not self._path.exists():
            return []
        return self.write(statement, *values)

    def write(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement; nothing comes of it where the file is of no use or busy for long."""
        if self._is_broken:
            return []
        try:
            if self._db is None:
                self._db = self._open()
            return self._db.execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            if "locked" not in str(error):
                self._give_up(error)
        return []

    def name(self, endpoint: str, credential: str) -> str | None:
        """Name a resource so that its key cannot be guessed from the name; None while there is no salt."""
        if self._salt is None:
            self._salt = next((row[0] for row in self.read("SELECT salt FROM salt")), None)
        if self._salt is None:
            return None
        text = f"{endpoint.casefold()}\0{credential}".encode()
        return blake2b(text, key=self._salt, digest_size=16).hexdigest()

    def _open(self) -> sqlite3.Connection:
        self._prepare(self._path)
        db = sqlite3.connect(self._path, isolation_level=None, timeout=_BUSY_SECONDS)
        db.execute("PRAGMA synchronous=OFF")  # a rate that a power cut loses is found again
        for table in _TABLES:
            db.execute(table)
        db.execute(
            "INSERT INTO salt SELECT ? WHERE NOT EXISTS (SELECT * FROM salt)", (secrets.token_bytes(16),)
        )
        return db

    def _give_up(self, error: Exception) -> None:
        self._is_broken = True
        self.close()
        if type(error) is sqlite3.DatabaseError:
            self._path.unlink(missing_ok=True)  # it is damaged: the next run starts a new one
        self._complain(f"rates are not remembered: {self._path}: {error}")


class _Page:
    """What a book knows of one resource."""

    def __init__(self, book: RateBook, endpoint: str, credential: str) -> None:
        self._book = book
        self._resource = (endpoint, credential)
        self._who = secrets.token_hex(8)
        self._is_active = False

    def recall(self, lane: str) -> float | None:
        since = self._book.now() - LEARNT_FOR
        statement = "SELECT rate FROM learnt WHERE resource = ? AND lane = ? AND at > ?"
        rows = self._book.read(statement, self._name(), lane, since)
        return rows[0][0] if rows else None

    def learn(self, lane: str, rate: float) -> None:
        now = self._book.now()
        self._book.write("DELETE FROM learnt WHERE at < ?", now - LEARNT_FOR)
        name = self._name()
        if name is not None:
            self._book.write("REPLACE INTO learnt VALUES (?, ?, ?, ?)", name, lane, rate, now)

    def others(self, lane: str) -> Sequence[float]:
        since = self._book.now() - ABSENT_AFTER
        statement = "SELECT rate FROM active WHERE resource = ? AND lane = ? AND who <> ? AND at > ?"
        rows = self._book.read(statement, self._name(), lane, self._who, since)
        return [row[0] for row in rows]

    def renew(self, lane: str, rate: float) -> None:
        now = self._book.now()
        self._is_active = True
        self._book.write("DELETE FROM active WHERE at < ?", now - ABSENT_AFTER)
        name = self._name()
        if name is not None:
            self._book.write("REPLACE INTO active VALUES (?, ?, ?, ?, ?)", name, lane, self._who, rate, now)

    def leave(self) -> None:
        if self._is_active:
            self._book.write("DELETE FROM active WHERE who = ?", self._who)
            self._is_active = False

    def _name(self) -> str | None:
        return self._book.name(*self._resource)
