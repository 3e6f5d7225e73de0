"""What can be wrong with a row: a stable code each, what it says, and what to do about it.

``E0..`` refuse their row, ``E1..`` are rows that the project cannot hold, ``W0..`` are told and taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cvsync.events import without_query

_KINDS = {
    # The row as a whole
    "E001": ("the row has another number of cells than the header", "quote cells that hold the delimiter"),
    "E002": ("neither a url nor a path", "say where the image is, or take the row out"),
    "E040": ("not the JSON that is read here", 'an object a line; in a cell a list such as ["a", "b"]'),
    "E041": ("labels of another shape", "give each label a tag, and lists of one length"),
    "E049": ("the header stands here again", "take the row out; files were joined with their headers"),
    "E050": ("labels stand in two fields", "keep one of them, or --map FIELD=COLUMN says which counts"),
    # Where the image is
    "E003": ("the file does not exist", "correct the path; --images FOLDER says where paths start"),
    "E004": ("the url is neither http nor https", "give a link that the service can download"),
    "E005": ("the url names no host", "write it as https://host/…"),
    "E006": ("a file url", "give the file's path in a column `path`"),
    "E007": ("a storage url that the service cannot open", "sign it, and give the https link"),
    "E008": ("the url holds control characters", "take them out; look for a line break in the cell"),
    "E009": ("a folder, not a file", "name the file"),
    "E037": ("the file is empty", "write the image again"),
    "E038": ("a path where a url is expected", "put it in a column `path`, or give the whole url"),
    "E039": ("a url where a path is expected", "put it in a column `url`"),
    "E048": ("a path in a manifest that is no local file", "give urls, or --images FOLDER"),
    # Boxes
    "E010": ("not a number", "write it with digits and a point"),
    "E011": ("a box needs left, top, width and height, or none of them", "fill in or empty all four"),
    "E012": ("the box is outside the image; boxes are fractions 0 to 1 of it", "correct the numbers"),
    "E013": ("the box has no area", "correct the numbers, or take the row out"),
    "E014": ("width or height is negative", "the corners are swapped: write the smaller one first"),
    "E015": ("a box without a tag", "name what is in the box"),
    "E019": ("a decimal comma", "write 0.5, not 0,5"),
    "E020": ("not a finite number", "correct the number, or leave the cell empty"),
    "E021": ("pixels where fractions 0 to 1 are expected", "divide by the image's size, or --units pixel"),
    "E022": ("percent where fractions 0 to 1 are expected", "divide by 100, or --units percent"),
    "E023": ("a box in pixels of an image without a size", "fill in its size, or --probe-size for a file"),
    "E024": ("the box fits the image only with x and y swapped", "swap the two"),
    "E035": ("not a size in pixels", "write a whole number from 1, or --probe-size where it is 0"),
    "E036": ("another size than the image's other rows give", "correct the wrong one"),
    "E047": ("the size cannot be read from the file", "give it in columns, or write the image again"),
    # Tags and the image
    "E016": ("the tag is blank", "name it, or leave the cell empty for an image without labels"),
    "E018": ("one key for two different images", "give each image a key of its own"),
    "E025": ("the tag type is neither Regular nor Negative", "write one of the two, or leave it empty"),
    "E026": ("a negative tag with a box", "a negative tag is for a whole image: take the box out"),
    "E027": ("a negative tag beside other tags of the image", "keep the one or the others"),
    "E028": ("a second negative tag", "a project has one at most: use one name"),
    "E029": ("one tag that is both regular and negative", "give it one type in all rows"),
    "E030": ("another version than the image's other rows give", "give one version in all its rows"),
    "E031": ("more than 300 boxes on one image", "leave out boxes"),
    "E032": ("more than 100 tags on one image", "leave out tags"),
    "E033": ("a metadata value of more than 512 characters", "shorten it"),
    "E034": ("more than 50 metadata values on one image", "carry fewer columns along"),
    # Files of other formats
    "E042": ("a label of an image that is not listed", "list the image, or take the label out"),
    "E043": ("a class that has no name", "name the class in the list of classes"),
    "E044": ("a label file that cannot be read", "write it again"),
    "E045": ("a label file without an image", "put the image where its format expects it"),
    "E046": ("a second image with the same id", "number the images apart"),
    "E051": ("a box or an outline in a form that is not read", "give left, top, width and height"),
    "E052": ("a class with two names", "number the classes apart"),
    # What a project of some type cannot hold
    "E101": ("a detection project needs a box with each tag", "draw the box, or push to another project"),
    "E102": ("a classification project holds no boxes", "take the box out, or push to another project"),
    "E103": ("a multiclass project holds one tag an image", "keep one, or use a multilabel project"),
    # What is told and taken
    "W001": ("boxes stood out of their image by 0.00001 or half a pixel at most and were clamped", ""),
    "W002": ("rows say again what the image has already", "take them out"),
    "W003": ("rows repeat a box exactly; an image that is new will hold both", "take them out"),
    "W004": ("spellings of one tag; the first counts", "choose one"),
    "W005": ("blanks around a cell were left out", ""),
    "W006": ("urls with blanks inside; they are sent as they stand", "write %20"),
    "W007": (
        "paths lead out of the manifest's folder; their keys change when it moves",
        "give a column `key`",
    ),
    "W008": ("names do not end like an image that the service takes", "use jpg, png, bmp or gif"),
    "W009": ("tags hold control characters", "take them out; look for a line break in the cell"),
    "W010": ("tags are longer than 256 characters; the service may refuse them", "shorten them"),
    "W011": ("rows name an image that another key names too; the service will hold it once", "use one key"),
    "W012": ("rows give one image different metadata; the first counts", "give it one value"),
    "W013": ("outlines were taken as the boxes around them", ""),
    "W014": ("images are larger than the service takes (10,240 pixels a side, 25:1)", "shrink them"),
    "W015": ("files are larger than the service takes (6 MB)", "shrink them"),
    "W016": ("the text is not UTF-8; it was read as Windows-1252", "save it as UTF-8"),
    "W017": ("rows without a tag, of an image that other rows give labels", "take them out"),
    "W018": ("crowds, whose box holds many objects, were taken as one box", ""),
    "W019": ("signatures have expired; the service will not be let in", "sign the links again"),
    "W020": ("tags have fewer images than training needs", "add images"),
    "W021": ("the only tag; a classifier needs two to tell apart", "add another"),
    "W022": ("boxes are outside, but all fit if their first two numbers are the centre", "--box cxcywh"),
    "W023": ("boxes are outside, but all fit if their last two numbers are a corner", "--box xyxy"),
    "W024": ("manifests without a row, which name no image", "see whether the file is whole"),
    "W025": (
        "cells where several tags may stand hold a comma; each is one tag",
        "write a semicolon between two tags; in a column `tag` a cell is one",
    ),
}
CODES = {code: says for code, (says, _) in _KINDS.items() if code.startswith("E")}
WARNINGS = {code: says for code, (says, _) in _KINDS.items() if code.startswith("W")}
REMEDIES = {code: remedy for code, (_, remedy) in _KINDS.items()}


def table() -> str:
    """Give the list of codes as the README has it."""
    lines = ["| code | what it says | what to do |", "|---|---|---|"]
    lines += [f"| {code} | {says} | {remedy} |" for code, (says, remedy) in sorted(_KINDS.items())]
    return "\n".join(lines)


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

    @property
    def remedy(self) -> str:
        """What to do about it; empty: nothing."""
        return REMEDIES.get(self.code, "")

    @property
    def refusal(self) -> dict[str, object]:
        """The facts of the event ``item_refused``."""
        return {
            "code": self.code, "source": self.source, "row": self.row, "column": self.column,
            "value": without_query(self.value or ""), "reason": self.message,
        }  # fmt: skip

    def __str__(self) -> str:
        value = "" if self.value is None else f" {without_query(self.value)!r}"
        return f"{self.source} row {self.row}: {self.column}{value}: {self.code} {self.message}"


@dataclass(frozen=True, eq=False)
class Found:
    """One thing that is wrong with some rows, in columns."""

    code: str
    column: str
    sources: pa.Array
    """Of each row, as text."""
    rows: NDArray[np.int64]
    """1-based, as ``Problem.row``."""
    values: pa.Array
    """As written, as text; null where nothing is."""

    def __len__(self) -> int:
        return len(self.rows)

    def problem(self, position: int) -> Problem:
        """Give one of them."""
        return Problem(
            self.code,
            self.sources[position].as_py(),
            int(self.rows[position]),
            self.column,
            self.values[position].as_py(),
            CODES.get(self.code) or WARNINGS[self.code],
        )


class Problems(Sequence[Problem]):
    """Many problems, in the order of files, rows and codes.

    Holds columns: a file of which every row is bad costs little more than a good one. The objects are made
    one at a time, when they are looked at.
    """

    def __init__(self, found: Iterable[Found] = (), *, order: Sequence[str] = ()) -> None:
        """Gather what was found.

        Args:
            found: In any order.
            order: The names of the sources; others follow in the order in which they are met.
        """
        self.found = [part for part in found if len(part)]
        self._order = list(order)

    def __len__(self) -> int:
        return sum(map(len, self.found))

    @overload
    def __getitem__(self, index: int) -> Problem: ...

    @overload
    def __getitem__(self, index: slice) -> list[Problem]: ...

    def __getitem__(self, index: int | slice) -> Problem | list[Problem]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        part, position = self._places
        return self.found[int(part[index])].problem(int(position[index]))

    def __iter__(self) -> Iterator[Problem]:
        return (self[n] for n in range(len(self)))

    def counts(self) -> Counter[str]:
        """Count them by code."""
        counts: Counter[str] = Counter()
        for part in self.found:
            counts[part.code] += len(part)
        return counts

    def of(self, code: str) -> Problems:
        """Give those of one code."""
        return Problems([part for part in self.found if part.code == code], order=self._order)

    def with_more(self, found: Iterable[Found]) -> Problems:
        """Give these and others."""
        return Problems([*self.found, *found], order=self._order)

    @property
    def row_count(self) -> int:
        """Count the rows that have any."""
        if not self.found:
            return 0
        return len(np.unique(np.stack([self._ranks, self._rows]), axis=1)[0])

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        return np.concatenate([part.rows for part in self.found])

    @cached_property
    def _ranks(self) -> NDArray[np.int64]:
        """Number the source of each problem, in the order of the sources."""
        source = pa.concat_arrays([p.sources.cast(pa.string()) for p in self.found]).dictionary_encode()
        names = source.dictionary.to_pylist()
        rank = {name: n for n, name in enumerate(dict.fromkeys([*self._order, *names]))}
        ranks = np.array([rank[name] for name in names], np.int64)
        return np.asarray(ranks[np.asarray(source.indices)])

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Say for each problem in order which part it is of, and where in that."""
        if not self.found:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        part = np.repeat(np.arange(len(self.found)), [len(p) for p in self.found])
        position = np.concatenate([np.arange(len(p)) for p in self.found])
        codes = np.array([p.code for p in self.found])[part]
        order = np.lexsort([part, codes, self._rows, self._ranks])
        return part[order], position[order]


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that was mended, or is allowed but odd."""

    code: str
    count: int
    example: str = ""
    problems: Problems | None = None
    """The rows, where it is about rows."""

    @property
    def message(self) -> str:
        """What it says."""
        return WARNINGS[self.code]

    @property
    def remedy(self) -> str:
        """What to do about it; empty: nothing."""
        return REMEDIES[self.code]

    def __str__(self) -> str:
        example = f" ({self.example})" if self.example else ""
        return f"{self.code} {self.count:,} {self.message}{example}"
