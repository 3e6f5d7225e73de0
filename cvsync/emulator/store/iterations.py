"""Iterations: a frozen frame each, and the states of a training.

`Training` until the fit is done, then `Completed` or `Failed`; an interrupted one goes on at the next start.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields

import orjson

from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.numbers import TICKS_PER_SECOND, now
from cvsync.emulator.store import projects
from cvsync.emulator.store.projects import Project

TRAINING, COMPLETED, FAILED = "Training", "Completed", "Failed"


@dataclass(frozen=True, slots=True)
class Iteration:
    pk: int
    id: str
    project: int
    frame: int
    name: str
    status: str
    created: int
    modified: int
    trained: int | None
    domain: str
    classification: str
    training_type: str
    budget: int
    minutes: int
    is_default: int
    publish_name: str | None
    publish_resource: str | None
    base_model: str | None
    error: str | None
    tags: str
    selected: str | None
    revision: int

    @property
    def tag_ids(self) -> list[str]:
        """The model's classes in order."""
        ids: list[str] = orjson.loads(self.tags)
        return ids


COLUMNS = ", ".join(field.name for field in fields(Iteration))
_SELECT = f"SELECT {COLUMNS} FROM iterations "  # noqa: S608


def of_project(db: sqlite3.Connection, project: Project) -> list[Iteration]:
    """Every iteration, oldest first, as in the published examples; recorded: without the workspace."""
    rows = db.execute(_SELECT + "WHERE project = ? ORDER BY pk", (project.pk,))
    return [Iteration(*row) for row in rows]


def find(db: sqlite3.Connection, project: Project, iteration_id: str) -> Iteration:
    row = db.execute(_SELECT + "WHERE project = ? AND id = ?", (project.pk, iteration_id)).fetchone()
    if row is None:
        raise ServiceFault("NotFoundIteration", "Iteration not found")
    return Iteration(*row)


def by_key(db: sqlite3.Connection, key: int) -> Iteration | None:
    row = db.execute(_SELECT + "WHERE pk = ?", (key,)).fetchone()
    return row and Iteration(*row)


def ids(db: sqlite3.Connection) -> list[str]:
    """Of every iteration of every project."""
    return [row[0] for row in db.execute("SELECT id FROM iterations")]


def in_training(db: sqlite3.Connection) -> list[Iteration]:
    return [Iteration(*row) for row in db.execute(_SELECT + "WHERE status = ?", (TRAINING,))]


def frame_of(db: sqlite3.Connection, project: Project, iteration_id: str | None) -> int:
    """The frame that a read means: an iteration's copy, or the workspace without an id. spec."""
    return find(db, project, iteration_id).frame if iteration_id else project.workspace


def published(db: sqlite3.Connection, project: Project, name: str) -> Iteration:
    row = db.execute(_SELECT + "WHERE project = ? AND publish_name = ?", (project.pk, name)).fetchone()
    if row is None:
        raise ServiceFault("NotFoundIteration", f"Nothing is published as {name}")
    return Iteration(*row)


def default(db: sqlite3.Connection, project: Project) -> Iteration:
    """The default iteration, else the latest completed one."""
    row = db.execute(
        _SELECT + "WHERE project = ? AND status = ? ORDER BY is_default DESC, trained DESC LIMIT 1",
        (project.pk, COMPLETED),
    ).fetchone()
    if row is None:
        raise ServiceFault("NotFoundProjectDefaultIteration", "The project has no trained iteration")
    return Iteration(*row)


def is_changed(db: sqlite3.Connection, project: Project, selected: Sequence[str]) -> bool:
    """Whether a training would see anything that the last good one did not."""
    row = db.execute(
        "SELECT revision, selected, domain FROM iterations WHERE project = ? AND status = ?"
        " ORDER BY pk DESC LIMIT 1",
        (project.pk, COMPLETED),
    ).fetchone()
    return row is None or tuple(row) != (project.revision, _selection(selected), project.domain)


def start(
    db: sqlite3.Connection,
    project: Project,
    *,
    tag_ids: Sequence[str],
    selected: Sequence[str],
    training_type: str,
    budget: int,
    base_model: str | None,
) -> Iteration:
    """Freeze the workspace as an iteration in training. recorded: it keeps the workspace's `created`."""
    frame = projects.copy_frame(db, project.workspace, project=project.pk)
    number, moment, iteration_id = project.iteration_number + 1, now(), str(uuid.uuid4())
    # recorded: N keeps counting after deletions.
    db.execute(
        "UPDATE projects SET iteration_number = ?, opened = ? WHERE pk = ?", (number, moment, project.pk)
    )
    db.execute(
        "INSERT INTO iterations(id, project, frame, name, status, created, modified, domain, classification,"
        " training_type, budget, base_model, tags, selected, revision) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (iteration_id, project.pk, frame, f"Iteration {number}", TRAINING, project.opened, moment,
         project.domain, project.classification, training_type, budget, base_model,
         orjson.dumps(list(tag_ids)).decode(), _selection(selected), project.revision),
    )  # fmt: skip
    return find(db, project, iteration_id)


def complete(
    db: sqlite3.Connection, iteration: Iteration, *, model: bytes, held_out: Sequence[tuple[str, str]]
) -> None:
    """Keep a trained model and what it said about the images held out: pairs of image id and JSON."""
    moment = now()
    minutes = max(1, round((moment - iteration.modified) / TICKS_PER_SECOND / 60))  # recorded: at least 1
    db.execute(
        "UPDATE iterations SET status = ?, trained = ?, modified = ?, minutes = ?, model = ? WHERE pk = ?",
        (COMPLETED, moment, moment, minutes, model, iteration.pk),
    )
    db.executemany(
        "INSERT OR REPLACE INTO held_out VALUES(?,?,?)",
        [(iteration.pk, image, said) for image, said in held_out],
    )


def fail(db: sqlite3.Connection, iteration: Iteration, error: str) -> None:
    db.execute(
        "UPDATE iterations SET status = ?, modified = ?, error = ? WHERE pk = ?",
        (FAILED, now(), error, iteration.pk),
    )


def model(db: sqlite3.Connection, iteration: Iteration) -> bytes:
    row = db.execute("SELECT model FROM iterations WHERE pk = ?", (iteration.pk,)).fetchone()
    if row is None or row[0] is None:
        raise ServiceFault("BadRequestIterationIsNotTrained", "The iteration is not trained")
    return bytes(row[0])


def held_out(db: sqlite3.Connection, iteration: Iteration) -> dict[str, str]:
    """JSON candidates of each image that the fit did not see."""
    rows = db.execute(
        "SELECT h.image, h.candidates FROM held_out h JOIN images i ON i.frame = ? AND i.id = h.image"
        " WHERE h.iteration = ?",
        (iteration.frame, iteration.pk),
    )
    return dict(rows.fetchall())


def rename(db: sqlite3.Connection, iteration: Iteration, name: str) -> None:
    if not name.strip():
        raise ServiceFault("BadRequestIterationName", "An iteration needs a name")
    taken = db.execute(
        "SELECT 1 FROM iterations WHERE project = ? AND name = ? AND pk <> ?",
        (iteration.project, name, iteration.pk),
    ).fetchone()
    if taken:
        raise ServiceFault("BadRequestIterationNameNotUnique", "Name not unique")
    db.execute("UPDATE iterations SET name = ?, modified = ? WHERE pk = ?", (name, now(), iteration.pk))


def set_default(db: sqlite3.Connection, iteration: Iteration, is_default: bool) -> None:
    """v2: at most one default iteration in a project, and only a trained one."""
    if is_default:
        require_trained(iteration)
        db.execute("UPDATE iterations SET is_default = 0 WHERE project = ?", (iteration.project,))
    db.execute(
        "UPDATE iterations SET is_default = ?, modified = ? WHERE pk = ?",
        (int(is_default), now(), iteration.pk),
    )


def require_trained(iteration: Iteration) -> None:
    if iteration.status != COMPLETED:
        raise ServiceFault("BadRequestIterationIsNotTrained", "The iteration is not trained")


def publish(
    db: sqlite3.Connection, iteration: Iteration, name: str, resource: str, *, overwrite: bool
) -> None:
    require_trained(iteration)
    if iteration.publish_name:  # issue: even with overwrite; unpublish first
        raise ServiceFault(
            "BadRequestIterationIsPublished", f"Iteration is already published as: {iteration.publish_name}"
        )
    holder = db.execute(
        "SELECT pk FROM iterations WHERE project = ? AND publish_name = ?", (iteration.project, name)
    ).fetchone()
    if holder and not overwrite:
        raise ServiceFault("BadRequestInvalidPublishName", f"The name is taken: {name}")
    if holder:
        unpublish_key(db, holder[0])
    db.execute(
        "UPDATE iterations SET publish_name = ?, publish_resource = ?, modified = ? WHERE pk = ?",
        (name, resource, now(), iteration.pk),
    )


def unpublish_key(db: sqlite3.Connection, key: int) -> None:
    db.execute(
        "UPDATE iterations SET publish_name = NULL, publish_resource = NULL, modified = ? WHERE pk = ?",
        (now(), key),
    )


def delete(db: sqlite3.Connection, iteration: Iteration) -> None:
    """Delete an iteration with its frozen copy. recorded: not while it is the default or published."""
    if iteration.publish_name:
        raise ServiceFault(
            "BadRequestIterationIsPublished", f"Iteration is already published as: {iteration.publish_name}"
        )
    if iteration.is_default:
        raise ServiceFault("BadRequestWorkspaceNotDeletable", "The iteration is the default one")
    if iteration.status == TRAINING:
        raise ServiceFault("BadRequestTrainingAlreadyInProgress", "The iteration is being trained")
    projects.delete_frame(db, iteration.frame)
    db.execute("DELETE FROM held_out WHERE iteration = ?", (iteration.pk,))
    db.execute("DELETE FROM exports WHERE iteration = ?", (iteration.pk,))
    db.execute("DELETE FROM iterations WHERE pk = ?", (iteration.pk,))


def _selection(tag_ids: Sequence[str]) -> str | None:
    return orjson.dumps(sorted(tag_ids)).decode() if tag_ids else None
