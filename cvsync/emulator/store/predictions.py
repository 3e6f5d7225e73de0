"""Predictions that were kept, and suggestions for untagged images."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields

from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.numbers import TICKS_PER_SECOND, naive, now
from cvsync.emulator.store.images import as_json
from cvsync.emulator.store.projects import Project


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    pk: int
    id: str
    project: int
    iteration: str
    domain: str
    created: int
    application: str | None
    sha: bytes
    made: int
    width: int
    height: int
    uncertainty: float
    candidates: str


_LIFETIME = 30 * 24 * 3600 * TICKS_PER_SECOND  # docs: of predictions, and of suggestions
COLUMNS = ", ".join(field.name for field in fields(StoredPrediction))
_SELECT = f"SELECT {COLUMNS} FROM predictions "  # noqa: S608
BY_IDS = "+project = ? AND id IN (SELECT value FROM json_each(?))"  # +: not from all of the project


def count(db: sqlite3.Connection, new: int, *, at_most: int) -> None:
    """Count predictions of this month. docs: a free resource has so many; inferred: the code."""
    month = f"predictions of {naive(now())[:7]}"
    row = db.execute("SELECT value FROM meta WHERE key = ?", (month,)).fetchone()
    total = (row[0] if row else 0) + new
    if total > at_most:
        raise ServiceFault("BadRequestExceededQuota", f"A month has {at_most} predictions")
    db.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (month, total))


def _oldest() -> int:
    """The moment before which nothing is kept any more."""
    return now() - _LIFETIME


def forget_old(db: sqlite3.Connection) -> None:
    """Delete what has been kept for its time; no read shows it anyway."""
    for table in ("predictions", "suggestions"):
        db.execute(f"DELETE FROM {table} WHERE created < ?", (_oldest(),))  # noqa: S608


def keep(
    db: sqlite3.Connection,
    project: Project,
    *,
    iteration: str,
    domain: str,
    application: str | None,
    sha: bytes,
    made: bool,
    size: tuple[int, int],
    uncertainty: float,
    candidates: str,
) -> tuple[str, int]:
    """Store a prediction; its id and moment."""
    prediction_id, moment = str(uuid.uuid4()), now()
    db.execute(
        "INSERT INTO predictions(id, project, iteration, domain, created, application, sha, made, width,"
        " height, uncertainty, candidates) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
        (prediction_id, project.pk, iteration, domain, moment, application, sha, int(made), *size,
         uncertainty, candidates),
    )  # fmt: skip
    return prediction_id, moment


def by_ids(db: sqlite3.Connection, project: Project, ids: Sequence[str]) -> dict[str, StoredPrediction]:
    rows = db.execute(f"{_SELECT}WHERE {BY_IDS} AND created >= ?", (project.pk, as_json(ids), _oldest()))
    return {row[1]: StoredPrediction(*row) for row in rows}


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which predictions are asked for, in which order."""

    order_by: str
    iteration: str | None
    application: str | None
    start: int | None
    end: int | None
    tags: Sequence[tuple[str, float, float]]
    """Tag id, least and largest probability; all must hold."""


_ORDERS = {
    "Newest": "created DESC, pk DESC",
    "Oldest": "created, pk",
    "Suggested": "uncertainty DESC, created DESC, pk DESC",
}


def query(
    db: sqlite3.Connection, project: Project, wanted: Query, *, take: int, skip: int
) -> list[StoredPrediction]:
    where, parameters = "WHERE project = ?", [project.pk]  # type: tuple[str, list[object]]
    conditions: list[tuple[str, object]] = [
        (" AND iteration = ?", wanted.iteration),
        (" AND application = ?", wanted.application or None),
        (" AND created >= ?", max(wanted.start or 0, _oldest())),
        (" AND created <= ?", wanted.end),
    ]
    for text, value in conditions:
        if value is not None:
            where += text
            parameters.append(value)
    for tag in wanted.tags:
        where += (
            " AND EXISTS(SELECT 1 FROM json_each(candidates) WHERE value ->> 0 = ?"
            " AND value ->> 1 BETWEEN ? AND ?)"
        )
        parameters += tag
    rows = db.execute(
        _SELECT + f"{where} ORDER BY {_ORDERS[wanted.order_by]} LIMIT ? OFFSET ?", (*parameters, take, skip)
    )
    return [StoredPrediction(*row) for row in rows]


def delete(db: sqlite3.Connection, project: Project, ids: Sequence[str]) -> None:
    db.execute(f"DELETE FROM predictions WHERE {BY_IDS}", (project.pk, as_json(ids)))  # noqa: S608


@dataclass(frozen=True, slots=True)
class Suggestion:
    iteration: str
    image: str
    created: int
    uncertainty: float
    candidates: str


def keep_suggestions(db: sqlite3.Connection, project: Project, made: Sequence[Suggestion]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO suggestions VALUES(?,?,?,?,?,?)",
        [(project.pk, s.iteration, s.image, s.created, s.uncertainty, s.candidates) for s in made],
    )


def kept_suggestions(
    db: sqlite3.Connection, project: Project, iteration: str, images: Sequence[str]
) -> dict[str, Suggestion]:
    """What an iteration said of these images before, by image."""
    rows = db.execute(
        "SELECT iteration, image, created, uncertainty, candidates FROM suggestions WHERE project = ?"
        " AND iteration = ? AND created >= ? AND image IN (SELECT value FROM json_each(?))",
        (project.pk, iteration, _oldest(), as_json(images)),
    )
    return {row[1]: Suggestion(*row) for row in rows}


def suggestions(
    db: sqlite3.Connection, project: Project, iteration: str, tag_ids: Sequence[str], threshold: float
) -> list[Suggestion]:
    """Suggestions for images that are still untagged, the most certain first.

    A suggestion counts if any of the tags (any at all without a list) reaches the threshold.
    """
    rows = db.execute(
        "SELECT s.iteration, s.image, s.created, s.uncertainty, s.candidates FROM suggestions s"
        " JOIN images i ON i.frame = ? AND i.id = s.image AND i.tagged = 0"
        " WHERE s.project = ? AND s.iteration = ? AND s.created >= ?"
        " AND EXISTS(SELECT 1 FROM json_each(s.candidates)"
        " WHERE value ->> 1 >= ? AND (? OR value ->> 0 IN (SELECT value FROM json_each(?))))"
        " ORDER BY s.uncertainty, i.sort",
        (project.workspace, project.pk, iteration, _oldest(), threshold, not tag_ids, as_json(tag_ids)),
    )
    return [Suggestion(*row) for row in rows]
