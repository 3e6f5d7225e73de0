"""When what is written to the ledger is committed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cvsync.run.failpoints import failpoint


class Commits:
    """The transactions of one connection.

    A commit is what a batch waits for longest, on a slow disk above all. An intent is committed before its
    request leaves. An outcome is held for the intent that mostly follows, or for other outcomes, so that one
    commit serves them all; it is committed when the event loop comes round at the latest. If the process
    dies before that, the answer is one that was never read, which the next run finds out about.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._failure: sqlite3.Error | None = None

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Commit what one statement does, and whatever is held."""
        cursor = self._db.execute(statement, parameters)
        self.commit()
        return cursor

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is held, then what the block does, all of it or, on any exception, nothing."""
        self.commit()
        with self._undone_on_error():
            yield
        self._db.execute("COMMIT")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold what the block does; on any exception it is undone, and with it all else that is held.

        Where no event loop runs it is committed at once.
        """
        is_first = not self._db.in_transaction
        with self._undone_on_error():
            yield
        if is_first:
            try:
                asyncio.get_running_loop().call_soon(self._commit_at_last)
            except RuntimeError:
                self.commit()

    @contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        """Begin a transaction, or go on with what is held."""
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # SQLite itself may have undone it
                self._db.execute("ROLLBACK")
            raise

    def commit(self) -> None:
        """Commit what is held.

        Raises:
            sqlite3.Error: It cannot be, or could not be when the event loop came round.
        """
        if self._failure is not None:
            raise self._failure
        if self._db.in_transaction:
            self._db.execute("COMMIT")
            failpoint("after-outcome")

    def _commit_at_last(self) -> None:
        try:
            self.commit()
        except sqlite3.Error as error:
            self._failure = error
