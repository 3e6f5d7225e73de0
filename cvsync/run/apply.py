"""Bounded workers over batches -> outcomes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from cvsync import limits
from cvsync.api.client import Client
from cvsync.api.images import FileEntry, UrlEntry
from cvsync.errors import ServiceError
from cvsync.events import Observer, ignore, tell
from cvsync.labels import fold
from cvsync.model import ImageOutcome, ProjectType, Region
from cvsync.plan.actions import Action, Kind, Label, NewTag, Plan
from cvsync.plan.batch import (
    Batch,
    add_batches,
    create_batches,
    delete_batches,
    first_tags,
    remove_batches,
    url_size,
)
from cvsync.run.content import body_size, locate, why_unusable
from cvsync.run.ledger import Ledger
from cvsync.run.outcome import Outcomes
from cvsync.run.settle import Duplicate, settle
from cvsync.run.workers import Stop, spread

T = TypeVar("T")

_WHOLE_BATCH = (400, 413)  # a refusal of everything because of something in it


@dataclass(eq=False)
class Run:
    """One execution of a plan.

    Holds ``workers`` batches in flight and one row an image whose labels follow its creation; the plan stays
    in columns.
    """

    client: Client
    ledger: Ledger
    plan: Plan
    run_id: str
    workers: int = 8
    observer: Observer = ignore
    stop: Stop = field(default_factory=Stop)
    outcomes: Outcomes = field(default_factory=Outcomes)
    _tag_ids: dict[str, str] = field(default_factory=dict)
    _later: list[Action] = field(default_factory=list)
    _duplicates: dict[str, list[Duplicate]] = field(default_factory=lambda: defaultdict(list))

    async def apply(self) -> Outcomes:
        """Make the plan true.

        Raises:
            ServiceError: The service refused the whole run (key, project, a fault that outlived its retries).
            TransportError: No answer came, however often it was tried.
        """
        self.stop.is_draining = True
        try:
            await self._apply()
        finally:
            self.stop.is_draining = False
        return self.outcomes

    async def _apply(self) -> None:
        if self.plan.is_empty:
            return
        await self._prepare_tags()
        await self._create_images()
        await self._settle_duplicates()
        await self._add(self._later)
        changes = [(self._add, Kind.ADD_LABEL), (self._remove, Kind.REMOVE_LABEL)]
        if self.plan.type is ProjectType.MULTICLASS:
            changes.reverse()  # an image holds one tag: the old one goes before the new one comes
        for change, kind in changes:
            await change(self.plan.actions(kind))
        await self._delete_images()

    async def _prepare_tags(self) -> None:
        await self._read_tags()
        missing = [tag for tag in self.plan.new_tags if fold(tag.name) not in self._tag_ids]
        for tag in missing:
            if self.stop.requested:
                return
            await self._create_tag(tag)
        if missing:
            await self._read_tags()

    async def _read_tags(self) -> None:
        tags = await self.client.get_tags(self.plan.project_id)
        self._tag_ids = {fold(tag.name): tag.id for tag in tags}

    async def _create_tag(self, tag: NewTag) -> None:
        try:
            await self.client.create_tag(self.plan.project_id, tag.name)
        except ServiceError as error:
            if error.code != "BadRequestTagNameNotUnique":  # somebody else made it meanwhile: as good
                raise
        self.outcomes.counts["tags_created"] += 1

    async def _create_images(self) -> None:
        batches = create_batches(self._sendable(), size=_size)
        await spread(batches, self._create, workers=self.workers, stop=self.stop)

    def _sendable(self) -> Iterator[Action]:
        for action in self.plan.actions(Kind.CREATE_IMAGE):
            reason = why_unusable(locate(action)) if action.url is None else None
            if reason:
                self.outcomes.refuse(action, *reason)
            else:
                yield action

    async def _create(self, batch: Batch) -> None:
        answers = await self._send(batch, self._post_images, retry=self._create)
        if answers is None:
            return
        batch_id, outcomes = answers
        pairs = list(_pair(batch.actions, outcomes))
        stored = {a.key: o.image.id for a, o in pairs if a.key and o and o.is_stored and o.image}
        self.ledger.conclude(batch_id, stored=stored)
        for action, outcome in pairs:
            self._note_created(action, outcome)
        self._tell_done(batch)

    async def _post_images(self, batch: Batch) -> tuple[ImageOutcome, ...]:
        project = self.plan.project_id
        if batch.actions[0].url is not None:
            urls = [UrlEntry(a.url or "", *self._labels(self._sent(a))) for a in batch.actions]
            return (await self.client.create_images_from_urls(project, urls)).images
        files = [
            FileEntry(
                a.key or "", await asyncio.to_thread(locate(a).read_bytes), *self._labels(self._sent(a))
            )
            for a in batch.actions
        ]
        return (await self.client.create_images_from_files(project, files)).images

    def _sent(self, action: Action) -> tuple[Label, ...]:
        """The labels that ride along with a new image."""
        return () if self.plan.creates_bare else first_tags(action.labels)

    def _labels(self, labels: Iterable[Label]) -> tuple[tuple[str, ...], tuple[Region, ...]]:
        tags = tuple(self._tag_ids[fold(label.tag)] for label in labels if label.box is None)
        regions = tuple(
            Region(self._tag_ids[fold(label.tag)], *label.box) for label in labels if label.box is not None
        )
        return tags, regions

    def _note_created(self, action: Action, outcome: ImageOutcome | None) -> None:
        if outcome is None:
            self.outcomes.refuse(action, "NoAnswer", "the service's answer does not mention it")
        elif not outcome.is_stored or outcome.image is None:
            self.outcomes.refuse(
                action, outcome.status, _STATUS.get(outcome.status, "refused by the service")
            )
        elif outcome.status == "OKDuplicate":
            self.outcomes.counts["images_adopted"] += 1
            self._duplicates[outcome.image.id].append(Duplicate(action, self._sent(action)))
        else:
            self.outcomes.counts["images_created"] += 1
            sent = self._sent(action)
            self.outcomes.counts["labels_added"] += len(sent)
            missing = tuple(label for label in action.labels if label not in sent)
            if missing:
                self._later.append(_relabel(action, outcome.image.id, missing))

    async def _settle_duplicates(self) -> None:
        if not self._duplicates or self.stop.requested:
            return
        settled = await settle(self.client, self.plan, self._duplicates, tag_ids=self._tag_ids)
        for action, code, message in settled.conflicts:
            self.outcomes.refuse(action, code, message)
        await self._add(settled.add)
        await self._remove(settled.remove)

    async def _add(self, actions: Iterable[Action]) -> None:
        await spread(add_batches(actions), self._add_batch, workers=self.workers, stop=self.stop)

    async def _add_batch(self, batch: Batch) -> None:
        answers = await self._send(batch, self._post_labels, retry=self._add_batch)
        if answers is not None:
            batch_id, exceeded = answers
            self.ledger.conclude(batch_id)
            for action in batch.actions:
                if (action.image_id, self._tag_ids[fold(action.labels[0].tag)]) in exceeded:
                    self.outcomes.refuse(
                        action, "exceeded", "the image can hold no further label of this kind"
                    )
                else:
                    self.outcomes.counts["labels_added"] += 1
            self._tell_done(batch)

    async def _post_labels(self, batch: Batch) -> set[tuple[str | None, str]]:
        project = self.plan.project_id
        ids = [(a.image_id or "", self._tag_ids[fold(a.labels[0].tag)]) for a in batch.actions]
        if batch.actions[0].labels[0].box is None:
            tagged = await self.client.create_image_tags(project, ids)
            return {(t.image_id, t.tag_id) for t in tagged.exceeded}
        regions = [
            (image, Region(tag, *box))
            for (image, tag), a in zip(ids, batch.actions, strict=True)
            if (box := a.labels[0].box)
        ]
        boxed = await self.client.create_image_regions(project, regions)
        return {(r.image_id, r.tag_id) for r in boxed.exceeded}

    async def _remove(self, actions: Iterable[Action]) -> None:
        await spread(remove_batches(actions), self._remove_batch, workers=self.workers, stop=self.stop)

    async def _remove_batch(self, batch: Batch) -> None:
        answers = await self._send(batch, self._delete_labels, retry=self._remove_batch)
        if answers is not None:
            self.ledger.conclude(answers[0])
            self.outcomes.counts["labels_removed"] += len(batch.actions)
            self._tell_done(batch)

    async def _delete_labels(self, batch: Batch) -> None:
        project = self.plan.project_id
        regions = [region for action in batch.actions for region in action.region_ids if region]
        if regions:
            await self.client.delete_image_regions(project, regions)
        else:
            tag = self._tag_ids[fold(batch.actions[0].labels[0].tag)]
            await self.client.delete_image_tags(project, [a.image_id or "" for a in batch.actions], [tag])

    async def _delete_images(self) -> None:
        """Delete last, and only when all else went well: a deletion cannot be taken back."""
        doomed = self.plan.counts[Kind.DELETE_IMAGE]
        if doomed and self.outcomes.refusals:
            tell(self.observer, "deletions_held_back", images=doomed)
            self.outcomes.counts["deletions_held_back"] += doomed
            return
        batches = delete_batches(self.plan.actions(Kind.DELETE_IMAGE))
        await spread(batches, self._delete_batch, workers=self.workers, stop=self.stop)

    async def _delete_batch(self, batch: Batch) -> None:
        answers = await self._send(batch, self._delete, retry=self._delete_batch)
        if answers is not None:
            self.ledger.conclude(answers[0], deleted=[a.image_id for a in batch.actions if a.image_id])
            self.outcomes.counts["images_deleted"] += len(batch.actions)
            self._tell_done(batch)

    async def _delete(self, batch: Batch) -> None:
        await self.client.delete_images(self.plan.project_id, [a.image_id or "" for a in batch.actions])

    async def _send(
        self,
        batch: Batch,
        call: Callable[[Batch], Awaitable[T]],
        *,
        retry: Callable[[Batch], Awaitable[None]],
    ) -> tuple[int, T] | None:
        """Commit the intent, then make the call.

        A batch that the service refuses whole is halved until what it refuses stands alone.

        Returns:
            The batch's id and the answer; None if it was refused.
        """
        batch_id = self.ledger.intend(
            self.run_id, batch.kind.words, (a.key or a.image_id or "" for a in batch.actions)
        )
        tell(self.observer, "batch_sent", batch=batch_id, kind=batch.kind.words, items=len(batch.actions))
        try:
            return batch_id, await call(batch)
        except ServiceError as error:
            if error.status not in _WHOLE_BATCH:
                raise
            self.ledger.conclude(batch_id, refused=True)
            if len(batch.actions) == 1:
                self.outcomes.refuse(batch.actions[0], error.code, error.message)
                self._tell_done(batch)
                return None
        for half in batch.halves():
            await retry(half)
        return None

    def _tell_done(self, batch: Batch) -> None:
        tell(self.observer, "batch_done", kind=batch.kind.words, items=len(batch.actions))


_STATUS = {
    "ErrorSource": "the service could not download it",
    "ErrorImageFormat": "not a readable jpg, png, bmp or gif",
    "ErrorImageSize": f"over {limits.MAX_IMAGE_BYTES:,} bytes",
    "ErrorStorage": "the service could not store it",
    "ErrorLimitExceed": "the project holds as many images as it may",
    "ErrorTagLimitExceed": "too many tags on the image",
    "ErrorRegionLimitExceed": "too many boxes on the image",
    "ErrorUnknown": "the service does not say why",
    "ErrorNegativeAndRegularTagOnSameImage": "a negative tag stands alone",
    "ErrorImageDimensions": "a side is too long, or the picture too narrow",
    "ErrorInvalidTag": "a tag is not of this project",
    "ErrorInvalidRegion": "a box is outside the image",
}


def _pair(
    actions: Iterable[Action], outcomes: Iterable[ImageOutcome]
) -> Iterator[tuple[Action, ImageOutcome | None]]:
    """Match answers to what was sent by name, never by place: the service may shuffle them."""
    by_source: dict[str, list[ImageOutcome]] = defaultdict(list)
    for outcome in outcomes:
        by_source[outcome.source_url].append(outcome)
    for action in actions:
        found = by_source.get(action.url or action.key or "", [])
        yield action, (found.pop(0) if len(found) > 1 else found[0]) if found else None


def _relabel(action: Action, image_id: str, labels: tuple[Label, ...]) -> Action:
    return Action(Kind.ADD_LABEL, action.key, labels, image_id=image_id, origins=action.origins)


def _size(action: Action) -> int:
    return url_size(action) if action.url is not None else body_size(action)
