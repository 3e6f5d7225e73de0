"""Actions -> batches that the service accepts.

Everything here streams: what is held back is what the open packs hold, however many actions go through.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Generic, TypeVar

from cvsync import limits
from cvsync.plan.actions import Action, Kind, Label

Size = Callable[[Sequence[Action]], int]
Sent = Callable[[Sequence[Action]], list[tuple[Label, ...]]]
Where = TypeVar("Where", bound=Hashable)

_MOST_BYTES = 6  # of JSON a character of a URL, where it has to be escaped
_URL_OVERHEAD = 64  # bytes of JSON around an image and around a label in a request body
_LABEL_BYTES = 160
_OPEN_PACKS = 32
"""Packs of different metadata that wait to be filled; with more, the one that waits longest goes out."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Actions that go out in one request, all of one kind."""

    kind: Kind
    actions: tuple[Action, ...]
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


def first_tags(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Keep the labels of the first ``MAX_TAGS_PER_BATCH`` tags: an image can be created with no more."""
    seen: dict[str, None] = {}
    kept = []
    for label in labels:
        if label.tag in seen or len(seen) < limits.MAX_TAGS_PER_BATCH:
            seen[label.tag] = None
            kept.append(label)
    return tuple(kept)


def labels_of(actions: Iterable[Action]) -> list[tuple[Label, ...]]:
    """Give the labels that ride along with new images, where nothing speaks against it."""
    most = limits.MAX_TAGS_PER_BATCH
    return [a.labels if len(a.labels) <= most else first_tags(a.labels) for a in actions]


def no_labels(actions: Sequence[Action]) -> list[tuple[Label, ...]]:
    """Let nothing ride along with new images."""
    return [()] * len(actions)


def create_batches(actions: Iterable[Action], *, size: Size, sent: Sent = labels_of) -> Iterator[Batch]:
    """Pack new images in their order: each kind, URLs and bytes, and each metadata by itself.

    Every batch holds at most 64 images, 20 distinct tags and ``MAX_BODY_BYTES`` of body. An image over the
    limit by itself is a batch of its own. At most ``_OPEN_PACKS`` batches are held back.

    Args:
        actions: New images.
        size: The share of some images, all by URL or all by bytes, of a body.
        sent: The labels that go along with each image.
    """
    packs: OrderedDict[Hashable, _Pack] = OrderedDict()
    for where, alike in groupby(actions, key=_where):
        some: Sequence[Action] = ()
        while some := some or [*islice(alike, limits.MAX_IMAGES_PER_BATCH)]:
            pack = packs.get(where)
            if pack is None:
                pack = packs[where] = _Pack(some[0].kind, size, sent)
                if len(packs) > _OPEN_PACKS:
                    yield packs.popitem(last=False)[1].batch()
            taken = pack.put(some)
            some = some[taken:]
            if some:
                yield packs.pop(where).batch()
    for pack in packs.values():
        yield pack.batch()


def _where(action: Action) -> Hashable:
    return action.kind, action.url is None, action.metadata


def url_size(actions: Sequence[Action]) -> int:
    """Estimate the bytes of body that images by URL need, from above."""
    letters = sum([len(action.url or "") for action in actions])
    labels = sum([len(action.labels) for action in actions])
    return _MOST_BYTES * letters + _URL_OVERHEAD * len(actions) + _LABEL_BYTES * labels


class _Pack:
    """A batch that is being filled."""

    def __init__(self, kind: Kind, size: Size, sent: Sent) -> None:
        self._kind, self._size, self._sent = kind, size, sent
        self._actions: list[Action] = []
        self._tags: set[str] = set()
        self._bytes = 0

    def put(self, actions: Sequence[Action]) -> int:
        """Add as many of the first of some actions as there is room for; give how many.

        One finds room in an empty pack, whatever it is.
        """
        some = actions[: limits.MAX_IMAGES_PER_BATCH - len(self._actions)]
        if not some or self._add(some):
            return len(some)
        return next((n for n, action in enumerate(some) if not self._add((action,))), len(some))

    def _add(self, actions: Sequence[Action]) -> bool:
        """Add all of some actions if there is room for them."""
        tags = self._tags.union([label.tag for labels in self._sent(actions) for label in labels])
        total = self._bytes + self._size(actions)
        is_alone = len(actions) == 1 and not self._actions
        if not is_alone and (len(tags) > limits.MAX_TAGS_PER_BATCH or total > limits.MAX_BODY_BYTES):
            return False
        self._actions += actions
        self._tags, self._bytes = tags, total
        return True

    def batch(self) -> Batch:
        return Batch(self._kind, tuple(self._actions))


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
