"""A whole project copied under new ids."""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import fields

import orjson

from cvsync.emulator.numbers import sql_order
from cvsync.emulator.quotas import Quota
from cvsync.emulator.store import iterations, projects
from cvsync.emulator.store.iterations import Iteration
from cvsync.emulator.store.projects import Project

_KEPT = [field.name for field in fields(Iteration) if field.name not in ("pk", "id", "project", "frame")]


def counts(db: sqlite3.Connection, project: Project) -> dict[str, int]:
    """What an export announces. recorded: the workspace counts as an iteration, and tags once a frame."""
    frame = project.workspace
    regions = "SELECT count(*) FROM regions r JOIN images i ON i.pk = r.image WHERE i.frame = ?"
    return {
        "iterationCount": len(iterations.of_project(db, project)) + 1,
        "imageCount": _one(db, "SELECT count(*) FROM images WHERE frame = ?", frame),
        "tagCount": _one(
            db,
            "SELECT count(*) FROM tags WHERE frame IN (SELECT pk FROM frames WHERE project = ?)",
            project.pk,
        ),
        "regionCount": _one(db, regions, frame),
    }


def copy_project(
    db: sqlite3.Connection, source: Project, *, name: str, quota: Quota, ready: int, metadata: bool
) -> Project:
    """Copy settings, tags, images, regions and trained iterations. recorded; all ids are new."""
    copy = projects.create(
        db,
        name,
        description=source.description,
        domain=source.domain,
        classification=source.classification,
        platforms=orjson.loads(source.platforms),
        quota=quota,
        ready=ready,
    )
    projects.delete_frame(db, copy.workspace)
    fresh: dict[str, str] = {}
    frame = _copy_frame(db, source.workspace, copy, fresh, metadata=metadata)
    db.execute(
        "UPDATE projects SET workspace = ?, augmentation = ?, iteration_number = ?, revision = ?"
        " WHERE pk = ?",
        (frame, source.augmentation, source.iteration_number, source.revision, copy.pk),
    )
    for iteration in iterations.of_project(db, source):
        if iteration.status == iterations.COMPLETED:
            _copy_iteration(db, iteration, copy, fresh, metadata=metadata)
    db.execute(
        "INSERT INTO submissions SELECT ?, i.id, 'copy', 1 FROM images i WHERE i.frame = ?", (copy.pk, frame)
    )
    return projects.find(db, copy.id)


def _copy_frame(
    db: sqlite3.Connection, source: int, copy: Project, fresh: dict[str, str], *, metadata: bool
) -> int:
    frame = projects.copy_frame(db, source, project=copy.pk)
    for table in ("tags", "images"):
        ids = [row[0] for row in db.execute(f"SELECT id FROM {table} WHERE frame = ?", (frame,))]  # noqa: S608
        renewed = [fresh.setdefault(id_, str(uuid.uuid4())) for id_ in ids]
        db.executemany(
            f"UPDATE {table} SET id = ?, sort = ? WHERE frame = ? AND id = ?",  # noqa: S608
            [(new, sql_order(new), frame, old) for old, new in zip(ids, renewed, strict=True)],
        )
    in_frame = "image IN (SELECT pk FROM images WHERE frame = ?)"
    regions = db.execute(f"SELECT pk, id FROM regions WHERE {in_frame}", (frame,)).fetchall()  # noqa: S608
    db.executemany(
        "UPDATE regions SET id = ? WHERE pk = ?",
        [(fresh.setdefault(id_, str(uuid.uuid4())), key) for key, id_ in regions],
    )
    if not metadata:
        db.execute(f"DELETE FROM metadata WHERE {in_frame}", (frame,))  # noqa: S608
    return frame


def _copy_iteration(
    db: sqlite3.Connection, iteration: Iteration, copy: Project, fresh: dict[str, str], *, metadata: bool
) -> None:
    frame = _copy_frame(db, iteration.frame, copy, fresh, metadata=metadata)
    values = {name: getattr(iteration, name) for name in _KEPT}
    values |= {"publish_name": None, "publish_resource": None}
    values["tags"] = orjson.dumps([fresh[tag] for tag in iteration.tag_ids]).decode()
    if iteration.selected:
        selected = [fresh.get(tag, tag) for tag in orjson.loads(iteration.selected)]
        values["selected"] = orjson.dumps(sorted(selected)).decode()
    names, marks = ", ".join(values), ",".join("?" * len(values))
    key = db.execute(
        f"INSERT INTO iterations(id, project, frame, {names}, model)"  # noqa: S608
        f" SELECT ?, ?, ?, {marks}, model FROM iterations WHERE pk = ?",
        (str(uuid.uuid4()), copy.pk, frame, *values.values(), iteration.pk),
    ).lastrowid
    for image, said in iterations.held_out(db, iteration).items():
        renewed = [[fresh[tag], *rest] for tag, *rest in orjson.loads(said)]
        db.execute("INSERT INTO held_out VALUES(?,?,?)", (key, fresh[image], orjson.dumps(renewed).decode()))


def _one(db: sqlite3.Connection, query: str, parameter: int) -> int:
    found: int = db.execute(query, (parameter,)).fetchone()[0]
    return found
