"""What a run must not forget of things that a destination has one of: its training, its published model.

Notes are rows of the ledger's table ``meta``, with names that begin with ``note:`` and JSON values. Each is
committed before the call that it is about leaves, or as soon as its answer is read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, MutableMapping
from typing import Any

import orjson

from cvsync.run.commits import Commits
from cvsync.run.failpoints import failpoint

_PREFIX = "note:"


class Notes(MutableMapping[str, Any]):
    """The notes of one ledger, name -> value of JSON; a value is replaced whole."""

    def __init__(self, connection: sqlite3.Connection, commits: Commits) -> None:
        self._db, self._commits = connection, commits

    def __getitem__(self, name: str) -> Any:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (_PREFIX + name,)).fetchone()
        if row is None:
            raise KeyError(name)
        return orjson.loads(row[0])

    def __setitem__(self, name: str, value: Any) -> None:
        failpoint("before-note")
        row = (_PREFIX + name, orjson.dumps(value).decode())
        self._commits.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", row)
        failpoint("after-note")

    def __delitem__(self, name: str) -> None:
        failpoint("before-note")
        if not self._commits.execute("DELETE FROM meta WHERE name = ?", (_PREFIX + name,)).rowcount:
            raise KeyError(name)
        failpoint("after-note")

    def __iter__(self) -> Iterator[str]:
        rows = self._db.execute("SELECT name FROM meta WHERE name GLOB ?", (_PREFIX + "*",)).fetchall()
        return iter([row[0].removeprefix(_PREFIX) for row in rows])

    def __len__(self) -> int:
        return sum(1 for _ in self)
