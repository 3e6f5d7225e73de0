"""The SQLite file and its tables.

A *frame* is one set of tags and images: the workspace of a project, or the frozen copy that an
iteration was trained on. Rows refer to each other by integer `pk`; `id` is what clients see.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA_VERSION = 2
SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE frames(pk INTEGER PRIMARY KEY, project INTEGER NOT NULL);
CREATE TABLE projects(
  pk INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
  domain TEXT NOT NULL, classification TEXT NOT NULL, platforms TEXT NOT NULL, augmentation TEXT,
  container_uri TEXT, queue_uri TEXT, created INTEGER NOT NULL, modified INTEGER NOT NULL,
  ready INTEGER NOT NULL,      -- an import is over at this moment; -1: it failed
  workspace INTEGER NOT NULL,  -- its frame
  opened INTEGER NOT NULL,     -- when the workspace was opened
  iteration_number INTEGER NOT NULL DEFAULT 0,
  revision INTEGER NOT NULL DEFAULT 0);  -- counts what a training would see differently
CREATE TABLE tags(
  pk INTEGER PRIMARY KEY, frame INTEGER NOT NULL, id TEXT NOT NULL, sort BLOB NOT NULL, name TEXT NOT NULL,
  folded TEXT NOT NULL, description TEXT, type TEXT NOT NULL,
  UNIQUE(frame, id), UNIQUE(frame, folded));
CREATE TABLE images(
  pk INTEGER PRIMARY KEY, frame INTEGER NOT NULL, id TEXT NOT NULL, sort BLOB NOT NULL,
  created INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, sha BLOB NOT NULL,
  made INTEGER NOT NULL,       -- 1: no bytes were downloaded, links serve a generated picture
  tagged INTEGER NOT NULL, UNIQUE(frame, id));
CREATE INDEX images_newest ON images(frame, created DESC, sort, tagged);
CREATE INDEX images_oldest ON images(frame, created, sort, tagged);
CREATE INDEX images_content ON images(frame, sha);
CREATE TABLE image_tags(
  image INTEGER NOT NULL, tag INTEGER NOT NULL, created INTEGER NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY(image, tag)) WITHOUT ROWID;
CREATE INDEX image_tags_tag ON image_tags(tag, image);
CREATE TABLE regions(
  pk INTEGER PRIMARY KEY, id TEXT NOT NULL, image INTEGER NOT NULL, tag INTEGER NOT NULL,
  created INTEGER NOT NULL, box TEXT NOT NULL);  -- "left":…,"top":…,"width":…,"height":… as answers print it
CREATE INDEX regions_image ON regions(image, tag);
CREATE INDEX regions_id ON regions(id);
CREATE TABLE metadata(
  image INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(image, key)) WITHOUT ROWID;
CREATE INDEX metadata_pair ON metadata(key, value, image);
CREATE TABLE submissions(
  project INTEGER NOT NULL, image TEXT NOT NULL, source TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY(project, image, source)) WITHOUT ROWID;
CREATE TABLE iterations(
  pk INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, project INTEGER NOT NULL, frame INTEGER NOT NULL,
  name TEXT NOT NULL, status TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL,
  trained INTEGER, domain TEXT NOT NULL, classification TEXT NOT NULL, training_type TEXT NOT NULL,
  budget INTEGER NOT NULL, minutes INTEGER NOT NULL DEFAULT 0, is_default INTEGER NOT NULL DEFAULT 0,
  publish_name TEXT, publish_resource TEXT, base_model TEXT, error TEXT,
  tags TEXT NOT NULL,          -- JSON list of tag ids: a model's classes in order
  selected TEXT, revision INTEGER NOT NULL, model BLOB);
CREATE INDEX iterations_project ON iterations(project, pk);
CREATE TABLE held_out(
  iteration INTEGER NOT NULL, image TEXT NOT NULL, candidates TEXT NOT NULL,
  PRIMARY KEY(iteration, image)) WITHOUT ROWID;
CREATE TABLE exports(
  pk INTEGER PRIMARY KEY, iteration INTEGER NOT NULL, platform TEXT NOT NULL, flavor TEXT,
  status TEXT NOT NULL, reason TEXT, created INTEGER NOT NULL);
CREATE TABLE predictions(
  pk INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, project INTEGER NOT NULL, iteration TEXT NOT NULL,
  domain TEXT NOT NULL, created INTEGER NOT NULL, application TEXT, sha BLOB NOT NULL, made INTEGER NOT NULL,
  width INTEGER NOT NULL, height INTEGER NOT NULL, uncertainty REAL NOT NULL,
  candidates TEXT NOT NULL);   -- JSON list of [tag id, probability, box or null]
CREATE INDEX predictions_project ON predictions(project, created);
CREATE TABLE suggestions(
  project INTEGER NOT NULL, iteration TEXT NOT NULL, image TEXT NOT NULL, created INTEGER NOT NULL,
  uncertainty REAL NOT NULL, candidates TEXT NOT NULL, PRIMARY KEY(project, iteration, image)) WITHOUT ROWID;
"""


class SchemaError(Exception):
    """The folder's state was written by another version of the emulator, or by another program."""


class Store:
    """One connection, used on the event loop's thread only: each call takes a few milliseconds."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, cached_statements=512)
        # WAL with NORMAL loses nothing when the process is killed; only a power cut may cost the last
        # commits, and an emulator need not survive that.
        try:
            self.db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.DatabaseError as error:
            self.db.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
                raise
            raise SchemaError(f"{path}: it is no state of an emulator, or it is damaged") from error
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.execute("PRAGMA cache_size=-65536")
        # A batch touches some hundred pages all over the indexes: they go to the disk together, up to 64 MB.
        self.db.execute("PRAGMA wal_autocheckpoint=16384")
        found = self.db.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            self.db.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
        elif found != SCHEMA_VERSION:
            self.db.close()
            raise SchemaError(f"{path}: state of version {found}; this emulator reads {SCHEMA_VERSION}")

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed at the end, undone on any exception."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def contents(self) -> set[bytes]:
        """The hash of every content that something refers to; about 100 bytes each."""
        rows = self.db.execute("SELECT sha FROM images UNION SELECT sha FROM predictions")
        return {row[0] for row in rows}

    def secret(self) -> bytes:
        """What links are signed with; made once for each folder."""
        row = self.db.execute("SELECT value FROM meta WHERE key = 'secret'").fetchone()
        if row is None:
            self.db.execute("INSERT INTO meta VALUES('secret', randomblob(32))")
            return self.secret()
        return bytes(row[0])
