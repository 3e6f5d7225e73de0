"""What becomes of a batch of new images."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from cvsync.emulator.numbers import now, sql_order
from cvsync.emulator.quotas import Quota
from cvsync.emulator.settings import Quirks
from cvsync.emulator.store import projects, wearing
from cvsync.emulator.store.images import write_metadata
from cvsync.emulator.store.projects import Project
from cvsync.emulator.store.wearing import Box, Wearing

OK, DUPLICATE = "OK", "OKDuplicate"


@dataclass(slots=True)
class Entry:
    """One image of a batch: the picture, or why there is none, and the labels sent with it."""

    source: str
    tag_ids: list[str]
    boxes: list[Box] = field(default_factory=list)
    status: str = OK
    sha: bytes = b""
    width: int = 0
    height: int = 0
    made: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    source: str
    status: str
    key: int | None = None


@dataclass(frozen=True, kw_only=True)
class Rules:
    version: tuple[int, int]
    quota: Quota
    quirks: Quirks

    @property
    def bad_tag(self) -> str:
        # issue: a foreign tag id was ErrorUnknown before 3.4; spec: ErrorInvalidTag since.
        return "ErrorInvalidTag" if self.version >= (3, 4) else "ErrorUnknown"

    @property
    def bad_region(self) -> str:
        # issue: seen in 2022, in no enum; inferred for earlier versions.
        return "ErrorInvalidRegion" if self.version >= (3, 4) else "ErrorUnknown"

    def known(self, refusal: str) -> str:
        """The status of a refusal, in a version that may be older than it."""
        # spec: v2.0 and v2.1 know no types of tags, and no status about them.
        is_older = refusal == "ErrorNegativeAndRegularTagOnSameImage" and self.version < (2, 2)
        return "ErrorUnknown" if is_older else refusal


def create_images(
    db: sqlite3.Connection,
    project: Project,
    entries: Sequence[Entry],
    *,
    rules: Rules,
    metadata: dict[str, str],
) -> list[Outcome]:
    """Store a batch inside the caller's transaction; one outcome for each entry, in order."""
    creation = _Creation(db, project, entries, rules)
    outcomes = [creation.take(entry) for entry in entries]
    creation.write()
    fresh = [o.key for o in outcomes if o.status == OK and o.key is not None]
    known = [o.key for o in outcomes if o.status == DUPLICATE and o.key is not None]
    write_metadata(db, fresh + (known if rules.quirks.duplicate_metadata else []), metadata)
    if creation.has_changed:
        projects.touch(db, project)
    return outcomes


class _Creation:
    """Decides on one entry after the other and gathers the rows to write."""

    def __init__(
        self, db: sqlite3.Connection, project: Project, entries: Sequence[Entry], rules: Rules
    ) -> None:
        self.db, self.project, self.rules = db, project, rules
        frame = project.workspace
        wanted = {tag for entry in entries for tag in entry.tag_ids}
        wanted |= {box[0] for entry in entries for box in entry.boxes}
        self.tags = wearing.tags_by_id(db, frame, sorted(wanted))
        self.known = self._known_content(frame, {entry.sha for entry in entries if entry.status == OK})
        self.wearing = wearing.of_images(db, list(self.known.values()))
        self.next_key = db.execute("SELECT coalesce(max(pk), 0) + 1 FROM images").fetchone()[0]
        # A frame has no more images than there are numbers, and is counted only where that tells nothing.
        may_be_full = self.next_key - 1 + len(entries) > rules.quota.images
        self.room = rules.quota.images - (self._count(frame) if may_be_full else 0)
        self.moment = now()
        self.ids = dict(self._ids_of(list(self.known.values())))
        self.image_rows: list[tuple[object, ...]] = []
        self.tag_rows: list[tuple[object, ...]] = []
        self.region_rows: list[tuple[object, ...]] = []
        self.submissions: list[tuple[object, ...]] = []
        self.retagged: list[int] = []
        self.replaced: list[int] = []

    @property
    def has_changed(self) -> bool:
        """Whether a training would see anything new: a duplicate that brings no label is nothing new."""
        return bool(self.image_rows or self.tag_rows or self.region_rows or self.replaced)

    def take(self, entry: Entry) -> Outcome:
        status = entry.status if entry.status != OK else self._refusal(entry)
        if status is not None:
            return Outcome(entry.source, status)
        key = self.known.get(entry.sha)
        if key is not None:
            if self.rules.quirks.merge_duplicate_labels:
                self._merge(key, entry)
            self.submissions.append((self.project.pk, self.ids[key], entry.source))
            return Outcome(entry.source, DUPLICATE, key)
        return self._create(entry)

    def write(self) -> None:
        db = self.db
        db.executemany("DELETE FROM image_tags WHERE image = ?", [(key,) for key in self.replaced])
        db.executemany("INSERT INTO images VALUES(?,?,?,?,?,?,?,?,?,?)", self.image_rows)
        db.executemany("INSERT INTO image_tags VALUES(?,?,?,?)", self.tag_rows)
        db.executemany(
            "INSERT INTO regions(id, image, tag, created, box) VALUES(?,?,?,?,?)", self.region_rows
        )
        db.executemany(
            "INSERT INTO submissions VALUES(?,?,?,1) ON CONFLICT DO UPDATE SET n = n + 1", self.submissions
        )
        db.executemany("UPDATE images SET tagged = 1 WHERE pk = ?", [(key,) for key in self.retagged])

    def _refusal(self, entry: Entry) -> str | None:
        """Why the labels of an entry cannot be meant, whatever the image carries already."""
        if any(tag not in self.tags for tag in (*entry.tag_ids, *(box[0] for box in entry.boxes))):
            return self.rules.bad_tag
        tolerance = self.rules.quirks.box_tolerance
        if any(wearing.box_text(box, tolerance=tolerance) is None for box in entry.boxes):
            return self.rules.bad_region
        return None

    def _create(self, entry: Entry) -> Outcome:
        if self.room <= 0:
            return Outcome(entry.source, "ErrorLimitExceed")
        labels = Wearing()
        refusal = self._wear(0, labels, entry, strict=True)
        if refusal is not None:
            return Outcome(entry.source, self.rules.known(refusal))
        key, image_id = self.next_key, str(uuid.uuid4())
        self._wear(key, self.wearing.setdefault(key, Wearing()), entry, strict=True)
        self.image_rows.append(
            (key, self.project.workspace, image_id, sql_order(image_id), self.moment,
             entry.width, entry.height, entry.sha, int(entry.made), int(bool(labels.tags)))
        )  # fmt: skip
        self.submissions.append((self.project.pk, image_id, entry.source))
        self.known[entry.sha], self.ids[key] = key, image_id
        self.next_key += 1
        self.room -= 1
        return Outcome(entry.source, OK, key)

    def _merge(self, key: int, entry: Entry) -> None:
        """Add a duplicate's labels as far as the image can take them. inferred."""
        before = len(self.wearing[key].tags)
        if self.project.is_multiclass and self.rules.quirks.multiclass_replaces_tag:
            self._make_room(key, entry)
        self._wear(key, self.wearing[key], entry, strict=False)
        if not before and self.wearing[key].tags:
            self.retagged.append(key)

    def _make_room(self, key: int, entry: Entry) -> None:
        """Take the tag off a Multiclass image that is sent with another."""
        worn = self.wearing[key].tags
        wanted = [self.tags[tag][0] for tag in entry.tag_ids]
        if wanted and wanted[0] not in worn and worn:
            worn.clear()
            self.tag_rows = [row for row in self.tag_rows if row[0] != key]
            self.replaced.append(key)

    def _wear(self, key: int, labels: Wearing, entry: Entry, *, strict: bool) -> str | None:
        """Put labels on an image; key 0 only tries. Strict: stop at the first that does not fit."""
        for tag_id in dict.fromkeys((*entry.tag_ids, *(box[0] for box in entry.boxes))):
            tag, type = self.tags[tag_id]
            refusal = labels.tag_refusal(tag, type, is_multiclass=self.project.is_multiclass)
            if refusal is None and tag not in labels.tags:
                if key:
                    self.tag_rows.append((key, tag, self.moment, len(labels.tags)))
                labels.tags[tag] = type
            elif refusal is not None and strict:
                return refusal
        for box in entry.boxes:
            refusal = self._wear_box(key, labels, box, strict=strict)
            if refusal is not None and strict:
                return refusal
        return None

    def _wear_box(self, key: int, labels: Wearing, box: Box, *, strict: bool) -> str | None:
        tag = self.tags[box[0]][0]
        text = wearing.box_text(box, tolerance=self.rules.quirks.box_tolerance)
        refusal = labels.region_refusal()
        if refusal is not None or tag not in labels.tags or text is None:
            return refusal
        if not strict and (tag, text) in labels.boxes and not self.rules.quirks.merge_identical_boxes:
            return None
        if key:
            self.region_rows.append((str(uuid.uuid4()), key, tag, self.moment, text))
        labels.add_box(tag, text)
        return None

    def _known_content(self, frame: int, contents: set[bytes]) -> dict[bytes, int]:
        marks = ",".join("?" * len(contents))
        rows = self.db.execute(
            f"SELECT sha, pk FROM images WHERE frame = ? AND sha IN ({marks})",  # noqa: S608
            (frame, *contents),
        )
        return dict(rows.fetchall())

    def _ids_of(self, keys: list[int]) -> list[tuple[int, str]]:
        marks = ",".join("?" * len(keys))
        return self.db.execute(f"SELECT pk, id FROM images WHERE pk IN ({marks})", keys).fetchall()  # noqa: S608

    def _count(self, frame: int) -> int:
        found: int = self.db.execute("SELECT count(*) FROM images WHERE frame = ?", (frame,)).fetchone()[0]
        return found
