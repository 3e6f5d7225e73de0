"""The SQLite file of intents and outcomes, one per destination.

    meta     one row a fact: the destination, the tool's version, `unnamed` once there was such an image, and
             the projects whose images were copied here, or that manifests were; and notes of ``run.notes``
    images   key -> image id, the fingerprint of the labels that the image was left with, and the version
             of its content; null where it is not known. `batch_id` is the batch that confirmed it last.
             An unnamed image, which a killed run created for a key that nobody can tell any more, goes by
             its own id until a key turns out to be it
    doomed   old images that a replacement has made superfluous and that are still to be deleted, with the
             key that they were
    batches  one row a request that writes; `state` is
             sent      the request may be on its way, its outcome is not known
             done      the answer was read and its outcomes are in `images`
             refused   the service refused the request whole, or cvsync did so on its behalf
             void      the request is known to have changed nothing
             unsure    a label request of a dead run: what it did will be seen, not known
             `counts` holds what it did, by the names of ``Outcomes.counts``, and the ``STEPS`` of the plan
             that it brought to an end
    pending  the keys, image ids or tag names that each request which is `sent` is about. Its place is taken
             again by a later one, so that the file grows by no page for it
    pulled   key -> image id, as manifests that were pulled have it: a hint, which makes no image managed
    runs     one row a run. At its end, however it ends, it gets its totals, its exit code and, where
             something ended it before it was through, the `reason`; a killed run has no `ended_at`

No request leaves before its batch is committed as ``sent``; its outcome is committed with the next intent, or
very soon (``run.commits``). WAL with ``synchronous=FULL``: neither ``kill -9`` nor a power cut loses what was
committed.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Self

import orjson
import pyarrow as pa

from cvsync.errors import SettingsError
from cvsync.known import SCHEMA as KNOWN_SCHEMA
from cvsync.lean import tuples
from cvsync.plan.fingerprint import shifted
from cvsync.run.commits import Commits
from cvsync.run.disk import refuse_network_disk
from cvsync.run.failpoints import failpoint
from cvsync.run.image_keys import ImageKeys
from cvsync.run.ledger_file import bring_up_to_date
from cvsync.run.ledger_reading import ROWS_AT_ONCE, LedgerReading
from cvsync.run.ledger_runs import LedgerRuns
from cvsync.run.notes import Notes
from cvsync.run.origins import Origins
from cvsync.run.private import make_private
from cvsync.run.pulled_keys import PulledKeys
from cvsync.run.sql import as_json

_ROWS_A_STATEMENT = 64  # a batch's images
_FREE_PLACE = "SELECT place FROM pending LEFT JOIN batches USING (batch_id) WHERE state IS NOT 'sent' LIMIT 1"


class Stored(NamedTuple):
    """An image that the service confirmed."""

    key: str
    image_id: str
    fingerprint: int | None = None
    """Of the labels that it now has; None: not known."""
    version: str | None = None


class Ledger(LedgerReading, LedgerRuns):
    """Which key is which image of one destination, and what was sent.

    One process writes at a time (the lock of ``run.lock`` sees to it); any number may read.
    """

    def __init__(self, connection: sqlite3.Connection, *, clock: Callable[[], float] = time.time) -> None:
        self._db, self._commits = connection, Commits(connection)
        self._clock = clock
        self._keys = ImageKeys(connection)
        self.origins = Origins(connection, self._commits)
        self.notes = Notes(connection, self._commits)
        self.pulled = PulledKeys(connection, self._commits)
        found = connection.execute("SELECT 1 FROM meta WHERE name = 'unnamed'").fetchone()
        self._has_unnamed = found is not None
        self._has_doomed = connection.execute("SELECT 1 FROM doomed LIMIT 1").fetchone() is not None
        """Whether there are doomed images, or were since it was opened."""
        connection.create_function("shifted", 2, _shifted, deterministic=True)

    @classmethod
    def open(cls, path: Path, destination: str, *, clock: Callable[[], float] = time.time) -> Self:
        """Open the ledger, or make it; an older one is brought up to date.

        Args:
            path: The file; it and its folder are made readable by their owner only.
            destination: Endpoint and project id, written into a new file and compared with an old one's.
            clock: Gives the time of intents and outcomes.

        Raises:
            SettingsError: The file belongs to another destination or to a newer cvsync, or stands on a
                network disk.
        """
        make_private(path)
        refuse_network_disk(path.parent)
        db = sqlite3.connect(path, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            bring_up_to_date(db, path, destination)
            found = db.execute("SELECT value FROM meta WHERE name = 'destination'").fetchone()[0]
            if found.casefold() != destination.casefold():
                raise SettingsError(f"{path} is the ledger of {found}, not of {destination}")
        except BaseException:
            db.close()
            raise
        return cls(db, clock=clock)

    def close(self) -> None:
        """Close the file; what is held is committed.

        Raises:
            sqlite3.Error: It cannot be.
        """
        try:
            self.commit()
        finally:
            self._db.close()

    def commit(self) -> None:
        """Commit the outcomes that are held; else this happens with the next intent, or very soon.

        Raises:
            sqlite3.Error: They cannot be committed.
        """
        self._commits.commit()

    def intend(self, run_id: str, kind: str, items: Iterable[str], *, marker: str | None = None) -> int:
        """Commit that a request is about to leave.

        Args:
            run_id: The run that sends it.
            kind: What it does.
            items: Keys or image ids that it is about.
            marker: What the images that it creates carry as metadata.

        Returns:
            The batch's id, for ``conclude``.
        """
        failpoint("before-intent")
        with self._commits.joined():
            batch_id = self._db.execute(
                "INSERT INTO batches (run_id, kind, state, sent_at, marker) VALUES (?, ?, 'sent', ?, ?)",
                (run_id, kind, self._clock(), marker),
            ).lastrowid
            self._db.execute(
                f"INSERT OR REPLACE INTO pending VALUES (({_FREE_PLACE}), ?, ?)",  # noqa: S608
                (batch_id, as_json(items)),
            )
        failpoint("after-intent")
        assert batch_id is not None
        return batch_id

    def intend_again(self, batch_id: int) -> int:
        """Commit that the same request is about to leave once more; give the attempt's number."""
        failpoint("before-intent")
        with self._commits.transaction():
            row = self._db.execute(
                "UPDATE batches SET attempt = attempt + 1, sent_at = ? WHERE batch_id = ? RETURNING attempt",
                (self._clock(), batch_id),
            ).fetchone()
        failpoint("after-intent")
        return int(row[0])

    def conclude(
        self,
        batch_id: int,
        state: str = "done",
        *,
        run_id: str | None = None,
        counts: Mapping[str, int] | None = None,
        stored: Sequence[Stored] = (),
        replaced: Collection[str] = (),
        shifts: Mapping[str, int] | None = None,
        seen: Mapping[str, int | None] | None = None,
        deleted: Collection[str] = (),
        unnamed: Mapping[str, int] | None = None,
    ) -> None:
        """Write down what came of a request, all of it or nothing; ``Commits`` says when it is committed.

        Args:
            batch_id: From ``intend``.
            state: What is now known of it.
            run_id: The run that learnt of it; None: the one that sent it.
            counts: What it did, by the names of ``Outcomes.counts``.
            stored: Images that the service confirmed.
            replaced: Ids of images that ``stored`` supersedes; they are doomed unless a key is still one.
            shifts: Image id -> the fingerprint of the labels that it got, less that of those that it lost.
            seen: Image id -> its fingerprint as it was read; None: not known. Before ``shifts``.
            deleted: Ids of images that are gone.
            unnamed: Image id -> fingerprint of images that it created while nobody knows for which keys.
        """
        failpoint("before-outcome")
        with self._commits.held():
            if self._has_unnamed and (named := self._drop_named(stored)):
                counts = Counter(counts) - Counter(images_adopted=named)  # counted when they were created
            self._db.execute(
                "UPDATE batches SET state = ?, ended_at = ?, ended_in = coalesce(?, run_id), counts = ?"
                " WHERE batch_id = ?",
                (state, self._clock(), run_id, _json_counts(counts), batch_id),
            )
            if unnamed:
                self._db.execute("INSERT OR IGNORE INTO meta VALUES ('unnamed', '')")
                self._upsert([Stored(i, i, fingerprint) for i, fingerprint in unnamed.items()], batch_id)
            self._store(stored, replaced, batch_id)
            self._shift(seen or {}, shifts or {})
            if deleted:
                self._keys.delete(deleted)
                self._db.executemany("DELETE FROM doomed WHERE image_id = ?", [(i,) for i in deleted])
            failpoint("in-outcome")
        self._has_unnamed |= bool(unnamed)

    def note(self, run_id: str, kind: str, *, counts: Mapping[str, int], state: str = "refused") -> None:
        """Commit an outcome that needed no request."""
        self._commits.execute(
            "INSERT INTO batches (run_id, kind, state, sent_at, ended_at, ended_in, counts)"
            " VALUES (?1, ?2, ?3, ?4, ?4, ?1, ?5)",
            (run_id, kind, state, self._clock(), _json_counts(counts)),
        )

    def see(self, rows: pa.Table) -> None:
        """Commit what a planner saw: columns of ``KnownImages``, a row a key."""
        with self._commits.transaction():
            for chunk in rows.select(KNOWN_SCHEMA.names).to_batches(ROWS_AT_ONCE):
                columns = [column.to_pylist() for column in chunk.columns]
                stored = [*tuples(Stored, *columns)]
                self._upsert(stored, None)
                self._spare(stored)

    def observe(self, fingerprints: Mapping[str, int | None]) -> None:
        """Commit the fingerprints of images as they were just read."""
        with self._commits.transaction():
            self._shift(fingerprints, {})

    def _drop_named(self, stored: Iterable[Stored]) -> int:
        """Drop the ids that images went by, now that keys turned out to be them; give how many."""
        ids = [image.image_id for image in stored if image.key != image.image_id]
        found = self._db.execute(
            "SELECT key FROM images WHERE key = image_id AND batch_id IS NOT NULL"
            " AND key IN (SELECT value FROM json_each(?))",
            (as_json(ids),),
        ).fetchall()
        for (image_id,) in found:
            self._keys.forget(image_id, key=image_id)
        return len(found)

    def _store(self, stored: Sequence[Stored], replaced: Collection[str], batch_id: int) -> None:
        if not stored:
            return
        old = self._keys.rows(list(replaced)) if replaced else []
        self._upsert(stored, batch_id)
        if old:
            self._has_doomed = True
            still = {image_id for image_id, _, _ in self._keys.rows([row[0] for row in old])}
            self._db.executemany(
                "INSERT OR IGNORE INTO doomed VALUES (?, ?, ?, ?)",
                [(*row, self._clock()) for row in old if row[0] not in still],
            )
        self._spare(stored)

    def _upsert(self, images: Sequence[Stored], batch_id: int | None) -> None:
        self._keys.keep_up(images)
        for start in range(0, len(images), _ROWS_A_STATEMENT):
            columns = [*zip(*images[start : start + _ROWS_A_STATEMENT], strict=True)]
            if columns[-1].count(None) == len(columns[-1]):
                del columns[-1]
            values = chain.from_iterable(zip(*columns, strict=True))
            self._db.execute(_upsert_of(len(columns[0]), len(columns)), [batch_id, *values])

    def _spare(self, named: Iterable[Stored]) -> None:
        """Let no image be doomed that a key is now: its bytes came back under another key."""
        if self._has_doomed:
            ids = ((image.image_id,) for image in named)
            self._db.executemany("DELETE FROM doomed WHERE image_id = ?", ids)

    def _shift(self, seen: Mapping[str, int | None], shifts: Mapping[str, int]) -> None:
        if seen:
            self._keys.update("fingerprint = ?", [(total, i) for i, total in seen.items()])
        if shifts:
            self._keys.update("fingerprint = shifted(fingerprint, ?)", [(by, i) for i, by in shifts.items()])


@lru_cache(maxsize=2 * _ROWS_A_STATEMENT)
def _upsert_of(rows: int, columns: int) -> str:
    """Write the statement for so many rows of the first so many columns of ``Stored``.

    One statement for all rows takes two thirds of the time of one for each, and a column of nothing is left
    out, since the interpreter asks of every None whether it can be adapted.
    """
    names = ", ".join(["batch_id", *Stored._fields[:columns]])
    row = ", ".join(["?1", *"?" * columns])  # the batch is the first parameter of all
    changes = ", ".join(f"{name} = excluded.{name}" for name in ("batch_id", *Stored._fields[1:]))
    return (
        f"INSERT INTO images ({names}) VALUES {', '.join([f'({row})'] * rows)}"  # noqa: S608
        f" ON CONFLICT (key) DO UPDATE SET {changes}"
    )


def _shifted(fingerprint: int | None, by: int) -> int | None:
    """Add to a fingerprint; SQLite's own sum would turn into a float where it overflows."""
    return None if fingerprint is None else shifted(fingerprint, added=by)


def _json_counts(counts: Mapping[str, int] | None) -> str:
    return orjson.dumps({name: n for name, n in (counts or {}).items() if n}).decode()
