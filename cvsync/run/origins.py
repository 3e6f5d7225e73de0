"""Where the images of a destination came from, as its ledger remembers it: other projects, and manifests."""

from __future__ import annotations

import sqlite3

MANIFEST = "a manifest"
"""Stands for all manifests, where others stand by their project's id."""

_PREFIX = "copied from "


class Origins:
    """Facts of the ledger's `meta`: a project's id or ``MANIFEST``, and the run that first brought of it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def note(self, project_id: str, run_id: str) -> None:
        """Remember a project, or ``MANIFEST``; it must be committed before any of its images is sent."""
        self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (_PREFIX + project_id, run_id))

    def all(self) -> frozenset[str]:
        """Give the ids of all of them, and ``MANIFEST`` if there was one."""
        rows = self._db.execute("SELECT name FROM meta WHERE name GLOB ?", (f"{_PREFIX}*",))
        return frozenset(name.removeprefix(_PREFIX) for (name,) in rows)
