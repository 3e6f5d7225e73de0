"""Keys that turned out to be images of the project: read, compared, and given the labels that they lack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from cvsync.api.listing import fetch_images
from cvsync.model import Image, ProjectType
from cvsync.plan.actions import Action, Kind
from cvsync.plan.batch import Batch, remove_batches
from cvsync.plan.fingerprint import shifted
from cvsync.plan.plan import Plan
from cvsync.run.relabel import Relabels, sums_of_images
from cvsync.run.settings import Adopt
from cvsync.run.settle import Duplicate, Settled, settle
from cvsync.run.sums import fingerprints_of
from cvsync.run.tags import Tags
from cvsync.run.work import Job, Work

_AT_ONCE = 64  # images; their ids fit in a URL
_NOTHING = Batch(Kind.CREATE_IMAGE, ())
_KEPT = (
    "images were in the project already, {} among them, with labels that this run did not bring; they stay, "
    "and the next run takes them off unless a row names them by then, or --on-drift project lets them be"
)


class _Twins(NamedTuple):
    """The keys beside those of some duplicates that are the same image."""

    planned: Sequence[Action]
    """Those that the plan brings, with all their labels."""
    has_older: bool
    """Whether there are others, which were known before."""


class Adoptions:
    """Compares duplicates. Holds those that no worker has taken."""

    def __init__(self, work: Work, plan: Plan, tags: Tags, relabels: Relabels) -> None:
        self._work, self._plan, self._tags, self._relabels = work, plan, tags, relabels
        self._type = plan.type
        self._waiting: list[Duplicate] = []
        self._has_warned = False

    def put(self, duplicate: Duplicate) -> None:
        """Take a duplicate whose image is to be read."""
        self._waiting.append(duplicate)

    def ready(self) -> Iterator[Job]:
        """Give what makes a full reading."""
        while len(self._waiting) >= _AT_ONCE:
            yield self._job()

    def rest(self) -> Iterator[Job]:
        """Give all."""
        while self._waiting:
            yield self._job()

    def _job(self) -> Job:
        some, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]

        async def compare(_: Batch) -> None:
            ids = list(dict.fromkeys(duplicate.image_id for duplicate in some))
            await self.compare(some, await fetch_images(self._work.client, self._work.project_id, ids))

        return compare, _NOTHING

    async def compare(self, duplicates: Sequence[Duplicate], images: Iterable[Image]) -> None:
        """Compare duplicates with their images as they are now, and queue what is to change."""
        by_image: dict[str, list[Duplicate]] = defaultdict(list)
        for duplicate in duplicates:
            by_image[duplicate.image_id].append(duplicate)
        twins = self._twins(by_image)
        found = [
            (image, self._settle(image, by_image[image.id], twins[image.id].planned))
            for image in images
            if image.id in by_image  # else: the service failed on it as it was sent once more
        ]
        self._learn(found, by_image, twins)
        refused = 0
        for _, settled in found:
            for action, code, message in settled.conflicts:
                self._work.refuse(action, code, message)
                refused += 1
            if self._work.settings.adopt is Adopt.REPLACE and self._type is not ProjectType.DETECTION:
                for batch in remove_batches(settled.remove):  # the old tag goes before the new one comes
                    await self._relabels.remove(batch)
                settled.remove.clear()
            for action in (*settled.add, *settled.remove):
                self._relabels.follow(action)
        self._work.note_refusals(Kind.CREATE_IMAGE, refused, steps=0)  # its adoption was one

    def _twins(self, by_image: Mapping[str, Sequence[Duplicate]]) -> dict[str, _Twins]:
        """Give for each image the other keys that are it."""
        known = self._work.ledger.keys_of([*by_image])
        others = {
            image_id: {key for key, _ in known.get(image_id, ())} - {d.action.key for d in some}
            for image_id, some in by_image.items()
        }
        wanted = set[str]().union(*others.values())
        planned = {action.key: action for action in self._plan.images_of(wanted)} if wanted else {}
        twins = {}
        for image_id, keys in others.items():
            actions = [planned[key] for key in keys if key in planned]
            actions = [a for a in actions if a.image_id != image_id]  # else: it is yet to be replaced
            twins[image_id] = _Twins(actions, has_older=len(actions) < len(keys))
        return twins

    def _settle(self, image: Image, duplicates: Sequence[Duplicate], twins: Iterable[Action]) -> Settled:
        others = [label for twin in twins for label in twin.labels]
        names, adopt = self._tags.names, self._work.settings.adopt
        return settle(self._type, image, duplicates, names, adopt, others=others)

    def _learn(
        self,
        found: Sequence[tuple[Image, Settled]],
        by_image: Mapping[str, Sequence[Duplicate]],
        twins: Mapping[str, _Twins],
    ) -> None:
        """Commit how the images are, but for labels that others gave them: to the next plan these are edits.

        Labels that a key brought which was known before are not of others.
        """
        left = sums_of_images([image for image, _ in found], self._type)
        for image, settled in found:
            if settled.kept and not settled.conflicts and not twins[image.id].has_older:
                left[image.id] = shifted(left[image.id], removed=fingerprints_of([settled.kept])[0])
                self._warn_once(by_image[image.id][0])
        self._work.ledger.observe(left)

    def _warn_once(self, duplicate: Duplicate) -> None:
        """Tell of labels of others."""
        if not self._has_warned:
            self._has_warned = True
            self._work.tell("warning", text=_KEPT.format(duplicate.action.name))
