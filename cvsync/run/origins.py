"""Where the images of a destination came from, as its ledger remembers it: other projects, and manifests.

As long as there is one origin, every key is of it. From the moment that a second one comes, the table
``brought`` says for each key that a project brought which one; a key that is not in it is a manifest's, or
nobody knows whose.
"""

from __future__ import annotations

import sqlite3

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.plan.actions import Kind
from cvsync.plan.plan import Plan
from cvsync.run.commits import Commits

MANIFEST = "a manifest"
"""Stands for all manifests, where others stand by their project's id."""

_PREFIX = "copied from "


class Origins:
    """Facts of the ledger: a project's id or ``MANIFEST``, the run that first brought of it, and its keys."""

    def __init__(self, connection: sqlite3.Connection, commits: Commits) -> None:
        self._db, self._commits = connection, commits

    def note(self, origin: str, run_id: str) -> None:
        """Remember a project, or ``MANIFEST``; it must be committed before the ledger has a key of it."""
        with self._commits.transaction():
            before = self.all()
            if origin in before:
                return
            if len(before) == 1 and MANIFEST not in before:
                self._db.execute("INSERT OR IGNORE INTO brought SELECT key, ? FROM images", (min(before),))
            self._db.execute("INSERT INTO meta VALUES (?, ?)", (_PREFIX + origin, run_id))

    def bring(self, origin: str, plan: Plan) -> None:
        """Remember whose the images are that a plan is about to create."""
        if len(self.all()) < 2:
            return
        kinds = np.asarray(plan.table.column("kind"))
        rows = np.flatnonzero((kinds == Kind.CREATE_IMAGE) | (kinds == Kind.REPLACE_IMAGE))
        keys = pc.unique(plan.table.column("key").take(pa.array(rows)).cast(pa.string())).to_pylist()
        with self._commits.transaction():
            if origin == MANIFEST:
                self._db.executemany("DELETE FROM brought WHERE key = ?", ((key,) for key in keys))
            else:
                self._db.executemany(
                    "INSERT OR REPLACE INTO brought VALUES (?, ?)", ((key, origin) for key in keys)
                )

    def all(self) -> frozenset[str]:
        """Give the ids of all of them, and ``MANIFEST`` if there was one."""
        rows = self._db.execute("SELECT name FROM meta WHERE name GLOB ?", (f"{_PREFIX}*",))
        return frozenset(name.removeprefix(_PREFIX) for (name,) in rows)

    def brought_by(self, project_id: str) -> frozenset[str] | None:
        """Give the keys whose images a project brought; None: all, as nothing else brought any."""
        if not self.all() - {project_id}:
            return None
        rows = self._db.execute("SELECT key FROM brought WHERE origin = ?", (project_id,))
        return frozenset(key for (key,) in rows)
