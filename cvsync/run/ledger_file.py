"""The ledger's tables, and how a file of an older cvsync gets those that it lacks."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cvsync import __version__
from cvsync.errors import SettingsError
from cvsync.run.commits import Commits

SCHEMA_NUMBER = 7

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
_HEX = "[0-9a-f]"
_IMAGE_ID = "-".join(_HEX * digits for digits in (8, 4, 4, 4, 12))  # as GLOB reads it
_MIGRATIONS = {  # the schema that a file has -> what makes the next one of it
    1: """
ALTER TABLE images ADD COLUMN batch_id INTEGER;
ALTER TABLE batches ADD COLUMN marker TEXT;
ALTER TABLE batches ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
ALTER TABLE batches ADD COLUMN ended_in TEXT;
ALTER TABLE batches ADD COLUMN counts TEXT;
CREATE INDEX batches_by_run ON batches (ended_in);
DROP INDEX images_by_id;
CREATE TABLE doomed (
    image_id TEXT PRIMARY KEY, key TEXT NOT NULL, version TEXT, since REAL NOT NULL
) WITHOUT ROWID;
""",
    2: """
ALTER TABLE runs ADD COLUMN reason TEXT;
""",
    3: """
CREATE TABLE pulled (key TEXT PRIMARY KEY, image_id TEXT NOT NULL) WITHOUT ROWID;
""",
    # Before manifests were noted, only keys that are no ids tell that there was one.
    4: f"""
CREATE TABLE brought (key TEXT PRIMARY KEY, origin TEXT NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO meta SELECT 'copied from a manifest', ''
    WHERE EXISTS (SELECT 1 FROM images WHERE key NOT GLOB '{_IMAGE_ID}');
""",  # noqa: S608 - of constants
    # Each of a run's many writes would write their pages, too, for a few questions at its start and its end.
    5: """
DROP INDEX batches_open;
DROP INDEX batches_by_run;
""",
    # A batch's keys are ten times as long as all else of its row, and are there for a second.
    6: """
CREATE TABLE pending (place INTEGER PRIMARY KEY, batch_id INTEGER NOT NULL, items TEXT NOT NULL);
INSERT INTO pending (batch_id, items) SELECT batch_id, items FROM batches WHERE state = 'sent';
ALTER TABLE batches DROP COLUMN items;
""",
}


def bring_up_to_date(db: sqlite3.Connection, path: Path, destination: str) -> None:
    """Make the tables, or those that an older file lacks, in one transaction.

    Raises:
        SettingsError: A newer cvsync wrote the file.
    """
    number = _schema_number(db)
    if number > SCHEMA_NUMBER:
        raise SettingsError(f"{path} was written by a newer cvsync; update cvsync to use it")
    if number == SCHEMA_NUMBER:
        return
    with Commits(db).transaction():
        number = _schema_number(db)  # another process may have been faster
        if number == 0:
            _execute_all(db, _TABLES)
            facts = {"destination": destination, "made_by": f"cvsync {__version__}"}
            db.executemany("INSERT INTO meta VALUES (?, ?)", facts.items())
            number = 1
        for step in range(number, SCHEMA_NUMBER):
            _execute_all(db, _MIGRATIONS[step])
        db.execute(f"PRAGMA user_version={SCHEMA_NUMBER}")


def _schema_number(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _execute_all(db: sqlite3.Connection, statements: str) -> None:
    for statement in statements.strip().split(";\n"):
        db.execute(statement)
