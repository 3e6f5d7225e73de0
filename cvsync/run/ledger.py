"""The SQLite file of intents and outcomes, one per destination.

    meta     one row a fact: the schema's number, the destination, the tool's version
    images   key -> image id, as the service confirmed it
    batches  one row a request that writes; `state` is
             sent      the request may be on its way, its outcome is not known
             done      the answer was read and its outcomes are in `images`
             refused   the service refused the request whole, and did nothing
    runs     one row a run, with its totals and exit code at the end

No request leaves before its batch is committed as ``sent``; no image counts as stored before its answer is
committed. WAL with ``synchronous=FULL``: neither ``kill -9`` nor a power cut loses what was committed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import orjson
import pyarrow as pa

from cvsync import __version__
from cvsync.errors import SettingsError
from cvsync.known import SCHEMA as KNOWN_SCHEMA
from cvsync.known import KnownImages
from cvsync.run.private import make_private

SCHEMA_NUMBER = 1

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE images (
    key TEXT PRIMARY KEY, image_id TEXT NOT NULL, fingerprint INTEGER, version TEXT
) WITHOUT ROWID;
CREATE INDEX images_by_id ON images (image_id);
CREATE TABLE batches (
    batch_id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    sent_at REAL NOT NULL, ended_at REAL, items TEXT NOT NULL
);
CREATE INDEX batches_open ON batches (state) WHERE state = 'sent';
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, started_at REAL NOT NULL, ended_at REAL, exit_code INTEGER, totals TEXT
) WITHOUT ROWID;
"""


class Ledger:
    """Which key is which image of one destination, and what was sent.

    One process writes at a time (the lock of ``run.lock`` sees to it); any number may read.
    """

    def __init__(self, connection: sqlite3.Connection, *, clock: Callable[[], float] = time.time) -> None:
        self._db = connection
        self._clock = clock

    @classmethod
    def open(cls, path: Path, destination: str) -> Self:
        """Open the ledger, or make it.

        Args:
            path: The file; it and its folder are made readable by their owner only.
            destination: Endpoint and project id, written into a new file and compared with an old one's.

        Raises:
            SettingsError: The file belongs to another destination or to a newer cvsync.
        """
        make_private(path)
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        number = db.execute("PRAGMA user_version").fetchone()[0]
        if number == 0:
            facts = {"destination": destination, "made_by": f"cvsync {__version__}"}
            with _transaction(db):
                for statement in _TABLES.split(";\n"):
                    db.execute(statement)
                db.executemany("INSERT INTO meta VALUES (?, ?)", facts.items())
                db.execute(f"PRAGMA user_version={SCHEMA_NUMBER}")
        elif number > SCHEMA_NUMBER:
            db.close()
            raise SettingsError(f"{path} was written by a newer cvsync; update cvsync to use it")
        found = db.execute("SELECT value FROM meta WHERE name = 'destination'").fetchone()[0]
        if found != destination:
            db.close()
            raise SettingsError(f"{path} is the ledger of {found}, not of {destination}")
        return cls(db)

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._db.close()

    def known(self) -> KnownImages:
        """Give all that is known; about 150 bytes a key."""
        rows = self._db.execute("SELECT key, image_id, fingerprint, version FROM images").fetchall()
        columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
        arrays = [pa.array(c, field.type) for c, field in zip(columns, KNOWN_SCHEMA, strict=True)]
        return KnownImages(pa.Table.from_arrays(arrays, schema=KNOWN_SCHEMA))

    def see(self, rows: pa.Table) -> None:
        """Commit what the planner saw: columns of ``known.SCHEMA``, each key once."""
        with _transaction(self._db):
            self._db.executemany(
                "INSERT INTO images (key, image_id, fingerprint, version) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET image_id = excluded.image_id, "
                "fingerprint = excluded.fingerprint, version = excluded.version",
                zip(*(column.to_pylist() for column in rows.columns), strict=True),
            )

    def start_run(self, run_id: str) -> None:
        """Note that a run begins."""
        self._db.execute("INSERT INTO runs (run_id, started_at) VALUES (?, ?)", (run_id, self._clock()))

    def end_run(self, run_id: str, *, exit_code: int, totals: Mapping[str, int]) -> None:
        """Note how a run ended."""
        self._db.execute(
            "UPDATE runs SET ended_at = ?, exit_code = ?, totals = ? WHERE run_id = ?",
            (self._clock(), exit_code, orjson.dumps(dict(totals)).decode(), run_id),
        )

    def intend(self, run_id: str, kind: str, items: Iterable[str]) -> int:
        """Commit that a request is about to leave.

        Args:
            run_id: The run that sends it.
            kind: What it does.
            items: Keys or image ids that it is about.

        Returns:
            The batch's id, for ``conclude``.
        """
        cursor = self._db.execute(
            "INSERT INTO batches (run_id, kind, state, sent_at, items) VALUES (?, ?, 'sent', ?, ?)",
            (run_id, kind, self._clock(), orjson.dumps(list(items)).decode()),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def conclude(
        self,
        batch_id: int,
        *,
        stored: Mapping[str, str] | None = None,
        deleted: Collection[str] = (),
        refused: bool = False,
    ) -> None:
        """Commit what came of a request.

        Args:
            batch_id: From ``intend``.
            stored: Key -> image id of images that the service confirmed.
            deleted: Ids of images that are gone.
            refused: The service refused the request whole.
        """
        with _transaction(self._db):
            self._db.execute(
                "UPDATE batches SET state = ?, ended_at = ? WHERE batch_id = ?",
                ("refused" if refused else "done", self._clock(), batch_id),
            )
            self._db.executemany(
                "INSERT INTO images (key, image_id) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET image_id = excluded.image_id, fingerprint = NULL",
                (stored or {}).items(),
            )
            self._db.executemany("DELETE FROM images WHERE image_id = ?", [(i,) for i in deleted])

    def in_doubt(self) -> int:
        """Count the requests whose outcome was never read."""
        return int(self._db.execute("SELECT count(*) FROM batches WHERE state = 'sent'").fetchone()[0])


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
