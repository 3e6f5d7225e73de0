"""When what is written to the ledger is committed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from cvsync.run.failpoints import failpoint


class Commits:
    """The transactions of one connection.

    A commit is what a batch waits for longest, on a slow disk above all. An intent is committed before its
    request leaves. An outcome is held for the intent that mostly follows, or for other outcomes, so that one
    commit serves them all; it is committed when the event loop comes round at the latest. If the process
    dies before that, the answer is one that was never read, which the next run finds out about.

    Once a commit has failed, every further write raises what it failed with.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._is_held = False
        """Whether there is an open transaction that waits to be committed."""
        self._failure: sqlite3.Error | None = None

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Commit what one statement does, and whatever is held."""
        with self.joined():
            return self._db.execute(statement, parameters)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Commit what the block does together with what is held; on any exception all of it is undone."""
        self._refuse_after_failure()
        was_held, self._is_held = self._is_held, False
        with self._undone_on_error():
            if not was_held:
                self._db.execute("BEGIN IMMEDIATE")
            yield
            if not was_held:
                self._db.execute("COMMIT")
        self._is_held = was_held
        self.commit()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is held, then what the block does, all of it or, on any exception, nothing."""
        self.commit()
        with self._undone_on_error():
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold what the block does; on any exception it is undone, and with it all else that is held.

        Where no event loop runs it is committed at once.
        """
        self._refuse_after_failure()
        is_first, self._is_held = not self._is_held, False
        with self._undone_on_error():
            if is_first:
                self._db.execute("BEGIN IMMEDIATE")
            yield
        self._is_held = True
        if is_first:
            self._commit_soon()

    def commit(self) -> None:
        """Commit what is held.

        Raises:
            sqlite3.Error: It cannot be, or could not be when the event loop came round.
        """
        self._refuse_after_failure()
        if not self._is_held:
            return
        self._is_held = False
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._failure = error
            raise
        failpoint("after-outcome")

    def _commit_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.commit()
        else:
            loop.call_soon(self._commit_at_last)

    def _commit_at_last(self) -> None:
        with suppress(sqlite3.Error):  # it is kept for whoever writes next
            self.commit()

    def _refuse_after_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    @contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # SQLite itself may have undone it
                self._db.execute("ROLLBACK")
            raise
