"""New images, and replacements: created in batches, with whatever follows the creation."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from cvsync import limits
from cvsync.api.created import Posted
from cvsync.api.failures import CREATED, DUPLICATE
from cvsync.api.versions import METADATA_SINCE, is_at_least
from cvsync.errors import PlanError, ServiceError, TransportError
from cvsync.model import Image
from cvsync.plan.actions import Action, Kind
from cvsync.plan.batch import Batch, create_batches
from cvsync.plan.images import Images, SentLabels
from cvsync.plan.plan import Plan
from cvsync.run.adopt import Adoptions
from cvsync.run.answered import Answered, Sent
from cvsync.run.content import locate, why_unusable
from cvsync.run.fetching import Fetching
from cvsync.run.marked import images_of, marked_images
from cvsync.run.marker import own_metadata
from cvsync.run.posting import body_shares, pair, post_images
from cvsync.run.relabel import Relabels, sums_of_images
from cvsync.run.sums import fingerprints
from cvsync.run.tags import Tags
from cvsync.run.verdict import Fate, Verdict, fate, verdict, words
from cvsync.run.work import Job, Ticket, Work

_AGAIN_AT_ONCE = 256  # images that wait to be sent once more, of each number of tries


class Creations:
    """Creates images, and sees to what follows.

    Of the images that are not done with, it holds what does not fill a batch yet and what no worker has
    taken: images to send once more, and images to download here. Labels that follow are with ``Relabels``,
    duplicates with ``Adoptions``.
    """

    def __init__(self, work: Work, plan: Plan, tags: Tags, relabels: Relabels) -> None:
        self._work, self._plan, self._tags, self._relabels = work, plan, tags, relabels
        self._is_marked = work.settings.markers and is_at_least(work.client.api_version, METADATA_SINCE)
        self._is_bare = plan.creates_bare
        """Whether new images are sent without labels."""
        self._fetching = Fetching(work)
        self._again: dict[int, list[Action]] = defaultdict(list)
        """Images to send once more, by how often they were sent."""
        self._full: deque[Job] = deque()
        self._adoptions = Adoptions(work, plan, tags, relabels)
        self._has_unknown = False
        """Whether an image failed without a reason since the tags were read."""
        self._has_other_tags = False
        """Whether tags may have other ids than those of the actions' fingerprints."""

    def jobs(self, kind: Kind) -> Iterator[Job]:
        """Pack the images of the plan that are new, or that replace others."""
        planned = self._plan.images(kind, self._tags.ids)
        return self._packed(chain.from_iterable(map(self._sendable, planned)))

    def _packed(self, images: Iterable[Images], *, tries: int = 0) -> Iterator[Job]:
        for batch in create_batches(images, shares=body_shares, is_bare=self._is_bare):
            yield self.send, replace(batch, tries=tries) if tries else batch

    def _sendable(self, images: Images) -> Iterable[Images]:
        """Give those images that can be sent as they are; the others are refused, or downloaded first."""
        kind, is_by_url, metadata = images.common
        if is_by_url and not metadata and not self._fetching.has_wanted(images.names):
            return [images]
        kept, unsent = [], 0
        for planned in images:
            action = planned._replace(metadata=own_metadata(planned.metadata))
            if action.url is not None and self._fetching.is_wanted(action.url):
                self._full += self._fetching.put(self._fetch, action)
            elif action.url is None and (reason := why_unusable(locate(action))):
                self._work.refuse(action, *reason)
                unsent += 1
            else:
                kept.append(action)
        self._work.note_refusals(kind, unsent)
        return Images.alike(kept)

    def ready(self) -> Iterator[Job]:
        """Give the full batches of what follows."""
        while self._full:
            yield self._full.popleft()
        yield from self._adoptions.ready()
        yield from self._relabels.ready()

    def rest(self) -> Iterator[Job]:
        """Give all of what follows, but images to be sent once more."""
        yield from self.ready()
        yield from self._fetching.rest(self._fetch)
        yield from self._adoptions.rest()
        yield from self._relabels.rest()

    def rest_again(self) -> list[Job]:
        """Give the images that are to be sent once more."""
        return [job for tries in [*self._again] for job in self._packed_again(tries)]

    def close(self) -> None:
        """Drop what was downloaded."""
        self._fetching.close()

    async def send(self, batch: Batch) -> None:
        """Send a batch of new images."""
        if batch.tries and self._has_unknown:
            self._has_unknown = False
            await self._tags.read()  # one of them may have been of another project
            self._has_other_tags = True
        batch = await self._prepared(batch)
        images = Images.of(batch.actions)
        sent = await self._work.send(
            batch,
            self._create,
            again=self.send,
            items=images.keys,
            settle=self._settle,
            alone=self._takes_later,
            marked=self._is_marked and len(images.common.metadata) + 2 <= limits.MAX_METADATA_PAIRS,
        )
        if sent is not None:
            await self._take(*sent)

    async def _prepared(self, batch: Batch) -> Batch:
        """Give those images of a batch that are copied from elsewhere links that hold."""
        if self._work.origin is None:
            return batch
        return replace(batch, actions=Images.of(await self._linked(batch.actions)))

    async def _linked(self, actions: Sequence[Action]) -> Sequence[Action]:
        origin = self._work.origin
        return actions if origin is None else await origin.current(actions)

    async def _create(self, ticket: Ticket, *, is_bare: bool = False) -> Sent:
        images, is_bare = Images.of(ticket.batch.actions), is_bare or self._is_bare
        labels = self._labels(images, is_bare=is_bare)
        outcomes = await post_images(
            self._work.client,
            self._work.project_id,
            images,
            labels,
            marker=ticket.marker,
            attempt=ticket.attempt,
            room=self._work.room,
        )
        return Sent(outcomes, labels, is_whole=not is_bare and images.block.is_whole)

    def _labels(self, images: Images, *, is_bare: bool) -> SentLabels:
        """Give what goes along with each image."""
        return SentLabels.none(len(images)) if is_bare else images.labels(self._tags.ids)

    async def _take(self, ticket: Ticket, sent: Sent, *, ours: Mapping[str, Image] | None = None) -> None:
        """Write down what became of each image, and queue what follows.

        Args:
            ticket: Of the batch.
            sent: What went, and the service's answer.
            ours: Images that an earlier attempt made, by id, as they are now.
        """
        batch, made = ticket.batch, ours or {}
        images, labels = Images.of(batch.actions), sent.labels
        answered = Answered(images=images, labels=labels, type=self._plan.type, made=made)
        for place, outcome in enumerate(pair(images, sent.outcomes)):
            if outcome is None or outcome.image is None or outcome.status not in (CREATED, DUPLICATE):
                self._note_failed(answered, images[place], outcome, batch.tries + 1)
            elif outcome.status == CREATED:
                answered.fresh.append((place, outcome.image.id))
            else:
                answered.duplicates.append((place, outcome.image.id))
        self._work.ledger.conclude(
            ticket.batch_id,
            counts=answered.counts(),
            stored=answered.stored(self._fingerprints(images, sent)),
            replaced=answered.replaced,
            seen=dict.fromkeys(answered.strangers),
        )
        self._work.tell_done(batch, left=len(images) - len(answered.placed) - answered.refused)
        self._fetching.learn(images, answered.unread)
        await self._follow(answered, is_whole=sent.is_whole)
        if self._work.origin is not None or not images.common.is_by_url:
            self._drop([images[place] for place, _ in answered.placed])
        if answered.is_full:
            raise PlanError(f"{words('ErrorLimitExceed')}; what was stored stays")

    def _fingerprints(self, images: Images, sent: Sent) -> Sequence[int]:
        """Give the fingerprints of what went along with the images of a batch."""
        planned = images.fingerprints if sent.is_whole and not self._has_other_tags else None
        return planned or fingerprints(sent.labels)

    async def _follow(self, answered: Answered, *, is_whole: bool) -> None:
        """See to it that stored images have the labels of their keys, and no more."""
        for action in () if is_whole else answered.missing():
            self._relabels.follow(action)
        ours = []
        for duplicate in answered.found():
            if duplicate.is_ours:
                ours.append(duplicate)
            else:
                self._adoptions.put(duplicate)
        if ours:
            await self._adoptions.compare(ours, answered.made.values())

    def _note_failed(self, answered: Answered, action: Action, outcome: Posted | None, tries: int) -> None:
        code = outcome.status if outcome is not None else "NoAnswer"
        judged = fate(code)
        is_last = tries >= self._work.settings.item_tries
        if judged is Fate.BYTES and not is_last and self._has_old_link(action):
            judged = Fate.AGAIN
        answered.unread += judged is Fate.BYTES
        if judged is Fate.BYTES and self._fetching.may_fetch(action):
            self._full += self._fetching.put(self._fetch, action)
        elif judged in (Fate.AGAIN, Fate.BYTES) and not is_last:
            self._has_unknown |= code == "ErrorUnknown"
            self._send_later(action, tries)
        else:
            answered.is_full |= judged is Fate.FULL
            answered.refused += 1
            message = words(code) if outcome is not None else "the service's answer does not mention it"
            self._work.refuse(action, code, message)
            self._drop([action])

    def _drop(self, actions: Sequence[Action]) -> None:
        """Drop what was kept of images that are over and done with."""
        self._fetching.discard(actions)
        if self._work.origin is not None:
            for key in filter(None, (action.key for action in actions)):
                self._work.origin.links.drop(key)

    def _send_later(self, action: Action, tries: int) -> None:
        self._again[tries].append(action)
        if len(self._again[tries]) == _AGAIN_AT_ONCE:
            self._full += self._packed_again(tries)

    def _packed_again(self, tries: int) -> Iterator[Job]:
        return self._packed(Images.alike(self._again.pop(tries)), tries=tries)

    def _takes_later(self, ticket: Ticket, error: ServiceError) -> bool:
        """Send an image once more on which the service failed by itself."""
        tries = ticket.batch.tries + 1
        if verdict(error) is not Verdict.BROKEN or tries >= self._work.settings.item_tries:
            return False
        self._work.ledger.conclude(ticket.batch_id, "refused")
        self._send_later(ticket.batch.actions[0], tries)
        return True

    # Batches without an answer.

    async def _settle(self, ticket: Ticket) -> None:
        """Find out what became of a batch, and bring it to an end.

        Where its images carry a marker and none is there once it cannot be at work any more, it was not
        carried out and is sent as if for the first time. Else it is sent without labels: a duplicate tells
        which image is which key's, and the labels are compared.
        """
        work, error = self._work, None
        while True:
            ours = await self._find_whole(ticket)
            if ours is None:
                await work.wait_out(ticket)
                if work.stop.requested:
                    return
                ours = await images_of(work, ticket)
            is_bare = bool(ours) or ticket.marker is None
            ticket.batch = await self._prepared(ticket.batch)
            await work.next_attempt(ticket, error)
            try:
                sent = await self._create(ticket, is_bare=is_bare)
            except (ServiceError, TransportError) as failure:
                judged = verdict(failure)
                if judged is Verdict.UNDONE:
                    raise
                if isinstance(failure, ServiceError) and judged is Verdict.REFUSED:
                    await work.split(ticket, failure, again=self.send, alone=self._takes_later)
                    return
                error = failure
                continue
            was_there = any(outcome.status == DUPLICATE for outcome in sent.outcomes)
            work.tell_settled(ticket, applied=bool(ours) if ticket.marker else was_there)
            await self._take(ticket, sent, ours=ours)
            return

    async def _find_whole(self, ticket: Ticket) -> dict[str, Image] | None:
        """Read a batch's images while it may be at work yet; None unless they are all there with all labels.

        Then it has nothing left to do, and nothing is waited for.
        """
        if ticket.marker is None or not self._work.may_be_at_work(ticket):
            return None
        found = await marked_images(self._work, ticket.marker)
        sent = self._labels(Images.of(ticket.batch.actions), is_bare=self._is_bare)
        there = sums_of_images([*found.values()], self._plan.type)
        return found if sorted(there.values()) == sorted(fingerprints(sent)) else None

    # Images that are downloaded here.

    def _has_old_link(self, action: Action) -> bool:
        """Tell whether a link was over when it came to be used: the next one may be read."""
        origin = self._work.origin
        return origin is not None and action.key is not None and origin.links.is_over(action.key)

    async def _fetch(self, batch: Batch) -> None:
        fetched, failed = await self._fetching.fetch(await self._linked(batch.actions))
        for action, reason in failed:
            self._work.refuse(action, "ErrorSource", reason)
        self._work.note_refusals(batch.kind, len(failed))
        for send, ready in self._packed(Images.alike(fetched)):
            if self._work.stop.requested:
                return
            await send(ready)
