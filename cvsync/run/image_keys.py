"""Which keys each image is: the ledger's rows, looked up by image id."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from cvsync.run.sql import as_json


class ImageKeys:
    """An index of the ledger's images by id, in a temporary table of this process.

    Image ids are random, so that in an index on disk each of a batch's images is on a page of its own, and
    all these pages would be written twice to say that a batch is stored. Most runs need no index; where one
    does, it is built when it is first asked for, and kept up to date from then on.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._was_built = False

    def rows(self, image_ids: Collection[str]) -> list[tuple[str, str, str | None]]:
        """Give image id, key and version for each key that some images are."""
        self._build()
        return self._db.execute(
            "SELECT i.image_id, i.key, version FROM temp.image_keys i JOIN images USING (key)"
            " WHERE i.image_id IN (SELECT value FROM json_each(?))",
            (as_json(image_ids),),
        ).fetchall()

    def update(self, change: str, values: Iterable[tuple[Any, str]]) -> None:
        """Change the rows of images, each given as the change's parameter and the image's id."""
        self._build()
        self._db.executemany(
            f"UPDATE images SET {change}"  # noqa: S608 - the caller's own words
            " WHERE key IN (SELECT key FROM temp.image_keys WHERE image_id = ?)",
            values,
        )

    def forget(self, image_id: str, key: str) -> None:
        """Delete the row of one key."""
        self._db.execute("DELETE FROM images WHERE key = ?", (key,))
        if self._is_built:
            self._db.execute("DELETE FROM temp.image_keys WHERE image_id = ? AND key = ?", (image_id, key))

    def delete(self, image_ids: Collection[str]) -> None:
        """Delete the rows of images."""
        self._build()
        gone = [(image_id,) for image_id in image_ids]
        self._db.executemany(
            "DELETE FROM images WHERE key IN (SELECT key FROM temp.image_keys WHERE image_id = ?)", gone
        )
        self._db.executemany("DELETE FROM temp.image_keys WHERE image_id = ?", gone)

    def keep_up(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Keep the index right for rows, which begin with key and image id, that are about to be written."""
        if not self._is_built:
            return
        self._db.executemany(
            "DELETE FROM temp.image_keys WHERE (image_id, key) IN"
            " (SELECT image_id, key FROM images WHERE key = ?)",
            [(row[0],) for row in rows],
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO temp.image_keys VALUES (?, ?)", [(row[1], row[0]) for row in rows]
        )

    @property
    def _is_built(self) -> bool:
        if not self._was_built:
            return False
        # A transaction that was undone may have taken the table along.
        found = self._db.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'image_keys'").fetchone()
        return found is not None

    def _build(self) -> None:
        if self._is_built:
            return
        self._db.execute(
            "CREATE TEMP TABLE image_keys"
            " (image_id TEXT, key TEXT, PRIMARY KEY (image_id, key)) WITHOUT ROWID"
        )
        self._db.execute(
            "INSERT INTO temp.image_keys SELECT image_id, key FROM images ORDER BY image_id, key"
        )
        self._was_built = True
