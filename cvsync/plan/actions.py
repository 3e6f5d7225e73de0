"""The kinds of intended change, and Plan: all of them in the order in which they are applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import pyarrow as pa

from cvsync.events import without_query
from cvsync.known import SCHEMA as KNOWN_SCHEMA
from cvsync.labels import BOX, METADATA, TEXT
from cvsync.model import ProjectType


class Kind(IntEnum):
    """What an action does; the numbers are the apply order and stand in saved plans."""

    RENAME_TAG = 0
    CREATE_TAG = 1
    CREATE_IMAGE = 2
    MAKE_ROOM = 3  # remove a label beside which the one that comes could not stand
    ADD_LABEL = 4
    REPLACE_IMAGE = 5  # create anew under the same key; once that is confirmed, delete the old image
    REMOVE_LABEL = 6
    DELETE_IMAGE = 7
    SET_METADATA = 8

    @property
    def words(self) -> str:
        """The kind as people read it: ``create image``."""
        return _WORDS[self]


_KINDS = tuple(Kind)
_WORDS = [kind.name.lower().replace("_", " ") for kind in Kind]
_WORDS[Kind.MAKE_ROOM] = _WORDS[Kind.REMOVE_LABEL]
T = TypeVar("T", bound=tuple[Any, ...])

SCHEMA = pa.schema(
    [
        pa.field("kind", pa.int8(), nullable=False),
        pa.field("item", pa.int64(), nullable=False),  # rows of one image and kind share it and lie together
        pa.field("key", TEXT),  # null: no key of the manifest or the ledger is this image
        pa.field("url", TEXT),
        pa.field("path", TEXT),
        pa.field("image_id", pa.string()),  # null: the image is yet to be created
        pa.field("tag", TEXT),  # its name; null: an image without labels
        pa.field("region_id", pa.string()),  # of a box to remove
        pa.field("left", pa.float32()),
        pa.field("top", pa.float32()),
        pa.field("width", pa.float32()),
        pa.field("height", pa.float32()),
        pa.field("source", TEXT),
        pa.field("row", pa.int64()),
        pa.field("version", TEXT),  # of a new image's content, where the manifest tells it
    ]
)  # columns of METADATA follow, for new images, where the manifest has some


class Box(NamedTuple):
    """A box as fractions of the image, single precision."""

    left: float
    top: float
    width: float
    height: float

    def __str__(self) -> str:
        return "[" + " ".join(f"{v:.4g}" for v in self) + "]"


class Label(NamedTuple):
    """A tag of an image, with its box if it has one."""

    tag: str
    box: Box | None = None

    def __str__(self) -> str:
        return f"{self.tag} {self.box}" if self.box else self.tag


@dataclass(frozen=True, slots=True)
class NewTag:
    """A tag to create."""

    name: str
    type: str | None = None
    """As the service says it: ``Regular``, ``Negative``; None: as the service sees fit."""
    description: str | None = None
    """None: nothing is told of it."""

    def __str__(self) -> str:
        return f"{self.name} ({self.type})" if self.type not in (None, "Regular") else self.name


@dataclass(frozen=True, slots=True)
class TagRename:
    """A tag that gets another name or description and keeps its images."""

    tag_id: str
    old: str
    new: str
    description: str | None = None
    """None: it stays."""

    def __str__(self) -> str:
        told = "" if self.description is None else f", described as {self.description!r}"
        return f"{self.old} to {self.new}{told}" if self.old != self.new else f"{self.old}{told}"


class Origin(NamedTuple):
    """Where a label stands in a manifest."""

    source: str
    row: int


class Action(NamedTuple):
    """One intended change of one image."""

    kind: Kind
    key: str | None
    labels: tuple[Label, ...] = ()
    image_id: str | None = None
    """Of the image that it changes; of a replacement, the old one."""
    url: str | None = None
    path: str | None = None
    version: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    """Name and value, sorted by name."""
    region_ids: tuple[str | None, ...] = ()
    """Of the labels to remove, in their order; None for a whole-image tag."""
    origins: tuple[Origin, ...] = ()

    @property
    def name(self) -> str:
        """What a person calls the image."""
        return without_query(self.key or self.image_id or "?")

    def __str__(self) -> str:
        what = ", ".join(map(str, self.labels))
        match self.kind:
            case Kind.RENAME_TAG | Kind.CREATE_TAG:
                return f"{self.kind.words} {self.key}"
            case Kind.CREATE_IMAGE | Kind.REPLACE_IMAGE:
                return f"{self.kind.words} {self.name} with {what or 'no label'}"
            case Kind.ADD_LABEL:
                return f"add {what} to {self.name}"
            case Kind.MAKE_ROOM | Kind.REMOVE_LABEL:
                return f"remove {what} from {self.name}"
            case Kind.DELETE_IMAGE:
                return f"delete image {self.name}"
            case Kind.SET_METADATA:
                pairs = ", ".join(f"{name}={value}" for name, value in self.metadata)
                return f"set metadata {pairs} of {self.name}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row that contradicts another one, as can only be seen beside the project."""

    key: str
    tag: str
    source: str
    row: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a project holds of what the service limits."""

    images: int
    tags: int


@dataclass(frozen=True, eq=False)
class Plan:
    """The changes that make a project match a manifest.

    Held whole as columns, about 80 bytes a changed label; what stays as it is costs nothing.
    """

    project_id: str
    type: ProjectType
    new_tags: tuple[NewTag, ...]
    """The tags to create, in the order of the manifest."""
    table: pa.Table
    """Columns of ``SCHEMA`` and metadata, in apply order."""
    unchanged: int
    """Images of the manifest that the project holds with the same labels."""
    unknown: int
    """Keys that the ledger does not know: new images, or images to adopt."""
    unmanaged: int
    """Images of the project that no key is known to be; they are never touched."""
    before: Extent
    """What the project held when the plan was made."""
    adopted: int = 0
    """Images that were unmanaged and that the manifest does not name: the ledger will know them by id."""
    twins: int = 0
    """Keys that are the same image to the service as another key."""
    renames: tuple[TagRename, ...] = ()
    """Tags that get another name or description, before anything else."""
    drifted: int = 0
    """Images of the manifest that others edited or deleted since the last run."""
    conflicts: tuple[Conflict, ...] = ()
    """Rows that are left out because they contradict others."""
    learned: pa.Table = field(default_factory=KNOWN_SCHEMA.empty_table)
    """What the ledger should know before anything is applied, in this order: columns of ``known.SCHEMA``."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.new_tags and not self.renames and self.table.num_rows == 0

    @property
    def after(self) -> Extent:
        """What the project will hold."""
        counts = self.counts
        images = self.before.images + counts[Kind.CREATE_IMAGE] - counts[Kind.DELETE_IMAGE]
        return Extent(images, self.before.tags + len(self.new_tags))

    @property
    def doomed(self) -> int:
        """How many images will be gone for good: deleted, or replaced."""
        return self.counts[Kind.DELETE_IMAGE] + self.counts[Kind.REPLACE_IMAGE]

    @property
    def creates_bare(self) -> bool:
        """Whether new keys are first sent without labels.

        An unknown key may turn out to be an unmanaged image, and labels that ride along with a duplicate
        would be merged into it before anyone could compare.
        """
        return self.unmanaged + self.adopted > 0

    @cached_property
    def counts(self) -> dict[Kind, int]:
        """How many actions of each kind; an image counts once a kind."""
        kinds, items = (np.asarray(self.table.column(c)) for c in ("kind", "item"))
        firsts = kinds[np.r_[True, items[1:] != items[:-1]]] if len(items) else kinds
        found = {kind: int((firsts == kind).sum()) for kind in Kind}
        return found | {Kind.CREATE_TAG: len(self.new_tags), Kind.RENAME_TAG: len(self.renames)}

    def actions(self, *kinds: Kind) -> Iterator[Action]:
        """Give the actions of some kinds (default: all) one by one, in apply order."""
        wanted = kinds or tuple(Kind)
        for kind, tags in ((Kind.RENAME_TAG, self.renames), (Kind.CREATE_TAG, self.new_tags)):
            if kind in wanted:
                yield from (Action(kind, str(tag)) for tag in tags)
        column = np.asarray(self.table.column("kind"))
        for kind in wanted:
            rows = np.flatnonzero(column == kind)
            if len(rows):
                yield from _actions(self.table.slice(int(rows[0]), len(rows)))


def _actions(table: pa.Table, *, step: int = 1024) -> Iterator[Action]:
    """Turn rows into actions; only about ``step`` rows at a time are Python objects."""
    item = np.asarray(table.column("item"))
    starts = np.flatnonzero(np.r_[True, item[1:] != item[:-1]])  # of each action's rows
    ends = np.r_[starts[1:], len(item)]
    first = 0
    while first < len(starts):
        last = int(np.searchsorted(ends, starts[first] + step))  # whole actions, at least one
        last = min(max(last, first + 1), len(starts))
        begin, end = int(starts[first]), int(ends[last - 1])
        columns = {name: _values(table.column(name).slice(begin, end - begin)) for name in table.column_names}
        yield from _build(columns, (starts[first:last] - begin).tolist(), (ends[first:last] - begin).tolist())
        first = last


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Give a column as Python has it, the fastest way that there is for what it holds."""
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    values: list[Any] = column.to_pylist() if column.null_count else column.to_numpy().tolist()
    return values


def _build(columns: dict[str, list[Any]], heads: list[int], ends: list[int]) -> Iterator[Action]:
    """Build an action of the rows from each head to its end; all are of one kind."""
    rows = list(map(slice, heads, ends))
    boxes = [box if box[0] is not None else None for box in _all(Box, *(columns[name] for name in BOX))]
    labels = [label if label[0] is not None else None for label in _all(Label, columns["tag"], boxes)]
    sources = [source or "" for source in columns["source"]]
    origins = [origin if origin[1] is not None else None for origin in _all(Origin, sources, columns["row"])]
    return _all(
        Action,
        [_KINDS[columns["kind"][0]]] * len(heads),
        _of(heads, columns["key"]),
        _filled(rows, labels),
        *(_of(heads, columns[name]) for name in ("image_id", "url", "path", "version")),
        _metadata(columns, heads),
        _regions(rows, columns),
        _filled(rows, origins),
    )


def _of(heads: list[int], column: list[Any]) -> list[Any]:
    return [column[head] for head in heads]


def _filled(rows: list[slice], column: Iterable[T | None]) -> Iterable[tuple[T, ...]]:
    """Give what the rows of each action hold."""
    whole = tuple(column)
    held = [whole[some] for some in rows]
    return [tuple(filter(None, some)) for some in held] if None in whole else cast(list[tuple[T, ...]], held)


def _regions(rows: list[slice], columns: dict[str, list[Any]]) -> Iterable[tuple[str | None, ...]]:
    regions = tuple(columns["region_id"])
    return [regions[some] for some in rows] if any(regions) else [()] * len(rows)


def _metadata(columns: dict[str, list[Any]], heads: list[int]) -> Iterable[tuple[tuple[str, str], ...]]:
    names = sorted(name for name in columns if name.startswith(METADATA))
    if not names:
        return [()] * len(heads)
    pairs = [(name.removeprefix(METADATA), columns[name]) for name in names]
    return [
        tuple([(name, values[head]) for name, values in pairs if values[head] is not None]) for head in heads
    ]


def _all(kind: type[T], *columns: Iterable[Any]) -> Iterator[T]:
    """Build a NamedTuple of each row of some columns.

    By ``tuple.__new__``, which is all that its own constructor does but for a line of Python.
    """
    return map(partial(tuple.__new__, kind), zip(*columns, strict=True))
