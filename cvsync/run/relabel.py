"""Labels put on images that exist, and taken off."""

from __future__ import annotations

import struct
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cvsync.api.labels import RegionOnImage
from cvsync.api.listing import fetch_images
from cvsync.errors import NotFoundError, ServiceError, TransportError
from cvsync.model import Image, ProjectType, Region
from cvsync.plan.actions import Action, Box, Kind
from cvsync.plan.batch import AddPacks, Batch, RemovePacks, add_batches, remove_batches
from cvsync.plan.fingerprint import EMPTY, shifted
from cvsync.plan.images import TagAndBox
from cvsync.run.ledger_runs import STEPS
from cvsync.run.sums import fingerprints_of
from cvsync.run.tags import Tags
from cvsync.run.verdict import Verdict, verdict
from cvsync.run.work import Job, Ticket, Work

_Identity = tuple[str, str, bytes]
"""Image id, tag id, and the four sides of a box as the service stores them; none of a whole-image tag."""

_FULL = "the image can hold no further label of this kind"
_OTHER_TAG = (
    "the image has another tag by now, as from a new key that is the same picture, and a multiclass project "
    "holds one; the next run names such a key's row"
)


@dataclass(frozen=True, slots=True)
class _Added:
    """What an answer says of added labels."""

    created: Counter[_Identity]
    exceeded: frozenset[_Identity] = frozenset()


class Relabels:
    """Adds and removes labels: those of the plan, and those that follow the creation of their image.

    Of the latter it holds what does not fill a batch yet, and what no worker has taken.
    """

    def __init__(self, work: Work, tags: Tags, type_: ProjectType) -> None:
        self._work, self._tags, self._type = work, tags, type_
        self._adds, self._removes = AddPacks(is_planned=False), RemovePacks(is_planned=False)
        self._full: deque[Job] = deque()

    def follow(self, action: Action) -> None:
        """Take an action whose image is in the project only now."""
        if action.kind is Kind.ADD_LABEL:
            self._full += [(self.add, batch) for batch in self._adds.put(action)]
        else:
            self._full += [(self.remove, batch) for batch in self._removes.put(action)]

    def ready(self) -> Iterator[Job]:
        """Give the full batches of what follows."""
        while self._full:
            yield self._full.popleft()

    def rest(self) -> Iterator[Job]:
        """Give all of what follows."""
        yield from self.ready()
        yield from ((self.add, batch) for batch in self._adds.rest())
        yield from ((self.remove, batch) for batch in self._removes.rest())

    def adding(self, actions: Iterable[Action]) -> Iterator[Job]:
        """Pack additions of the plan."""
        return ((self.add, batch) for batch in add_batches(actions))

    def removing(self, actions: Iterable[Action], kind: Kind = Kind.REMOVE_LABEL) -> Iterator[Job]:
        """Pack removals of the plan."""
        return ((self.remove, batch) for batch in remove_batches(actions, kind))

    async def add(self, batch: Batch) -> None:
        """Add labels: whole-image tags, or regions."""
        is_boxed = batch.actions[0].labels[0].box is not None
        sent = await self._work.send(
            batch,
            self._post_regions if is_boxed else self._post_tags,
            again=self.add,
            items=(a.image_id or "" for a in batch.actions),
            # A region may be stored a second time, a tag cannot.
            settle=self._settle if is_boxed else None,
            divisible=not is_boxed,
        )
        if sent is not None:
            self._take(*sent)

    async def _post_tags(self, ticket: Ticket) -> _Added:
        work = self._work
        pairs = [(a.image_id or "", self._tags.id_of(a.labels[0].tag)) for a in ticket.batch.actions]
        answer = await work.client.create_image_tags(work.project_id, pairs)
        return _Added(
            Counter((t.image_id, t.tag_id, b"") for t in answer.created),
            frozenset((t.image_id, t.tag_id, b"") for t in answer.exceeded),
        )

    async def _post_regions(self, ticket: Ticket) -> _Added:
        return await self._post_some_regions(ticket.batch.actions)

    async def _post_some_regions(self, actions: Sequence[Action]) -> _Added:
        work = self._work
        regions = [
            (a.image_id or "", Region(self._tags.id_of(a.labels[0].tag), *a.labels[0].box))
            for a in actions
            if a.labels[0].box is not None
        ]
        answer = await work.client.create_image_regions(work.project_id, regions)
        return _Added(
            Counter(_identity(r.image_id, r.tag_id, _box(r)) for r in answer.created),
            frozenset(_identity(r.image_id, r.tag_id, _box(r)) for r in answer.exceeded),
        )

    def _take(self, ticket: Ticket, added: _Added, seen: dict[str, int] | None = None) -> None:
        """Write down what an answer says, or what was found out without one.

        Args:
            ticket: Of the batch.
            added: What came of it.
            seen: The fingerprints of its images before what ``added`` names, where they were read.
        """
        gained: dict[str, list[TagAndBox]] = defaultdict(list)
        unsure: dict[str, int | None] = dict(seen or {})
        refused = repeated = 0
        for action in ticket.batch.actions:
            label, image_id = action.labels[0], action.image_id or ""
            tag = self._tags.id_of(label.tag)
            identity = _identity(image_id, tag, label.box)
            if identity in added.exceeded:
                refused += 1
                self._work.refuse(action, "exceeded", self._exceeded)
            elif added.created[identity]:
                added.created[identity] -= 1
                gained[image_id].append((tag, label.box))
            elif identity in added.created:
                repeated += 1  # the image took the same box of another row, and holds it once
            elif seen is None:
                # Already there: put by somebody else, or by an attempt that the transport repeated.
                unsure[image_id] = None
        self._work.ledger.conclude(
            ticket.batch_id,
            run_id=self._work.run_id,
            counts={
                "labels_added": len(ticket.batch.actions) - refused - repeated,
                "refused": refused,
                STEPS: ticket.batch.steps,
            },
            seen=unsure,
            shifts=dict(zip(gained, fingerprints_of(list(gained.values())), strict=True)),
        )
        self._work.tell_done(ticket.batch)

    @property
    def _exceeded(self) -> str:
        return _OTHER_TAG if self._type is ProjectType.MULTICLASS else _FULL

    async def _settle(self, ticket: Ticket) -> None:
        """Look which regions are there, and send the others; never all of them blindly."""
        work, error = self._work, None
        while True:
            await work.wait_out(ticket)
            if work.stop.requested:
                return
            ids = list(dict.fromkeys(a.image_id or "" for a in ticket.batch.actions))
            images = await fetch_images(work.client, work.project_id, ids)
            present = {_identity(i.id, r.tag_id, _box(r)) for i in images for r in i.regions}
            missing = [a for a in ticket.batch.actions if self._identity_of(a) not in present]
            added = _Added(Counter())
            if missing:
                await work.next_attempt(ticket, error)
                try:
                    added = await self._post_some_regions(missing)
                except (ServiceError, TransportError) as failure:
                    if verdict(failure) in (Verdict.DOUBTFUL, Verdict.BROKEN):
                        error = failure
                        continue
                    if isinstance(failure, ServiceError) and verdict(failure) is Verdict.REFUSED:
                        await work.split(ticket, failure, again=self.add)
                        return
                    raise
            work.tell_settled(ticket, applied=len(missing) < len(ticket.batch.actions))
            self._take(ticket, added, seen=sums_of_images(images, self._type))
            return

    def _identity_of(self, action: Action) -> _Identity:
        label = action.labels[0]
        return _identity(action.image_id or "", self._tags.id_of(label.tag), label.box)

    async def remove(self, batch: Batch) -> None:
        """Remove labels: regions by id, or one tag from many images."""
        sent = await self._work.send(
            batch,
            self._delete,
            again=self.remove,
            items=(a.image_id or "" for a in batch.actions),
            alone=self._is_gone,
        )
        if sent is not None:
            self._take_off(sent[0])

    def _is_gone(self, ticket: Ticket, error: ServiceError) -> bool:
        """Take a label that is not there any more as removed."""
        if isinstance(error, NotFoundError):
            self._take_off(ticket)
        return isinstance(error, NotFoundError)

    def _take_off(self, ticket: Ticket) -> None:
        batch = ticket.batch
        lost: dict[str, list[TagAndBox]] = defaultdict(list)
        ids = self._tags.ids
        for action in batch.actions:
            lost[action.image_id or ""] += [(ids[tag], box) for tag, box in action.labels]
        shifts = [shifted(EMPTY, removed=total) for total in fingerprints_of(list(lost.values()))]
        self._work.ledger.conclude(
            ticket.batch_id,
            counts={"labels_removed": len(batch.actions), STEPS: batch.steps},
            shifts=dict(zip(lost, shifts, strict=True)),
        )
        self._work.tell_done(batch)

    async def _delete(self, ticket: Ticket) -> None:
        work, actions = self._work, ticket.batch.actions
        regions = [region for action in actions for region in action.region_ids if region]
        if regions:
            await work.client.delete_image_regions(work.project_id, regions)
        else:
            tag = self._tags.id_of(actions[0].labels[0].tag)
            ids = [a.image_id or "" for a in actions]
            await work.client.delete_image_tags(work.project_id, ids, [tag])


def sums_of_images(images: Sequence[Image], type_: ProjectType) -> dict[str, int]:
    """Give the fingerprints of images as they were read; tags that follow from regions are not labels."""
    sums = fingerprints_of([labels_of_image(image, type_) for image in images])
    return {image.id: total for image, total in zip(images, sums, strict=True)}


def labels_of_image(image: Image, type_: ProjectType) -> list[TagAndBox]:
    """Give the labels of an image as it was read."""
    if type_ is ProjectType.DETECTION:
        return [(r.tag_id, _box(r)) for r in image.regions]
    return [(t.tag_id, None) for t in image.tags]


def _box(region: Region | RegionOnImage) -> Box:
    return Box(region.left, region.top, region.width, region.height)


def _identity(image_id: str, tag_id: str, box: Box | None) -> _Identity:
    return image_id, tag_id, b"" if box is None else struct.pack("4f", *box)
