"""The kinds of intended change, and what one of them is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from cvsync.events import without_query
from cvsync.model import REGULAR


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


_WORDS = [kind.name.lower().replace("_", " ") for kind in Kind]
_WORDS[Kind.MAKE_ROOM] = _WORDS[Kind.REMOVE_LABEL]


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
        return f"{self.name} ({self.type})" if self.type not in (None, REGULAR) else self.name


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
