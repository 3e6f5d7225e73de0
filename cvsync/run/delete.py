"""Images deleted: last of all, and only after they were saved."""

from __future__ import annotations

from collections.abc import Iterator

from cvsync.api.listing import fetch_images
from cvsync.errors import NotFoundError, ServiceError
from cvsync.model import ProjectType
from cvsync.plan.actions import Action, Kind
from cvsync.plan.batch import Batch, delete_batches
from cvsync.plan.plan import Plan
from cvsync.run.failpoints import failpoint
from cvsync.run.ledger_runs import STEPS
from cvsync.run.tags import Tags
from cvsync.run.trash import Trash
from cvsync.run.work import Handle, Job, Ticket, Work


class Deletions:
    """Deletes images of the plan, and old images that replacements left over."""

    def __init__(self, work: Work, plan: Plan, tags: Tags) -> None:
        self._work, self._plan, self._tags = work, plan, tags
        may_save = work.settings.backup and work.folder is not None and work.downloader is not None
        self._gone: set[str] = set()
        """What debris was deleted: a plan may name what an earlier run left over."""
        self._trash = Trash(work, work.folder) if may_save and work.folder is not None else None

    def jobs(self) -> Iterator[Job]:
        """Pack the deletions of the plan; all else must have gone well before."""
        work, doomed = self._work, self._plan.counts[Kind.DELETE_IMAGE]
        if doomed and work.outcomes.refusals and not work.settings.delete_despite_errors:
            work.tell("deletions_held_back", images=doomed)
            counts = {"deletions_held_back": doomed, STEPS: doomed}
            work.ledger.note(work.run_id, Kind.DELETE_IMAGE.words, counts=counts, state="void")
            return iter(())
        return self._packed(self._plan.actions(Kind.DELETE_IMAGE), self._delete_planned)

    def debris(self) -> Iterator[Job]:
        """Pack the old images whose replacements are confirmed, this run's and earlier ones'."""
        old = (Action(Kind.DELETE_IMAGE, None, image_id=i) for i in self._work.ledger.doomed())
        return self._packed(old, self._delete_replaced)

    @staticmethod
    def _packed(actions: Iterator[Action], handle: Handle) -> Iterator[Job]:
        return ((handle, batch) for batch in delete_batches(actions))

    async def _delete_planned(self, batch: Batch) -> None:
        """Delete images, but those that turned out to be a key of the manifest since the plan was made."""
        work = self._work
        ids = [a.image_id or "" for a in batch.actions]
        spared = work.ledger.confirmed_by(work.run_id, ids)
        gone = self._gone.intersection(ids)
        kept = tuple(a for a in batch.actions if a.image_id not in spared | gone)
        if spared or gone:
            counts = {STEPS: len(batch.actions) - len(kept), "images_deleted": len(gone)}
            work.ledger.note(work.run_id, batch.kind.words, counts=counts, state="void")
        await self._save_and_delete(Batch(batch.kind, kept), reason="deleted")

    async def _delete_replaced(self, batch: Batch) -> None:
        await self._save_and_delete(batch, reason="replaced")

    async def _save_and_delete(self, batch: Batch, *, reason: str) -> None:
        if self._trash is not None and batch.actions:
            batch = await self._save(self._trash, batch, reason)
        if batch.actions:
            await self._send(batch, is_planned=reason == "deleted")

    async def _save(self, trash: Trash, batch: Batch, reason: str) -> Batch:
        """Save a batch's images; give those that may go."""
        work = self._work
        failpoint("before-backup")
        images = await fetch_images(work.client, work.project_id, [a.image_id or "" for a in batch.actions])
        is_detection = self._plan.type is ProjectType.DETECTION
        failed = await trash.save(images, self._tags.by_id, is_detection=is_detection, reason=reason)
        failpoint("after-backup")
        for action in batch.actions:
            if action.image_id in failed:
                why = f"not deleted, since it could not be saved before: {failed[action.image_id]}"
                work.refuse(action, "NoBackup", why)
        work.note_refusals(batch.kind, len(failed), steps=len(failed) if reason == "deleted" else 0)
        return Batch(batch.kind, tuple(a for a in batch.actions if a.image_id not in failed))

    async def _send(self, batch: Batch, *, is_planned: bool) -> None:
        async def again(half: Batch) -> None:
            await self._send(half, is_planned=is_planned)

        def is_gone(ticket: Ticket, error: ServiceError) -> bool:
            if isinstance(error, NotFoundError):
                self._take(ticket, is_planned=is_planned)
            return isinstance(error, NotFoundError)

        ids = [a.image_id or "" for a in batch.actions]
        sent = await self._work.send(batch, self._delete, again=again, items=ids, alone=is_gone)
        if sent is not None:
            self._take(sent[0], is_planned=is_planned)

    async def _delete(self, ticket: Ticket) -> None:
        ids = [a.image_id or "" for a in ticket.batch.actions]
        await self._work.client.delete_images(self._work.project_id, ids)

    def _take(self, ticket: Ticket, *, is_planned: bool) -> None:
        actions = ticket.batch.actions
        self._work.ledger.conclude(
            ticket.batch_id,
            deleted=[a.image_id for a in actions if a.image_id],
            counts={"images_deleted": len(actions), STEPS: len(actions)} if is_planned else {},
        )
        if not is_planned:
            self._gone.update(a.image_id for a in actions if a.image_id)
        self._work.tell_done(ticket.batch)
