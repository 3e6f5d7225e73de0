"""New images as columns: what goes out for a batch is made for all of its images at once.

Most images are created and never looked at again one by one. An image is an action only where one is asked
for: where the service says anything else of it than that it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, chain, groupby, pairwise
from typing import NamedTuple, overload

from cvsync import limits
from cvsync.labels import Sides
from cvsync.lean import lean_dataclass
from cvsync.plan.actions import Action, Box, Kind, Label

TagAndBox = tuple[str, Box | None]
"""A tag's id, and a box or None."""


class Common(NamedTuple):
    """What the images of a batch have in common."""

    kind: Kind
    is_by_url: bool
    """Whether the service downloads them; else their bytes go along."""
    metadata: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, action: Action) -> Common:
        """Give what an image has in common with others of its batch."""
        return cls(action.kind, action.url is not None, action.metadata)


def sides_of(boxes: Iterable[Box | None]) -> Sides:
    """Give the boxes of some labels as columns."""
    none: tuple[None, ...] = (None,) * len(Box._fields)
    rows = [box or none for box in boxes]
    return [*zip(*rows, strict=True)] or [()] * len(none)


def first_tags(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Keep the labels of the first ``MAX_TAGS_PER_BATCH`` tags: an image can be created with no more."""
    seen: dict[str, None] = {}
    kept = []
    for label in labels:
        if label.tag in seen or len(seen) < limits.MAX_TAGS_PER_BATCH:
            seen[label.tag] = None
            kept.append(label)
    return tuple(kept)


def _sendable(labels: tuple[Label, ...]) -> tuple[Label, ...]:
    """Give the labels that ride along with a new image, where nothing speaks against it."""
    return labels if len(labels) <= limits.MAX_TAGS_PER_BATCH else first_tags(labels)


@dataclass(frozen=True, eq=False)
class Block:
    """Images that may be in one batch: the elements of each list are theirs, in order."""

    common: Common
    keys: list[str]
    names: list[str]
    """What the service calls them: their URLs, or, of images by bytes, their keys."""
    versions: list[str | None]
    fingerprints: list[int] | None
    """Of all labels by the ids of their tags; None: not known, or not all ride along."""
    tags: list[str]
    """The names of the tags of the labels that ride along, image by image."""
    sides: Sides
    """Their boxes."""
    starts: list[int]
    """Where in both the labels of each image begin, and where the last one's end."""
    is_whole: bool
    """Whether all labels ride along."""
    build: Callable[[], Iterable[Action]]
    """Makes the actions that the images are."""

    @cached_property
    def actions(self) -> list[Action]:
        """The images as actions."""
        return [*self.build()]


@lean_dataclass(frozen=True, slots=True)
class SentLabels:
    """The labels that go along with the images of a batch, image by image."""

    tag_ids: Sequence[str]
    sides: Sides
    starts: Sequence[int]
    """Where the labels of each image begin, and where the last one's end."""

    @classmethod
    def none(cls, images: int) -> SentLabels:
        """Give the labels of images that go without."""
        return cls((), ((),) * len(Box._fields), [0] * (images + 1))

    def count(self, place: int) -> int:
        """Count the labels of one image."""
        return self.starts[place + 1] - self.starts[place]


class Images(Sequence[Action]):
    """Some images of a block that follow on each other; they keep the block as it is."""

    __slots__ = ("_first", "_last", "block")

    def __init__(self, block: Block, first: int = 0, last: int | None = None) -> None:
        self.block = block
        self._first, self._last = first, len(block.keys) if last is None else last

    @classmethod
    def of(cls, actions: Sequence[Action]) -> Images:
        """Give actions as images; all are of one kind, by URL or by bytes, and have the same metadata."""
        if isinstance(actions, Images):
            return actions
        sent = [_sendable(action.labels) for action in actions]
        block = Block(
            Common.of(actions[0]),
            keys=[action.key or "" for action in actions],
            names=[action.url or action.key or "" for action in actions],
            versions=[action.version for action in actions],
            fingerprints=None,
            tags=[label.tag for labels in sent for label in labels],
            sides=sides_of([label.box for labels in sent for label in labels]),
            starts=[0, *accumulate(map(len, sent))],
            is_whole=all(len(one) == len(a.labels) for one, a in zip(sent, actions, strict=True)),
            build=lambda: actions,
        )
        return cls(block)

    @classmethod
    def alike(cls, actions: Iterable[Action]) -> Iterator[Images]:
        """Give actions as images, those together that follow on each other and have all in common."""
        for _, some in groupby(actions, key=Common.of):
            yield cls.of([*some])

    @classmethod
    def joined(cls, parts: Sequence[Images]) -> Images:
        """Give images of several blocks as those of one; they have in common what those of a batch must."""
        if len(parts) == 1:
            return parts[0]
        known = [part.fingerprints for part in parts]
        block = Block(
            parts[0].common,
            keys=[*chain.from_iterable(part.keys for part in parts)],
            names=[*chain.from_iterable(part.names for part in parts)],
            versions=[*chain.from_iterable(part.versions for part in parts)],
            fingerprints=None if None in known else [*chain.from_iterable(filter(None, known))],
            tags=[*chain.from_iterable(part.tags for part in parts)],
            sides=[[*chain.from_iterable(column)] for column in zip(*(p._sides for p in parts), strict=True)],
            starts=[0, *accumulate(chain.from_iterable(part.sizes for part in parts))],
            is_whole=all(part.block.is_whole for part in parts),
            build=partial(chain.from_iterable, parts),
        )
        return cls(block)

    @property
    def common(self) -> Common:
        """What they have in common."""
        return self.block.common

    @property
    def keys(self) -> list[str]:
        """Their keys."""
        return self.block.keys[self._first : self._last]

    @property
    def names(self) -> list[str]:
        """What the service calls them."""
        return self.block.names[self._first : self._last]

    @property
    def versions(self) -> list[str | None]:
        """The versions of their contents."""
        return self.block.versions[self._first : self._last]

    @property
    def fingerprints(self) -> list[int] | None:
        """Of all their labels; None: not known."""
        known = self.block.fingerprints
        return None if known is None else known[self._first : self._last]

    @property
    def tags(self) -> list[str]:
        """The names of the tags of the labels that ride along, label by label."""
        return self.block.tags[self._labels]

    def labels(self, ids: Mapping[str, str]) -> SentLabels:
        """Give the labels that ride along, by the ids of their tags."""
        some = self._labels
        starts, first = self.block.starts[self._first : self._last + 1], some.start
        return SentLabels(
            [*map(ids.__getitem__, self.block.tags[some])],
            self._sides,
            [start - first for start in starts],
        )

    @property
    def _sides(self) -> Sides:
        some = self._labels
        return [column[some] for column in self.block.sides]

    @property
    def _labels(self) -> slice:
        return slice(self.block.starts[self._first], self.block.starts[self._last])

    @property
    def label_count(self) -> int:
        """How many labels ride along with all of them."""
        return self.block.starts[self._last] - self.block.starts[self._first]

    @property
    def sizes(self) -> list[int]:
        """How many labels ride along with each."""
        starts = self.block.starts[self._first : self._last + 1]
        return [last - first for first, last in pairwise(starts)]

    def __len__(self) -> int:
        return self._last - self._first

    @overload
    def __getitem__(self, place: int) -> Action: ...
    @overload
    def __getitem__(self, place: slice) -> Images: ...
    def __getitem__(self, place: int | slice) -> Action | Images:
        places = range(self._first, self._last)[place]
        if isinstance(places, range):
            assert places.step == 1
            return Images(self.block, places.start, places.stop)
        return self.block.actions[places]

    def __iter__(self) -> Iterator[Action]:
        return iter(self.block.actions[self._first : self._last])
