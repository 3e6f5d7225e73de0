"""Projects: the settings of each, and the frame that is its workspace."""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass, fields

import orjson

from cvsync.emulator import domains
from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.numbers import now, sql_datetime
from cvsync.emulator.quotas import Quota

NEVER = 1 << 62
"""`ready` of an import that another emulator's images are still on their way for."""
FAILED = -1
"""`ready` of an import that came to nothing."""


@dataclass(frozen=True, slots=True)
class Project:
    pk: int
    id: str
    name: str
    description: str
    domain: str
    classification: str
    platforms: str
    augmentation: str | None
    container_uri: str | None
    queue_uri: str | None
    created: int
    modified: int
    ready: int
    workspace: int
    opened: int
    iteration_number: int
    revision: int

    @property
    def is_detection(self) -> bool:
        return domains.require(self.domain).is_detection

    @property
    def is_multiclass(self) -> bool:
        return self.classification == "Multiclass" and not self.is_detection

    @property
    def status(self) -> str:
        """spec: `Importing`, then `Succeeded` or `Failed`."""
        if self.ready == FAILED:
            return "Failed"
        return "Importing" if now() < self.ready else "Succeeded"


COLUMNS = ", ".join(field.name for field in fields(Project))


def all_projects(db: sqlite3.Connection) -> list[Project]:
    """Every project, newest first. recorded."""
    rows = db.execute(f"SELECT {COLUMNS} FROM projects ORDER BY created DESC, pk DESC")  # noqa: S608
    return [Project(*row) for row in rows]


def find(db: sqlite3.Connection, project_id: str) -> Project:
    row = db.execute(f"SELECT {COLUMNS} FROM projects WHERE id = ?", (project_id,)).fetchone()  # noqa: S608
    if row is None:
        raise ServiceFault("NotFoundProject", "Project not found")
    return Project(*row)


def by_key(db: sqlite3.Connection, key: int) -> Project | None:
    row = db.execute(f"SELECT {COLUMNS} FROM projects WHERE pk = ?", (key,)).fetchone()  # noqa: S608
    return row and Project(*row)


def create(
    db: sqlite3.Connection,
    name: str,
    *,
    description: str,
    domain: str,
    classification: str,
    platforms: list[str],
    quota: Quota,
    container_uri: str | None = None,
    queue_uri: str | None = None,
    ready: int = 0,
) -> Project:
    check_name(name)
    if db.execute("SELECT count(*) FROM projects").fetchone()[0] >= quota.projects:
        raise ServiceFault("BadRequestExceedProjectLimit", "The number of projects is at its limit")
    moment = sql_datetime(now())
    project_id = str(uuid.uuid4())
    cursor = db.execute(
        "INSERT INTO projects(id, name, description, domain, classification, platforms, container_uri,"
        " queue_uri, created, modified, ready, workspace, opened) VALUES(?,?,?,?,?,?,?,?,?,?,?,0,?)",
        (project_id, name, description, domain, classification, orjson.dumps(platforms).decode(),
         container_uri, queue_uri, moment, moment, ready, moment),
    )  # fmt: skip
    frame = db.execute("INSERT INTO frames(project) VALUES(?)", (cursor.lastrowid,)).lastrowid
    db.execute("UPDATE projects SET workspace = ? WHERE pk = ?", (frame, cursor.lastrowid))
    return find(db, project_id)


def unfinished(db: sqlite3.Connection) -> list[Project]:
    """Imports that wait for images."""
    rows = db.execute(f"SELECT {COLUMNS} FROM projects WHERE ready = ?", (NEVER,))  # noqa: S608
    return [Project(*row) for row in rows]


def set_ready(db: sqlite3.Connection, project: Project, ready: int) -> None:
    """Say when an import is over; by its id, as another project may have the `pk` of one that was deleted."""
    db.execute("UPDATE projects SET ready = ? WHERE id = ?", (ready, project.id))


def check_name(name: str) -> None:
    if not name.strip():
        raise ServiceFault("BadRequestProjectName", "A project needs a name")


def update(db: sqlite3.Connection, project: Project, changes: dict[str, str | None]) -> Project:
    """Write the changed columns; a new domain or type is a change that training sees."""
    trains_anew = any(changes.get(name, getattr(project, name)) != getattr(project, name)
                      for name in ("domain", "classification"))  # fmt: skip
    assignments = "".join(f"{name} = ?, " for name in changes)
    db.execute(
        f"UPDATE projects SET {assignments}modified = ?, revision = revision + ? WHERE pk = ?",  # noqa: S608
        (*changes.values(), max(now(), project.created), int(trains_anew), project.pk),
    )
    return find(db, project.id)


def touch(db: sqlite3.Connection, project: Project) -> None:
    """Note that the next training would see something else."""
    db.execute("UPDATE projects SET revision = revision + 1 WHERE pk = ?", (project.pk,))


def delete(db: sqlite3.Connection, project: Project) -> None:
    for frame in db.execute("SELECT pk FROM frames WHERE project = ?", (project.pk,)).fetchall():
        delete_frame(db, frame[0])
    db.execute(
        "DELETE FROM held_out WHERE iteration IN (SELECT pk FROM iterations WHERE project = ?)", (project.pk,)
    )
    db.execute(
        "DELETE FROM exports WHERE iteration IN (SELECT pk FROM iterations WHERE project = ?)", (project.pk,)
    )
    for table in ("iterations", "predictions", "suggestions", "submissions"):
        db.execute(f"DELETE FROM {table} WHERE project = ?", (project.pk,))  # noqa: S608
    db.execute("DELETE FROM projects WHERE pk = ?", (project.pk,))


def delete_frame(db: sqlite3.Connection, frame: int) -> None:
    for table in ("image_tags", "regions", "metadata"):
        db.execute(
            f"DELETE FROM {table} WHERE image IN (SELECT pk FROM images WHERE frame = ?)",  # noqa: S608
            (frame,),
        )
    for table in ("images", "tags"):
        db.execute(f"DELETE FROM {table} WHERE frame = ?", (frame,))  # noqa: S608
    db.execute("DELETE FROM frames WHERE pk = ?", (frame,))


def copy_frame(db: sqlite3.Connection, source: int, *, project: int) -> int:
    """Copy a frame whole, ids included; its rows are numbered on from the largest `pk`, without a gap.

    A gap would be passed on to the next copy: numbers that are shifted by the largest double with each
    training that follows new images, and after some fifty of them no number is left.
    """
    frame = db.execute("INSERT INTO frames(project) VALUES(?)", (project,)).lastrowid
    last = {
        table: db.execute(f"SELECT coalesce(max(pk), 0) FROM {table}").fetchone()[0]  # noqa: S608
        for table in ("images", "tags")
    }
    for statement in _COPY_STATEMENTS:
        db.execute(_NEW_KEYS + statement, last | {"frame": frame, "source": source})
    assert frame is not None
    return frame


_NEW_KEYS = (
    "WITH new_tags AS (SELECT pk AS old, :tags + row_number() OVER (ORDER BY pk) AS new"
    " FROM tags WHERE frame = :source),"
    " new_images AS (SELECT pk AS old, :images + row_number() OVER (ORDER BY pk) AS new"
    " FROM images WHERE frame = :source) "
)
# Tags are found by the index of their ids. CROSS: from the images, or each label is tried with every tag.
_COPY_STATEMENTS = (
    "INSERT INTO tags SELECT new, :frame, id, sort, name, folded, description, type"
    " FROM new_tags JOIN tags ON pk = old",
    "INSERT INTO images SELECT new, :frame, id, sort, created, width, height, sha, made, tagged"
    " FROM new_images JOIN images ON pk = old",
    "INSERT INTO image_tags SELECT i.new, t.pk, l.created, l.seq FROM new_images i"
    " CROSS JOIN image_tags l ON l.image = i.old"
    " CROSS JOIN tags o ON o.pk = l.tag CROSS JOIN tags t ON t.frame = :frame AND t.id = o.id",
    "INSERT INTO regions(id, image, tag, created, box) SELECT l.id, i.new, t.pk, l.created, l.box"
    " FROM new_images i CROSS JOIN regions l ON l.image = i.old"
    " CROSS JOIN tags o ON o.pk = l.tag CROSS JOIN tags t ON t.frame = :frame AND t.id = o.id ORDER BY l.pk",
    "INSERT INTO metadata SELECT i.new, m.key, m.value FROM new_images i JOIN metadata m ON m.image = i.old",
)
