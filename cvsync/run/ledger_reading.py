"""What the ledger knows, as it is read: images by key, images that are doomed, requests without an answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import orjson
import pyarrow as pa

from cvsync.known import SCHEMA as KNOWN_SCHEMA
from cvsync.known import KnownImages
from cvsync.run.image_keys import ImageKeys
from cvsync.run.pulled_keys import PulledKeys
from cvsync.run.sql import as_json

_CHANGE_IMAGES = ("add label", "remove label", "delete image")  # kinds whose items are image ids
ROWS_AT_ONCE = 65_536


class OpenBatch(NamedTuple):
    """A request whose outcome was never read."""

    batch_id: int
    run_id: str
    kind: str
    marker: str | None
    """What its images carry as metadata, if they exist; None: nothing."""
    attempt: int
    sent_at: float
    items: tuple[str, ...]


class LedgerReading:
    """The questions that a ledger answers."""

    _db: sqlite3.Connection
    _keys: ImageKeys
    pulled: PulledKeys

    def known(self) -> KnownImages:
        """Give all that is known; about 150 bytes a key."""
        rows = self._db.execute("SELECT key, image_id, fingerprint, version FROM images")
        tables = [KNOWN_SCHEMA.empty_table()]
        while found := rows.fetchmany(ROWS_AT_ONCE):
            columns = zip(*found, strict=True)
            arrays = [pa.array(c, field.type) for c, field in zip(columns, KNOWN_SCHEMA, strict=True)]
            tables.append(pa.Table.from_arrays(arrays, schema=KNOWN_SCHEMA))
        unsettled = {i for b in self.open_batches() if b.kind in _CHANGE_IMAGES for i in b.items}
        return KnownImages(
            pa.concat_tables(tables).combine_chunks(),
            unsettled=frozenset(unsettled),
            doomed=frozenset(self.doomed()),
            pulled=self.pulled.read(),
        )

    def doomed(self) -> list[str]:
        """Give the ids of replaced images that are still to be deleted; about 90 bytes each."""
        return [row[0] for row in self._db.execute("SELECT image_id FROM doomed ORDER BY since, image_id")]

    def keys_of(self, image_ids: Sequence[str]) -> dict[str, list[tuple[str, str | None]]]:
        """Give the keys, each with its version, that some images are, or were until they were replaced."""
        found: dict[str, list[tuple[str, str | None]]] = {}
        for image_id, key, version in [
            *self._keys.rows(image_ids),
            *self._db.execute(
                "SELECT image_id, key, version FROM doomed"
                " WHERE image_id IN (SELECT value FROM json_each(?))",
                (as_json(image_ids),),
            ),
        ]:
            found.setdefault(image_id, []).append((key, version))
        return found

    def ids_of(self, keys: Sequence[str]) -> dict[str, str]:
        """Give the image ids of those keys that are known."""
        return dict(
            self._db.execute(
                "SELECT key, image_id FROM images WHERE key IN (SELECT value FROM json_each(?))",
                (as_json(keys),),
            )
        )

    def confirmed_by(self, run_id: str, image_ids: Sequence[str]) -> set[str]:
        """Give those of some images that a run has found to be an image of a key."""
        keys = [key for _, key, _ in self._keys.rows(image_ids)]
        rows = self._db.execute(
            "SELECT image_id FROM images JOIN batches USING (batch_id)"
            " WHERE key IN (SELECT value FROM json_each(?)) AND run_id = ?",
            (as_json(keys), run_id),
        )
        return {row[0] for row in rows}

    def open_batches(self, *, but: str | None = None) -> list[OpenBatch]:
        """Give the requests whose outcome was never read, oldest first.

        Args:
            but: Leave out those of this run.
        """
        rows = self._db.execute(
            "SELECT batch_id, run_id, kind, marker, attempt, sent_at, coalesce(items, '[]')"
            " FROM batches LEFT JOIN pending USING (batch_id)"
            " WHERE state = 'sent' AND run_id IS NOT ? ORDER BY batch_id",
            (but,),
        )
        return [OpenBatch._make((*row[:6], tuple(orjson.loads(row[6])))) for row in rows]

    def in_doubt(self) -> int:
        """Count the requests whose outcome was never read."""
        return int(self._db.execute("SELECT count(*) FROM batches WHERE state = 'sent'").fetchone()[0])
