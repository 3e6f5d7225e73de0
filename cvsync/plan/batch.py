"""Actions -> batches that the service accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from cvsync import limits
from cvsync.plan.actions import Action, Kind, Label

Size = Callable[[Action], int]

_URL_OVERHEAD = 64  # bytes of JSON around an image and around a label in a request body
_LABEL_BYTES = 160


@dataclass(frozen=True, slots=True)
class Batch:
    """Actions that go out in one request, all of one kind."""

    kind: Kind
    actions: tuple[Action, ...]

    def halves(self) -> tuple[Batch, Batch]:
        """Split, to find what the service refuses."""
        middle = len(self.actions) // 2
        return Batch(self.kind, self.actions[:middle]), Batch(self.kind, self.actions[middle:])

    @property
    def labels(self) -> int:
        """How many labels it carries."""
        return sum(len(action.labels) for action in self.actions)


def first_tags(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Keep the labels of the first ``MAX_TAGS_PER_BATCH`` tags: an image can be created with no more."""
    seen: dict[str, None] = {}
    kept = []
    for label in labels:
        if label.tag in seen or len(seen) < limits.MAX_TAGS_PER_BATCH:
            seen[label.tag] = None
            kept.append(label)
    return tuple(kept)


def create_batches(actions: Iterable[Action], *, size: Size) -> Iterator[Batch]:
    """Pack new images in their order: images by URL and images by bytes apart.

    Every batch holds at most 64 images, 20 distinct tags and ``MAX_BODY_BYTES`` of body, ``size`` being an
    image's share. An image over the limit by itself is a batch of its own.
    """
    packs = {by_url: _Pack() for by_url in (True, False)}
    for action in actions:
        pack = packs[action.url is not None]
        cost = size(action)
        if not pack.takes(action, cost):
            yield pack.close()
        pack.put(action, cost)
    for pack in packs.values():
        if pack.actions:
            yield pack.close()


def url_size(action: Action) -> int:
    """Estimate the bytes of body that an image by URL needs, from above."""
    return len((action.url or "").encode()) * 2 + _URL_OVERHEAD + _LABEL_BYTES * len(action.labels)


class _Pack:
    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.actions: list[Action] = []
        self.tags: set[str] = set()
        self.bytes = 0

    def takes(self, action: Action, cost: int) -> bool:
        if not self.actions:
            return True
        tags = self.tags | {label.tag for label in action.labels}
        return (
            len(self.actions) < limits.MAX_IMAGES_PER_BATCH
            and len(tags) <= limits.MAX_TAGS_PER_BATCH
            and self.bytes + cost <= limits.MAX_BODY_BYTES
        )

    def put(self, action: Action, cost: int) -> None:
        self.actions.append(action)
        self.tags.update(label.tag for label in action.labels)
        self.bytes += cost

    def close(self) -> Batch:
        batch = Batch(Kind.CREATE_IMAGE, tuple(self.actions))
        self._clear()
        return batch


def add_batches(actions: Iterable[Action]) -> Iterator[Batch]:
    """Pack label additions: boxes ``MAX_REGIONS_PER_CALL`` a call, tags ``MAX_IMAGE_TAGS_PER_CALL``."""
    boxed, tagged = _split(actions)
    yield from _chunks(Kind.ADD_LABEL, boxed, limits.MAX_REGIONS_PER_CALL)
    yield from _chunks(Kind.ADD_LABEL, tagged, limits.MAX_IMAGE_TAGS_PER_CALL)


def remove_batches(actions: Iterable[Action]) -> Iterator[Batch]:
    """Pack label removals: boxes by id, tags by tag (the service removes a cross product)."""
    boxed, tagged = _split(actions)
    yield from _chunks(Kind.REMOVE_LABEL, boxed, limits.MAX_REGIONS_PER_CALL)
    by_tag = sorted(tagged, key=lambda action: action.labels[0].tag)
    for _, same in groupby(by_tag, key=lambda action: action.labels[0].tag):
        yield from _chunks(Kind.REMOVE_LABEL, list(same), limits.MAX_TAGGED_IMAGES_PER_DELETE)


def delete_batches(actions: Iterable[Action]) -> Iterator[Batch]:
    """Pack deletions."""
    yield from _chunks(Kind.DELETE_IMAGE, list(actions), limits.MAX_IDS_PER_DELETE)


def _split(actions: Iterable[Action]) -> tuple[list[Action], list[Action]]:
    """One action a label: those with a box, and those without."""
    single = [one for action in actions for one in _singles(action)]
    return [a for a in single if a.labels[0].box], [a for a in single if not a.labels[0].box]


def _singles(action: Action) -> Iterator[Action]:
    for n, label in enumerate(action.labels):
        yield Action(
            action.kind,
            action.key,
            (label,),
            image_id=action.image_id,
            region_ids=action.region_ids[n : n + 1],
            origins=action.origins[n : n + 1],
        )


def _chunks(kind: Kind, actions: list[Action], most: int) -> Iterator[Batch]:
    for start in range(0, len(actions), most):
        yield Batch(kind, tuple(actions[start : start + most]))
