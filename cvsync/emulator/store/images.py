"""Images of a frame: pages, counts, lookups and deletion."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from cvsync.emulator.filters import Clause
from cvsync.emulator.numbers import sql_order
from cvsync.emulator.store import projects
from cvsync.emulator.store.projects import Project

TagRow = tuple[str, str, int, bytes]
"""Tag id, name, created, sort key."""
RegionRow = tuple[str, str, str, int, str]
"""Region id, tag id, tag name, created, box as answers print it."""


@dataclass(slots=True)
class ImageRecord:
    pk: int
    id: str
    created: int
    width: int
    height: int
    made: bool
    sha: bytes
    tags: list[TagRow] = field(default_factory=list)
    regions: list[RegionRow] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which images of a frame are meant."""

    frame: int
    tagged: bool | None = None
    tag_ids: Sequence[str] = ()
    """Images with any of these. spec."""
    where: Clause | None = None

    def sql(self) -> tuple[str, list[object]]:
        text, values = "frame = ?", [self.frame]
        parameters: list[object] = list(values)
        if self.tagged is not None:
            text += " AND tagged = ?"
            parameters.append(int(self.tagged))
        if self.tag_ids:
            text += (
                " AND pk IN (SELECT image FROM image_tags WHERE tag IN"
                " (SELECT pk FROM tags WHERE frame = ? AND id IN (SELECT value FROM json_each(?))))"
            )
            parameters += [self.frame, as_json(self.tag_ids)]
        if self.where is not None:
            text += f" AND ({self.where.sql})"
            parameters += self.where.parameters
        return text, parameters


def as_json(values: Sequence[object]) -> str:
    """A list as one SQL parameter, for `json_each`."""
    return orjson.dumps(list(values)).decode()


def page(
    db: sqlite3.Connection, selection: Selection, *, oldest: bool, take: int, skip: int
) -> list[ImageRecord]:
    """One page. recorded: newest first, ties by SQL Server's order of ids."""
    query, parameters = page_query(selection, oldest=oldest)
    return load(db, [row[0] for row in db.execute(query, (*parameters, take, skip))])


def page_query(selection: Selection, *, oldest: bool) -> tuple[str, list[object]]:
    """Ask for the keys of a page: it walks an index only, however far; rows are read for the page alone."""
    where, parameters = selection.sql()
    order = "created, sort" if oldest else "created DESC, sort"
    return f"SELECT pk FROM images WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?", parameters  # noqa: S608


def count(db: sqlite3.Connection, selection: Selection) -> int:
    if selection.tag_ids and selection.tagged is not False and selection.where is None:
        return _count_tagged(db, selection)
    where, parameters = selection.sql()
    found: int = db.execute(f"SELECT count(*) FROM images WHERE {where}", parameters).fetchone()[0]  # noqa: S608
    return found


def _count_tagged(db: sqlite3.Connection, selection: Selection) -> int:
    """Count by the tags' own index, which is much shorter than all images."""
    found: int = db.execute(
        "SELECT count(DISTINCT image) FROM image_tags WHERE tag IN"
        " (SELECT pk FROM tags WHERE frame = ? AND id IN (SELECT value FROM json_each(?)))",
        (selection.frame, as_json(selection.tag_ids)),
    ).fetchone()[0]
    return found


def keys_of(db: sqlite3.Connection, frame: int, image_ids: Sequence[str]) -> dict[str, int]:
    """The `pk` of each id that the frame holds."""
    rows = db.execute(
        "SELECT id, pk FROM images WHERE frame = ? AND id IN (SELECT value FROM json_each(?))",
        (frame, as_json(image_ids)),
    )
    return dict(rows.fetchall())


def by_ids(db: sqlite3.Connection, frame: int, image_ids: Sequence[str]) -> list[ImageRecord]:
    """By id, oldest first whatever the request's order. recorded; inferred: unknown ids are skipped."""
    records = load(db, list(keys_of(db, frame, image_ids).values()))
    return sorted(records, key=lambda record: (record.created, sql_order(record.id)))


def newest_id(db: sqlite3.Connection, frame: int) -> str | None:
    row = db.execute(
        "SELECT id FROM images WHERE frame = ? ORDER BY created DESC, sort LIMIT 1", (frame,)
    ).fetchone()
    return row and str(row[0])


def load(db: sqlite3.Connection, keys: Sequence[int]) -> list[ImageRecord]:
    """Read images with their labels and metadata, in the order of the keys."""
    wanted = as_json(keys)
    found: dict[int, ImageRecord] = {}
    for pk, id_, created, width, height, made, sha in db.execute(
        "SELECT pk, id, created, width, height, made, sha FROM images"
        " WHERE pk IN (SELECT value FROM json_each(?))",
        (wanted,),
    ):
        found[pk] = ImageRecord(pk, id_, created, width, height, bool(made), sha)
    for image, *tag in db.execute(
        "SELECT l.image, t.id, t.name, l.created, t.sort FROM image_tags l JOIN tags t ON t.pk = l.tag"
        " WHERE l.image IN (SELECT value FROM json_each(?)) ORDER BY l.created, l.seq",
        (wanted,),
    ):
        found[image].tags.append(tuple(tag))
    for image, *region in db.execute(
        "SELECT r.image, r.id, t.id, t.name, r.created, r.box FROM regions r JOIN tags t ON t.pk = r.tag"
        " WHERE r.image IN (SELECT value FROM json_each(?)) ORDER BY r.pk",
        (wanted,),
    ):
        found[image].regions.append(tuple(region))
    for image, key, value in db.execute(
        "SELECT image, key, value FROM metadata WHERE image IN (SELECT value FROM json_each(?))", (wanted,)
    ):
        found[image].metadata[key] = value
    return [found[key] for key in keys]


def delete(db: sqlite3.Connection, project: Project, image_ids: Sequence[str], *, iterations: bool) -> None:
    """Delete images from the workspace; trained iterations keep theirs unless told otherwise. spec text."""
    frames = [project.workspace]
    if iterations:
        frames = [row[0] for row in db.execute("SELECT pk FROM frames WHERE project = ?", (project.pk,))]
    keys = {frame: list(keys_of(db, frame, image_ids).values()) for frame in frames}
    for found in keys.values():
        _delete_keys(db, found)
    if keys.get(project.workspace):
        projects.touch(db, project)


def delete_all(db: sqlite3.Connection, project: Project, *, iterations: bool) -> None:
    ids = [row[0] for row in db.execute("SELECT id FROM images WHERE frame = ?", (project.workspace,))]
    delete(db, project, ids, iterations=iterations)


def _delete_keys(db: sqlite3.Connection, keys: list[int]) -> None:
    wanted = as_json(keys)
    for table, column in (
        ("image_tags", "image"),
        ("regions", "image"),
        ("metadata", "image"),
        ("images", "pk"),
    ):
        db.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))",  # noqa: S608
            (wanted,),
        )


def update_metadata(
    db: sqlite3.Connection, key: int, pairs: dict[str, str], *, merge: bool, limit: int
) -> dict[str, str] | None:
    """Write an image's metadata and answer all of it; None if that would be too many pairs."""
    kept = dict(db.execute("SELECT key, value FROM metadata WHERE image = ?", (key,))) if merge else {}
    after: dict[str, str] = kept | pairs
    if len(after) > limit:
        return None
    db.execute("DELETE FROM metadata WHERE image = ?", (key,))
    write_metadata(db, [key], after)
    return after


def write_metadata(db: sqlite3.Connection, keys: Sequence[int], pairs: dict[str, str]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO metadata VALUES(?,?,?)",
        [(key, name, value) for key in keys for name, value in pairs.items()],
    )
