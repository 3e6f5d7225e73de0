"""Which key is which image in the manifests that were pulled: hints, for formats that hold no ids."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import pyarrow as pa

from cvsync.known import PULLED
from cvsync.run.commits import Commits
from cvsync.run.sql import as_json


class PulledKeys:
    """The table ``pulled`` of a ledger; an image is not managed for being in it."""

    def __init__(self, connection: sqlite3.Connection, commits: Commits) -> None:
        self._db, self._commits = connection, commits

    def read(self) -> pa.Table:
        """Give all rows; about 100 bytes each."""
        rows = self._db.execute("SELECT key, image_id FROM pulled").fetchall()
        columns = [*zip(*rows, strict=True)] or [(), ()]
        return pa.Table.from_arrays([pa.array(c, pa.string()) for c in columns], schema=PULLED)

    def note(self, pairs: Iterable[tuple[str, str]], *, gone: Iterable[str] = ()) -> None:
        """Commit keys with their images, and forget images that the project no longer has.

        Needs no lock of the project: no request depends on it, and the file has locks of its own.
        """
        with self._commits.transaction():
            self._db.executemany("INSERT OR REPLACE INTO pulled VALUES (?, ?)", pairs)
            # All at once: the table has no index by image, and so is read once for each statement.
            self._db.execute(
                "DELETE FROM pulled WHERE image_id IN (SELECT value FROM json_each(?))",
                (as_json(gone),),
            )
