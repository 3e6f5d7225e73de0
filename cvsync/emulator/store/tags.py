"""Tags of a frame, and the rules on their names and types."""

from __future__ import annotations

import sqlite3
import unicodedata
import uuid
from dataclasses import dataclass

from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.numbers import sql_order
from cvsync.emulator.quotas import Quota
from cvsync.emulator.store import projects
from cvsync.emulator.store.projects import Project

REGULAR, NEGATIVE, GENERAL_PRODUCT = "Regular", "Negative", "GeneralProduct"
_SELECT = (
    "SELECT t.pk, t.id, t.name, t.description, t.type,"
    " (SELECT count(*) FROM image_tags WHERE tag = t.pk) FROM tags t "
)

REGIONS_OF_TAG = (  # regions have no index by tag alone, but each has its tag on its image, too
    "DELETE FROM regions WHERE tag = ?1 AND image IN (SELECT image FROM image_tags WHERE tag = ?1)"
)


@dataclass(frozen=True, slots=True)
class Tag:
    pk: int
    id: str
    name: str
    description: str | None
    type: str
    image_count: int


def of_frame(db: sqlite3.Connection, frame: int) -> list[Tag]:
    """Every tag, in SQL Server's order of ids. recorded."""
    return [Tag(*row) for row in db.execute(_SELECT + "WHERE t.frame = ? ORDER BY t.sort", (frame,))]


def find(db: sqlite3.Connection, frame: int, tag_id: str) -> Tag:
    row = db.execute(_SELECT + "WHERE t.frame = ? AND t.id = ?", (frame, tag_id)).fetchone()
    if row is None:
        raise ServiceFault("NotFoundTag", "Tag not found")
    return Tag(*row)


def create(
    db: sqlite3.Connection, project: Project, name: str, *, description: str | None, type: str, quota: Quota
) -> Tag:
    frame = project.workspace
    if db.execute("SELECT count(*) FROM tags WHERE frame = ?", (frame,)).fetchone()[0] >= quota.tags:
        raise ServiceFault("BadRequestExceedTagPerProjectLimit", "The number of tags is at its limit")
    _check_name(db, frame, name, except_for="")
    _check_type(db, frame, type, except_for="")
    tag_id = str(uuid.uuid4())
    db.execute(
        "INSERT INTO tags(frame, id, sort, name, folded, description, type) VALUES(?,?,?,?,?,?,?)",
        (frame, tag_id, sql_order(tag_id), name, _folded(name), description, type),
    )
    projects.touch(db, project)
    return find(db, frame, tag_id)


def update(
    db: sqlite3.Connection,
    project: Project,
    tag: Tag,
    *,
    name: str | None,
    description: str | None,
    type: str | None,
) -> Tag:
    """Change what is given. recorded: a partial body leaves the rest as it was."""
    frame = project.workspace
    if name is not None:
        _check_name(db, frame, name, except_for=tag.id)
        db.execute("UPDATE tags SET name = ?, folded = ? WHERE pk = ?", (name, _folded(name), tag.pk))
    if description is not None:
        db.execute("UPDATE tags SET description = ? WHERE pk = ?", (description, tag.pk))
    if type is not None and type != tag.type:
        _check_type(db, frame, type, except_for=tag.id)
        _check_company(db, tag, type)
        db.execute("UPDATE tags SET type = ? WHERE pk = ?", (type, tag.pk))
        projects.touch(db, project)
    return find(db, frame, tag.id)


def delete(db: sqlite3.Connection, project: Project, tag: Tag) -> None:
    """Delete a tag with its image tags and regions. spec."""
    wearers = [row[0] for row in db.execute("SELECT image FROM image_tags WHERE tag = ?", (tag.pk,))]
    db.execute(REGIONS_OF_TAG, (tag.pk,))
    db.execute("DELETE FROM image_tags WHERE tag = ?", (tag.pk,))
    db.execute("DELETE FROM tags WHERE pk = ?", (tag.pk,))
    note_tagged(db, wearers)
    projects.touch(db, project)


def note_tagged(db: sqlite3.Connection, images: list[int]) -> None:
    """Bring `tagged` of these images up to date after their tags changed."""
    db.executemany(
        "UPDATE images SET tagged = EXISTS(SELECT 1 FROM image_tags WHERE image = pk) WHERE pk = ?",
        [(image,) for image in images],
    )


def _folded(name: str) -> str:
    # inferred: names differ by more than case, as the client must assume anyway.
    return unicodedata.normalize("NFC", name.strip()).casefold()


def _check_name(db: sqlite3.Connection, frame: int, name: str, *, except_for: str) -> None:
    if not name.strip():
        raise ServiceFault("BadRequestTagName", "A tag needs a name")
    found = db.execute(
        "SELECT 1 FROM tags WHERE frame = ? AND folded = ? AND id <> ?", (frame, _folded(name), except_for)
    ).fetchone()
    if found:
        raise ServiceFault("BadRequestTagNameNotUnique", "Name not unique")


def _check_type(db: sqlite3.Connection, frame: int, type: str, *, except_for: str) -> None:
    """At most one Negative tag and one GeneralProduct tag. spec: the codes' names."""
    if type == REGULAR:
        return
    found = db.execute(
        "SELECT 1 FROM tags WHERE frame = ? AND type = ? AND id <> ?", (frame, type, except_for)
    ).fetchone()
    if found:
        raise ServiceFault(f"BadRequestMultiple{type}Tag", f"The project has a {type} tag already")


def _check_company(db: sqlite3.Connection, tag: Tag, type: str) -> None:
    """A tag that shares an image with another cannot become Negative."""
    if (
        type == NEGATIVE
        and db.execute(
            "SELECT 1 FROM image_tags a JOIN image_tags b ON b.image = a.image AND b.tag <> a.tag"
            " WHERE a.tag = ?",
            (tag.pk,),
        ).fetchone()
    ):
        raise ServiceFault("BadRequestNegativeAndRegularTagOnSameImage", "The tag shares images with others")
