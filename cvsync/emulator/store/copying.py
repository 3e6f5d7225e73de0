"""A whole project read into one document, and written again under new ids.

The document is plain JSON, so that it can go from one emulator to another: rows of the tables with their own
keys, hashes as hex, models as base64. It holds the workspace and the completed iterations with their frames;
about 250 bytes an image and frame.
"""

from __future__ import annotations

import base64
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import orjson

from cvsync.emulator import domains
from cvsync.emulator.numbers import sql_order
from cvsync.emulator.quotas import Quota
from cvsync.emulator.store import iterations, projects
from cvsync.emulator.store.iterations import Iteration
from cvsync.emulator.store.projects import Project

Document = dict[str, Any]
FORM = "cvsync-project-1"
_KEPT = [field.name for field in fields(Iteration) if field.name not in ("pk", "id", "project", "frame")]
_SETTINGS = ("description", "domain", "classification", "platforms", "augmentation")
_ROWS = {  # `?1` is the JSON list of the frames
    "tags": "SELECT pk, frame, id, name, folded, description, type FROM tags"
    " WHERE frame IN (SELECT value FROM json_each(?1))",
    "images": "SELECT pk, frame, id, created, width, height, hex(sha), made, tagged FROM images"
    " WHERE frame IN (SELECT value FROM json_each(?1))",
    "image_tags": "SELECT l.image, l.tag, l.created, l.seq FROM images i JOIN image_tags l ON l.image = i.pk"
    " WHERE i.frame IN (SELECT value FROM json_each(?1))",
    "regions": "SELECT r.id, r.image, r.tag, r.created, r.box FROM images i JOIN regions r ON r.image = i.pk"
    " WHERE i.frame IN (SELECT value FROM json_each(?1)) ORDER BY r.pk",
    "metadata": "SELECT m.image, m.key, m.value FROM images i JOIN metadata m ON m.image = i.pk"
    " WHERE i.frame IN (SELECT value FROM json_each(?1))",
}


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


def read(db: sqlite3.Connection, project: Project) -> Document:
    """Read what a copy takes over. recorded: settings, tags, images, regions and trained iterations."""
    trained = [i for i in iterations.of_project(db, project) if i.status == iterations.COMPLETED]
    frames = [project.workspace, *(iteration.frame for iteration in trained)]
    document: Document = {"form": FORM, "name": project.name, "frames": frames}
    document["settings"] = {name: getattr(project, name) for name in _SETTINGS}
    document["counters"] = [project.iteration_number, project.revision]
    for name, query in _ROWS.items():
        document[name] = db.execute(query, (orjson.dumps(frames).decode(),)).fetchall()
    document["iterations"] = [_read_iteration(db, iteration) for iteration in trained]
    return document


def _read_iteration(db: sqlite3.Connection, iteration: Iteration) -> dict[str, Any]:
    return {name: getattr(iteration, name) for name in _KEPT} | {
        "frame": iteration.frame,
        "model": base64.b64encode(iterations.model(db, iteration)).decode(),
        "held_out": list(iterations.held_out(db, iteration).items()),
    }


def contents(document: Document) -> set[bytes]:
    """The hashes of the images that were really downloaded."""
    return {bytes.fromhex(row[6]) for row in document["images"] if not row[7]}


def write(
    db: sqlite3.Connection, document: Document, *, name: str, quota: Quota, ready: int, metadata: bool
) -> Project:
    """Make a project of a document. recorded: all ids are new, nothing is published."""
    settings = document["settings"]
    copy = projects.create(
        db,
        name,
        description=settings["description"],
        domain=domains.require(settings["domain"], "BadRequestProjectUnknownDomain").id,
        classification=settings["classification"],
        platforms=orjson.loads(settings["platforms"]),
        quota=quota,
        ready=ready,
    )
    _Writing(db, document, copy).write(metadata=metadata)
    return projects.find(db, copy.id)


class _Writing:
    """One document on its way into the tables: each key and each id is made anew."""

    def __init__(self, db: sqlite3.Connection, document: Document, copy: Project) -> None:
        self.db = db
        self.document = document
        self.copy = copy
        self.fresh: dict[str, str] = {}
        self.images = self._keys("images")
        self.tags = self._keys("tags")
        # The project was made with a frame, which becomes the workspace.
        self.frames = dict(zip(document["frames"], self._frames(len(document["frames"])), strict=True))

    def _keys(self, table: str) -> dict[int, int]:
        """A key for each row of a table, on from the largest without a gap, as in `projects.copy_frame`."""
        first = _one(self.db, f"SELECT coalesce(max(pk), 0) + ? FROM {table}", 1)  # noqa: S608
        return {row[0]: first + n for n, row in enumerate(self.document[table])}

    def _frames(self, count: int) -> list[int]:
        made = [self.copy.workspace]
        while len(made) < count:
            cursor = self.db.execute("INSERT INTO frames(project) VALUES(?)", (self.copy.pk,))
            assert cursor.lastrowid is not None
            made.append(cursor.lastrowid)
        return made

    def renewed(self, id_: str) -> str:
        if id_ not in self.fresh:
            self.fresh[id_] = str(uuid.uuid4())
        return self.fresh[id_]

    def write(self, *, metadata: bool) -> None:
        self._write_rows("tags", 8, [self._tag(row) for row in self.document["tags"]])
        self._write_rows("images", 10, [self._image(row) for row in self.document["images"]])
        self._write_rows("image_tags", 4, [self._image_tag(row) for row in self.document["image_tags"]])
        self.db.executemany(
            "INSERT INTO regions(id, image, tag, created, box) VALUES(?,?,?,?,?)",
            [
                (self.renewed(id_), self.images[image], self.tags[tag], created, box)
                for id_, image, tag, created, box in self.document["regions"]
            ],
        )
        if metadata:
            rows = [(self.images[image], key, value) for image, key, value in self.document["metadata"]]
            self._write_rows("metadata", 3, rows)
        self.db.execute(
            "UPDATE projects SET augmentation = ?, iteration_number = ?, revision = ? WHERE pk = ?",
            (self.document["settings"]["augmentation"], *self.document["counters"], self.copy.pk),
        )
        for iteration in self.document["iterations"]:
            self._write_iteration(iteration)
        self.db.execute(
            "INSERT INTO submissions SELECT ?, id, 'copy', 1 FROM images WHERE frame = ?",
            (self.copy.pk, self.copy.workspace),
        )

    def _write_rows(self, table: str, width: int, rows: Sequence[tuple[object, ...]]) -> None:
        marks = ",".join("?" * width)
        self.db.executemany(f"INSERT INTO {table} VALUES({marks})", rows)

    def _tag(self, row: Sequence[Any]) -> tuple[object, ...]:
        pk, frame, id_, *rest = row
        new = self.renewed(id_)
        return (self.tags[pk], self.frames[frame], new, sql_order(new), *rest)

    def _image(self, row: Sequence[Any]) -> tuple[object, ...]:
        pk, frame, id_, created, width, height, sha, *rest = row
        new = self.renewed(id_)
        place = (self.images[pk], self.frames[frame], new, sql_order(new))
        return (*place, created, width, height, bytes.fromhex(sha), *rest)

    def _image_tag(self, row: Sequence[Any]) -> tuple[object, ...]:
        image, tag, *rest = row
        return (self.images[image], self.tags[tag], *rest)

    def _write_iteration(self, iteration: dict[str, Any]) -> None:
        values = {name: iteration[name] for name in _KEPT}
        values |= {"publish_name": None, "publish_resource": None}
        values["tags"] = orjson.dumps([self.renewed(tag) for tag in orjson.loads(values["tags"])]).decode()
        if values["selected"]:
            chosen = sorted(self.fresh.get(tag, tag) for tag in orjson.loads(values["selected"]))
            values["selected"] = orjson.dumps(chosen).decode()
        values |= {
            "id": str(uuid.uuid4()),
            "project": self.copy.pk,
            "frame": self.frames[iteration["frame"]],
            "model": base64.b64decode(iteration["model"]),
        }
        names, marks = ", ".join(values), ",".join("?" * len(values))
        key = self.db.execute(
            f"INSERT INTO iterations({names}) VALUES({marks})",
            (*values.values(),),
        ).lastrowid
        rows = [(key, self.renewed(image), self._candidates(said)) for image, said in iteration["held_out"]]
        self._write_rows("held_out", 3, rows)

    def _candidates(self, said: str) -> str:
        renewed = [[self.renewed(tag), *rest] for tag, *rest in orjson.loads(said)]
        return orjson.dumps(renewed).decode()


def _one(db: sqlite3.Connection, query: str, parameter: int) -> int:
    found: int = db.execute(query, (parameter,)).fetchone()[0]
    return found
