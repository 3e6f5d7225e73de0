"""What labels an image may carry together."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cvsync.emulator.numbers import single_text, to_single
from cvsync.emulator.store.images import as_json
from cvsync.emulator.store.tags import NEGATIVE
from cvsync.limits import MAX_REGIONS_PER_IMAGE, MAX_TAGS_PER_IMAGE

Box = tuple[str, float, float, float, float]
"""Tag id, left, top, width, height."""


@dataclass(slots=True)
class Wearing:
    """The labels of one image."""

    tags: dict[int, str] = field(default_factory=dict)
    """Type of each tag, by the tag's `pk`."""
    boxes: set[tuple[int, str]] = field(default_factory=set)
    """Tag `pk` and box as printed."""
    regions: int = 0

    def tag_refusal(self, tag: int, type: str, *, is_multiclass: bool) -> str | None:
        """Why the image cannot take one more tag, as a creation status; None if it can."""
        if tag in self.tags or not self.tags:
            return None
        if NEGATIVE in (type, *self.tags.values()):
            return "ErrorNegativeAndRegularTagOnSameImage"
        # inferred: the second tag on a Multiclass image is over the limit.
        if is_multiclass or len(self.tags) >= MAX_TAGS_PER_IMAGE:
            return "ErrorTagLimitExceed"
        return None

    def region_refusal(self) -> str | None:
        return "ErrorRegionLimitExceed" if self.regions >= MAX_REGIONS_PER_IMAGE else None

    def add_box(self, tag: int, box: str) -> None:
        self.boxes.add((tag, box))
        self.regions += 1


def of_images(db: sqlite3.Connection, keys: Sequence[int]) -> dict[int, Wearing]:
    wearing = {key: Wearing() for key in keys}
    wanted = as_json(keys)
    for image, tag, type in db.execute(
        "SELECT l.image, t.pk, t.type FROM image_tags l JOIN tags t ON t.pk = l.tag"
        " WHERE l.image IN (SELECT value FROM json_each(?))",
        (wanted,),
    ):
        wearing[image].tags[tag] = type
    for image, tag, box in db.execute(
        "SELECT image, tag, box FROM regions WHERE image IN (SELECT value FROM json_each(?))", (wanted,)
    ):
        wearing[image].add_box(tag, box)
    return wearing


def tags_by_id(db: sqlite3.Connection, frame: int, tag_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """`pk` and type of each tag id that the frame holds."""
    rows = db.execute(
        "SELECT id, pk, type FROM tags WHERE frame = ? AND id IN (SELECT value FROM json_each(?))",
        (frame, as_json(tag_ids)),
    )
    return {id_: (pk, type) for id_, pk, type in rows}


@lru_cache(maxsize=4096)  # a batch asks three times: is it good, does it fit, how is it kept
def box_text(box: Box, *, tolerance: float) -> str | None:
    """A box as answers print it; None if it is empty or stands out of its image."""
    try:
        left, top, width, height = (to_single(number) for number in box[1:])
    except OverflowError:
        return None
    inside = left >= -tolerance and top >= -tolerance
    inside = inside and left + width <= 1 + tolerance and top + height <= 1 + tolerance
    if not inside or width <= 0 or height <= 0:
        return None
    return (
        f'"left":{single_text(left)},"top":{single_text(top)},'
        f'"width":{single_text(width)},"height":{single_text(height)}'
    )
