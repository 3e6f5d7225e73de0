"""Actions -> batches that the service accepts.

Everything here streams: what is held back is what the open packs hold, however many actions go through.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Generic, TypeVar

from cvsync import limits
from cvsync.lean import lean_dataclass
from cvsync.plan.actions import Action, Kind
from cvsync.plan.images import Common, Images

Shares = Callable[[Images], Sequence[int]]
"""Gives the bytes that each of some images adds to a body, its labels aside."""
Where = TypeVar("Where", bound=Hashable)

_MOST_BYTES = 6  # of JSON a character of a URL, where it has to be escaped
_IMAGE_BYTES, _LABEL_BYTES = 64, 160  # of JSON around an image and for a label
_OPEN_PACKS = 32
"""Packs of different metadata that wait to be filled; with more, the one that waits longest goes out."""


@lean_dataclass(frozen=True, slots=True)
class Batch:
    """Actions that go out in one request, all of one kind."""

    kind: Kind
    actions: Sequence[Action]
    tries: int = 0
    """How often each of its actions was sent before, and failed by itself."""
    is_planned: bool = True
    """Whether its actions are of the plan; else they follow from others."""

    @property
    def steps(self) -> int:
        """How many actions of the plan it brings to an end."""
        return len(self.actions) if self.is_planned else 0

    def halves(self) -> tuple[Batch, Batch]:
        """Split, to find what the service refuses."""
        middle = len(self.actions) // 2
        first, second = self.actions[:middle], self.actions[middle:]
        return replace(self, actions=first), replace(self, actions=second)


class Packs(Generic[Where]):
    """Fills several batches at once, each of actions that belong together."""

    def __init__(self, kind: Kind, most: int, *, is_planned: bool = True) -> None:
        self._kind, self._most, self._is_planned = kind, most, is_planned
        self._open: OrderedDict[Where, list[Action]] = OrderedDict()

    def put(self, where: Where, action: Action) -> Iterator[Batch]:
        """Add an action; give the batches that are full thereby."""
        pack = self._open.setdefault(where, [])
        pack.append(action)
        if len(pack) == self._most:
            yield self._close(where)

    def rest(self) -> Iterator[Batch]:
        """Give what is left."""
        while self._open:
            yield self._close(next(iter(self._open)))

    def _close(self, where: Where) -> Batch:
        return Batch(self._kind, tuple(self._open.pop(where)), is_planned=self._is_planned)


def create_batches(images: Iterable[Images], *, shares: Shares, is_bare: bool = False) -> Iterator[Batch]:
    """Pack new images in their order: each kind, URLs and bytes, and each metadata by itself.

    Every batch holds at most 64 images, 20 distinct tags and ``MAX_BODY_BYTES`` of body. An image over the
    limit by itself is a batch of its own. At most ``_OPEN_PACKS`` batches are held back.

    Args:
        images: New images.
        shares: Gives the bytes that each of some images adds to a body, its labels aside.
        is_bare: Whether they go without labels.
    """
    packs: OrderedDict[Common, _Pack] = OrderedDict()
    for some in images:
        left, common = some, some.common
        while left:
            pack = packs.get(common)
            if pack is None:
                pack = packs[common] = _Pack(shares, is_bare=is_bare)
                if len(packs) > _OPEN_PACKS:
                    yield packs.popitem(last=False)[1].batch()
            left = left[pack.put(left) :]
            if left:
                yield packs.pop(common).batch()
    for pack in packs.values():
        yield pack.batch()


def url_shares(images: Images) -> list[int]:
    """Estimate the bytes of body that each image by URL adds, from above."""
    return [_MOST_BYTES * len(name) for name in images.names]


class _Pack:
    """A batch that is being filled."""

    def __init__(self, shares: Shares, *, is_bare: bool) -> None:
        self._shares, self._is_bare = shares, is_bare
        self._parts: list[Images] = []
        self._count = self._bytes = 0
        self._tags: set[str] = set()

    def put(self, images: Images) -> int:
        """Add as many of the first of some images as there is room for; give how many.

        One finds room in an empty pack, whatever it is.
        """
        some = images[: limits.MAX_IMAGES_PER_BATCH - self._count]
        shares = self._shares(some)
        size, tags = self._with(some, sum(shares))
        if _is_over(size, tags):
            totals, counts = [*accumulate(shares)], range(1, len(some))
            fitting = bisect_left(counts, True, key=lambda n: _is_over(*self._with(some[:n], totals[n - 1])))
            some = some[: max(fitting, 0 if self._parts else 1)]
            size, tags = self._with(some, sum(shares[: len(some)]))
        if some:
            self._parts.append(some)
            self._count += len(some)
            self._bytes, self._tags = size, tags
        return len(some)

    def _with(self, images: Images, share: int) -> tuple[int, set[str]]:
        """Give the bytes and the tags that it would hold with some images, and with their share."""
        size = self._bytes + share + _IMAGE_BYTES * len(images)
        if self._is_bare:
            return size, self._tags
        return size + _LABEL_BYTES * images.label_count, self._tags.union(images.tags)

    def batch(self) -> Batch:
        return Batch(self._parts[0].common.kind, Images.joined(self._parts))


def _is_over(size: int, tags: set[str]) -> bool:
    return size > limits.MAX_BODY_BYTES or len(tags) > limits.MAX_TAGS_PER_BATCH


class AddPacks:
    """Packs label additions: boxes ``MAX_REGIONS_PER_CALL`` a call, tags ``MAX_IMAGE_TAGS_PER_CALL``."""

    def __init__(self, *, is_planned: bool = True) -> None:
        kind, tags = Kind.ADD_LABEL, limits.MAX_IMAGE_TAGS_PER_CALL
        self._boxed = Packs[None](kind, limits.MAX_REGIONS_PER_CALL, is_planned=is_planned)
        self._tagged = Packs[None](kind, tags, is_planned=is_planned)

    def put(self, action: Action) -> Iterator[Batch]:
        """Add an action with any number of labels; give the batches that are full thereby."""
        for single in _singles(action):
            yield from (self._boxed if single.labels[0].box else self._tagged).put(None, single)

    def rest(self) -> Iterator[Batch]:
        """Give what is left."""
        yield from self._boxed.rest()
        yield from self._tagged.rest()


class RemovePacks:
    """Packs label removals: boxes by id, tags by tag (the service removes a cross product)."""

    def __init__(self, kind: Kind = Kind.REMOVE_LABEL, *, is_planned: bool = True) -> None:
        self._boxed = Packs[None](kind, limits.MAX_REGIONS_PER_CALL, is_planned=is_planned)
        self._tagged = Packs[str](kind, limits.MAX_TAGGED_IMAGES_PER_DELETE, is_planned=is_planned)

    def put(self, action: Action) -> Iterator[Batch]:
        """Add an action with any number of labels; give the batches that are full thereby."""
        for single in _singles(action):
            if single.labels[0].box:
                yield from self._boxed.put(None, single)
            else:
                yield from self._tagged.put(single.labels[0].tag, single)

    def rest(self) -> Iterator[Batch]:
        """Give what is left."""
        yield from self._boxed.rest()
        yield from self._tagged.rest()


def add_batches(actions: Iterable[Action]) -> Iterator[Batch]:
    """Pack label additions."""
    return _stream(AddPacks(), actions)


def remove_batches(actions: Iterable[Action], kind: Kind = Kind.REMOVE_LABEL) -> Iterator[Batch]:
    """Pack label removals; ``kind`` says whether they make room."""
    return _stream(RemovePacks(kind), actions)


def delete_batches(actions: Iterable[Action]) -> Iterator[Batch]:
    """Pack deletions."""
    packs = Packs[None](Kind.DELETE_IMAGE, limits.IDS_PER_URL)
    for action in actions:
        yield from packs.put(None, action)
    yield from packs.rest()


def _stream(packs: AddPacks | RemovePacks, actions: Iterable[Action]) -> Iterator[Batch]:
    for action in actions:
        yield from packs.put(action)
    yield from packs.rest()


def _singles(action: Action) -> Iterator[Action]:
    """One action a label."""
    for n, label in enumerate(action.labels):
        yield Action(
            action.kind,
            action.key,
            (label,),
            image_id=action.image_id,
            region_ids=action.region_ids[n : n + 1],
            origins=action.origins[n : n + 1],
        )
