"""What can be wrong with a row: a stable code each, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from cvsync.events import without_query

CODES = {
    "E001": "the row has another number of cells than the header",
    "E002": "neither a url nor a path",
    "E003": "the file does not exist",
    "E004": "the url is neither http nor https",
    "E010": "not a number",
    "E011": "a box needs left, top, width and height, or none of them",
    "E012": "the box is outside the image; boxes are fractions 0 to 1 of it",
    "E013": "the box has no area",
    "E015": "a box without a tag",
    "E016": "the tag is blank",
    "E018": "one key for two different images",
    "E101": "a detection project needs a box with each tag",
    "E102": "a classification project holds no boxes",
    "E103": "a multiclass project holds one tag an image",
}
WARNINGS = {
    "W001": "boxes stood out of their image by 0.00001 at most and were clamped",
    "W002": "rows give an image a tag that it has already",
    "W003": "rows repeat a box exactly; the image will hold both",
    "W004": "spellings of one tag; the first counts",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one row."""

    code: str
    source: str
    """The manifest file."""
    row: int
    """1-based data row in it; the header does not count."""
    column: str
    value: str | None
    message: str

    def __str__(self) -> str:
        value = "" if self.value is None else f" {without_query(self.value)!r}"
        return f"{self.source} row {self.row}: {self.column}{value}: {self.code} {self.message}"


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that was mended, or is allowed but odd."""

    code: str
    count: int
    example: str = ""

    def __str__(self) -> str:
        example = f" ({self.example})" if self.example else ""
        return f"{self.code} {self.count:,} {WARNINGS[self.code]}{example}"
