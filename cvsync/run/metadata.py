"""Images of the project that get other metadata."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from cvsync.api.failures import Failure, classify_metadata
from cvsync.api.listing import fetch_images
from cvsync.limits import IDS_PER_URL
from cvsync.plan.actions import Action, Kind
from cvsync.plan.batch import Batch, Packs
from cvsync.plan.plan import Plan
from cvsync.predictions import MetadataSummary
from cvsync.run.ledger_runs import STEPS
from cvsync.run.marker import own_metadata
from cvsync.run.work import Job, Ticket, Work

_Pairs = tuple[tuple[str, str], ...]


class MetadataChanges:
    """Sets metadata.

    What an image has beside stays, the mark of its batch above all: each is read before, and gets all of its
    pairs, since the service may replace those that it had.
    """

    def __init__(self, work: Work, plan: Plan) -> None:
        self._work, self._plan = work, plan

    def jobs(self) -> Iterator[Job]:
        """Pack the images of the plan."""
        packs = Packs[None](Kind.SET_METADATA, IDS_PER_URL)
        for action in self._plan.actions(Kind.SET_METADATA):
            for batch in packs.put(None, action._replace(metadata=own_metadata(action.metadata))):
                yield self._set, batch
        for batch in packs.rest():
            yield self._set, batch

    async def _set(self, batch: Batch) -> None:
        work = self._work
        ids = [action.image_id or "" for action in batch.actions]
        there = {image.id: image.metadata for image in await fetch_images(work.client, work.project_id, ids)}
        alike: dict[_Pairs, list[Action]] = defaultdict(list)
        done = 0
        for action in batch.actions:
            before = there.get(action.image_id or "")
            after = {**(before or {}), **dict(action.metadata)}
            if before is None or after == before:  # gone, or somebody was faster
                done += 1
            else:
                alike[tuple(sorted(after.items()))].append(action)
        if done:
            work.ledger.note(work.run_id, batch.kind.words, counts={STEPS: done}, state="void")
        for pairs, actions in alike.items():
            if work.stop.requested:
                return
            await self._send(replace(batch, actions=tuple(actions)), dict(pairs))

    async def _send(self, batch: Batch, metadata: Mapping[str, str]) -> None:
        async def call(ticket: Ticket) -> MetadataSummary:
            ids = [action.image_id or "" for action in ticket.batch.actions]
            return await self._work.client.update_image_metadata(self._work.project_id, ids, metadata)

        async def again(half: Batch) -> None:
            await self._send(half, metadata)

        ids = [action.image_id or "" for action in batch.actions]
        sent = await self._work.send(batch, call, again=again, items=ids)
        if sent is None:
            return
        left = self._take(*sent)
        if left:
            tries = batch.tries + 1
            await self._work.sleep(self._work.settings.retry_wait * 2.0 ** (tries - 1))
        if left and not self._work.stop.requested:
            await self._send(replace(batch, actions=left, tries=tries), metadata)

    def _take(self, ticket: Ticket, summary: MetadataSummary) -> list[Action]:
        """Write down what became of each image; give those that are to be sent once more."""
        work, batch = self._work, ticket.batch
        status = {outcome.image_id: outcome.status for outcome in summary.images}
        is_last = batch.tries + 1 >= work.settings.item_tries
        left, refused = [], 0
        for action in batch.actions:
            code = status.get(action.image_id or "", "OK")
            failure = classify_metadata(code)
            if failure is Failure.ITEM_TRANSIENT and not is_last:
                left.append(action)
            elif failure is not None:
                refused += 1
                work.refuse(action, code, "the service does not take the metadata")
        over = len(batch.actions) - len(left)
        counts = {"metadata_set": over - refused, "refused": refused, STEPS: over}
        work.ledger.conclude(ticket.batch_id, counts=counts)
        work.tell_done(batch, left=len(left))
        return left
