"""Tags and regions put on images that exist, and taken off again."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from cvsync.emulator.errors import ServiceFault
from cvsync.emulator.numbers import now
from cvsync.emulator.store import images, projects, tags, wearing
from cvsync.emulator.store.images import as_json
from cvsync.emulator.store.projects import Project
from cvsync.emulator.store.wearing import Box

TagEntry = tuple[str, str]
"""Image id, tag id."""
RegionEntry = tuple[str, Box]
"""Image id and box."""


@dataclass(frozen=True, slots=True)
class NewRegion:
    id: str
    image_id: str
    tag_id: str
    created: int
    box: str


@dataclass
class SortedTags:
    """Where each entry of a request went. recorded: always three lists, never null."""

    created: list[TagEntry] = field(default_factory=list)
    duplicated: list[TagEntry] = field(default_factory=list)
    exceeded: list[TagEntry] = field(default_factory=list)


@dataclass
class SortedRegions:
    """The same for regions."""

    created: list[NewRegion] = field(default_factory=list)
    duplicated: list[RegionEntry] = field(default_factory=list)
    exceeded: list[RegionEntry] = field(default_factory=list)


def create_tags(
    db: sqlite3.Connection, project: Project, entries: Sequence[TagEntry], *, replace: bool = False
) -> SortedTags:
    """Put tags on images; `replace`: on a Multiclass image, in the place of the one that it has."""
    keys, known = _parties(db, project, entries, code="BadRequestImageTags")
    worn = wearing.of_images(db, list(keys.values()))
    moment, result = now(), SortedTags()
    rows: list[tuple[int, int, int, int]] = []
    for entry in entries:
        key, (tag, type) = keys[entry[0]], known[entry[1]]
        refusal = worn[key].tag_refusal(tag, type, is_multiclass=project.is_multiclass)
        if replace and project.is_multiclass and refusal == "ErrorTagLimitExceed":
            db.execute("DELETE FROM image_tags WHERE image = ?", (key,))
            rows = [row for row in rows if row[0] != key]
            worn[key].tags.clear()
            refusal = None
        if tag in worn[key].tags:
            result.duplicated.append(entry)
        elif refusal == "ErrorNegativeAndRegularTagOnSameImage":
            # inferred from the code's name: the answer has no list for it.
            raise ServiceFault("BadRequestNegativeAndRegularTagOnSameImage", "Negative and regular tags")
        elif refusal is not None:
            result.exceeded.append(entry)
        else:
            rows.append((key, tag, moment, len(worn[key].tags)))
            worn[key].tags[tag] = type
            result.created.append(entry)
    db.executemany("INSERT INTO image_tags VALUES(?,?,?,?)", rows)
    _note(db, project, [row[0] for row in rows])
    return result


def create_regions(
    db: sqlite3.Connection, project: Project, entries: Sequence[RegionEntry], *, tolerance: float
) -> SortedRegions:
    """Add regions, and with each its tag. recorded."""
    pairs = [(image, box[0]) for image, box in entries]
    keys, known = _parties(db, project, pairs, code="BadRequestImageRegions")
    worn = wearing.of_images(db, list(keys.values()))
    moment, result = now(), SortedRegions()
    tag_rows: list[tuple[int, int, int, int]] = []
    region_rows: list[tuple[str, int, int, int, str]] = []
    for image_id, box in entries:
        key, (tag, type) = keys[image_id], known[box[0]]
        text = wearing.box_text(box, tolerance=tolerance)
        if text is None:
            raise ServiceFault("BadRequestImageRegions", "A region is empty or stands out of its image")
        if (tag, text) in worn[key].boxes:  # inferred: same image, tag and 32-bit box
            result.duplicated.append((image_id, box))
            continue
        if worn[key].region_refusal() or worn[key].tag_refusal(tag, type, is_multiclass=False):
            result.exceeded.append((image_id, box))
            continue
        if tag not in worn[key].tags:
            tag_rows.append((key, tag, moment, len(worn[key].tags)))
            worn[key].tags[tag] = type
        worn[key].add_box(tag, text)
        region = NewRegion(str(uuid.uuid4()), image_id, box[0], moment, text)
        region_rows.append((region.id, key, tag, moment, text))
        result.created.append(region)
    db.executemany("INSERT INTO image_tags VALUES(?,?,?,?)", tag_rows)
    db.executemany("INSERT INTO regions(id, image, tag, created, box) VALUES(?,?,?,?,?)", region_rows)
    _note(db, project, [row[1] for row in region_rows])
    return result


REGIONS_BY_ID = (  # CROSS: from the regions, not from all images of the project
    "SELECT r.pk, r.image, r.tag FROM regions r CROSS JOIN images i ON i.pk = r.image"
    " WHERE i.frame = ? AND r.id IN (SELECT value FROM json_each(?))"
)


def delete_tags(
    db: sqlite3.Connection, project: Project, image_ids: Sequence[str], tag_ids: Sequence[str]
) -> None:
    """Take every one of these tags, and its regions, off every one of these images. spec: cross product."""
    keys = list(images.keys_of(db, project.workspace, image_ids).values())
    known = [tag for tag, _ in wearing.tags_by_id(db, project.workspace, tag_ids).values()]
    for table in ("regions", "image_tags"):
        db.execute(
            f"DELETE FROM {table} WHERE image IN (SELECT value FROM json_each(?))"  # noqa: S608
            " AND tag IN (SELECT value FROM json_each(?))",
            (as_json(keys), as_json(known)),
        )
    _note(db, project, keys)


def delete_regions(db: sqlite3.Connection, project: Project, region_ids: Sequence[str]) -> None:
    """Delete regions; with the last region of a tag, the image loses that tag. recorded."""
    rows = db.execute(REGIONS_BY_ID, (project.workspace, as_json(region_ids))).fetchall()
    db.executemany("DELETE FROM regions WHERE pk = ?", [(row[0],) for row in rows])
    db.executemany(
        "DELETE FROM image_tags WHERE image = ?1 AND tag = ?2"
        " AND NOT EXISTS(SELECT 1 FROM regions WHERE image = ?1 AND tag = ?2)",
        {(row[1], row[2]) for row in rows},
    )
    _note(db, project, [row[1] for row in rows])


def _parties(
    db: sqlite3.Connection, project: Project, pairs: Sequence[TagEntry], *, code: str
) -> tuple[dict[str, int], dict[str, tuple[int, str]]]:
    """The images and tags that entries name; a stranger refuses the whole request. inferred."""
    keys = images.keys_of(db, project.workspace, [image for image, _ in pairs])
    known = wearing.tags_by_id(db, project.workspace, [tag for _, tag in pairs])
    for image, tag in pairs:
        if image not in keys:
            raise ServiceFault(code, f"No such image: {image}")
        if tag not in known:
            raise ServiceFault(code, f"No such tag: {tag}")
    return keys, known


def _note(db: sqlite3.Connection, project: Project, keys: Sequence[int]) -> None:
    if keys:
        tags.note_tagged(db, list(dict.fromkeys(keys)))
        projects.touch(db, project)
