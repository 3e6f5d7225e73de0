"""Batches that dead runs left without an outcome: settled before anything is planned.

Else their images would look like somebody else's, and what they did to labels like somebody else's edit.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cvsync.api.created import Posted
from cvsync.api.listing import fetch_images
from cvsync.api.versions import METADATA_SINCE, is_at_least
from cvsync.errors import ServiceError, TransportError
from cvsync.labels import METADATA, Labels
from cvsync.model import Image, ProjectType
from cvsync.plan.actions import Action, Kind, Origin
from cvsync.plan.batch import Batch, create_batches
from cvsync.plan.fingerprint import EMPTY
from cvsync.plan.images import Images, SentLabels
from cvsync.run.content import locate, why_unusable
from cvsync.run.ledger import Stored
from cvsync.run.ledger_reading import OpenBatch
from cvsync.run.marked import marked_images
from cvsync.run.marker import new_marker, own_metadata
from cvsync.run.posting import body_shares, pair, post_images
from cvsync.run.relabel import labels_of_image, sums_of_images
from cvsync.run.verdict import Fate, Verdict, fate, verdict
from cvsync.run.work import Ticket, Work

_UNNAMED = (
    "{} images that a killed run created are of no row of the manifest any more; cvsync knows them now, so "
    "that --delete removes them"
)
_LOST = (
    "a killed run may have created up to {} images that are of no row of the manifest any more; without "
    "markers they cannot be told from others' (--delete --delete-unmanaged removes them all)"
)


async def settle_leftovers(
    work: Work, type_: ProjectType, labels: Labels | None, *, wall_clock: Callable[[], float] = time.time
) -> None:
    """Find out what became of the requests of dead runs, and write it down; safe to repeat.

    Waits until none of them can be at work in the service any more.

    Args:
        work: The run that is about to begin.
        type_: Of the project.
        labels: The manifest: where images come from that may have to be sent again; None: it is not there,
            and batches that need it stay as they are.
        wall_clock: The clock of the ledger's intents.
    """
    _drop_files(work.folder)
    left = work.ledger.open_batches(but=work.run_id)
    if not left:
        return
    since = wall_clock() - max(batch.sent_at for batch in left)
    if since < work.settings.grace:
        await work.sleep(min(work.settings.grace, work.settings.grace - since))
    for batch in left:
        if work.stop.requested:
            return
        if batch.kind in (Kind.CREATE_IMAGE.words, Kind.REPLACE_IMAGE.words):
            await _settle_creation(work, type_, labels, batch)
        elif batch.kind == Kind.DELETE_IMAGE.words:
            await _settle_deletion(work, batch)
        elif batch.kind in (Kind.ADD_LABEL.words, Kind.REMOVE_LABEL.words):
            # What it did will be seen; until then nobody claims to know.
            work.ledger.conclude(
                batch.batch_id, "unsure", run_id=work.run_id, seen=dict.fromkeys(batch.items)
            )
        else:
            work.ledger.conclude(batch.batch_id, "void", run_id=work.run_id)  # tags are read anew anyway


async def _settle_deletion(work: Work, batch: OpenBatch) -> None:
    there = {i.id for i in await fetch_images(work.client, work.project_id, batch.items)}
    gone = [image_id for image_id in batch.items if image_id not in there]
    counts = {"images_deleted": len(gone)}
    work.ledger.conclude(
        batch.batch_id, "done" if gone else "void", run_id=work.run_id, deleted=gone, counts=counts
    )
    work.tell("batch_settled", batch=batch.batch_id, kind=batch.kind, applied=bool(gone))


async def _settle_creation(work: Work, type_: ProjectType, labels: Labels | None, batch: OpenBatch) -> None:
    """See whether a batch's images are there, and which is which key's.

    Without a marker, or where some are there, the batch is sent again without labels: a duplicate tells which
    image is which key's. What labels are missing then, the plan sees. Images of keys that left the manifest
    meanwhile cannot be told apart; the ledger knows them by their ids.
    """
    made: dict[str, Image] = {}
    can_look = batch.marker is not None and is_at_least(work.client.api_version, METADATA_SINCE)
    if can_look and batch.marker is not None:
        made = await marked_images(work, batch.marker)
    if made or not can_look:
        if labels is None:
            return
        actions = _actions(labels, batch)
        for part in create_batches(Images.alike(_sendable(actions)), shares=body_shares, is_bare=True):
            await _send_again(work, type_, part, made)
        if not can_look and len(actions) < len(batch.items):
            work.tell("warning", text=_LOST.format(len(batch.items) - len(actions)))
    unnamed = _unnamed(work, made)
    work.ledger.conclude(
        batch.batch_id,
        "done" if unnamed else "void",
        run_id=work.run_id,
        unnamed=sums_of_images(unnamed, type_),
        counts={
            "images_created": len(unnamed),
            "labels_added": sum(len(labels_of_image(image, type_)) for image in unnamed),
        },
    )
    if unnamed:
        work.tell("warning", text=_UNNAMED.format(len(unnamed)))
    work.tell("batch_settled", batch=batch.batch_id, kind=batch.kind, applied=bool(made))


def _unnamed(work: Work, made: Mapping[str, Image]) -> list[Image]:
    """Give those of a batch's images that no key has turned out to be."""
    named = work.ledger.keys_of([*made]) if made else {}
    return [image for image_id, image in made.items() if image_id not in named]


def _sendable(actions: Iterable[Action]) -> Iterable[Action]:
    return (a for a in actions if a.url is not None or why_unusable(locate(a)) is None)


async def _send_again(work: Work, type_: ProjectType, batch: Batch, made: dict[str, Image]) -> None:
    is_marked = work.settings.markers and is_at_least(work.client.api_version, METADATA_SINCE)
    marker = new_marker() if is_marked else None
    images = Images.of(batch.actions)
    batch_id = work.ledger.intend(work.run_id, batch.kind.words, images.keys, marker=marker)
    ticket = Ticket(batch, batch_id, marker)
    work.tell("batch_sent", batch=batch_id, kind=batch.kind.words, items=len(images))
    error: ServiceError | TransportError | None = None
    while True:
        if error is not None:
            await work.next_attempt(ticket, error)
        try:
            outcomes = await post_images(
                work.client, work.project_id, images, SentLabels.none(len(images)),
                marker=marker, attempt=ticket.attempt, room=work.room,
            )  # fmt: skip
            break
        except (ServiceError, TransportError) as failure:
            judged = verdict(failure)
            if judged is Verdict.REFUSED:  # the plan sends them anew, and finds out which it is
                work.ledger.conclude(ticket.batch_id, "refused")
                return
            if judged is Verdict.UNDONE:
                work.ledger.conclude(ticket.batch_id, "void")
                raise
            error = failure
    _take(work, type_, ticket, outcomes, made)


def _take(
    work: Work, type_: ProjectType, ticket: Ticket, outcomes: Sequence[Posted], made: dict[str, Image]
) -> None:
    images = Images.of(ticket.batch.actions)
    known = work.ledger.ids_of(images.keys)
    sums = sums_of_images([*made.values()], type_)
    stored, replaced, counts = [], [], Counter[str]()
    for action, outcome in zip(images, pair(images, outcomes), strict=True):
        if outcome is None or outcome.image is None or fate(outcome.status) is not Fate.STORED:
            continue  # the plan sends it anew, and tells what is wrong
        image_id, is_new = outcome.image.id, outcome.status == "OK"
        stored.append(
            Stored(action.key or "", image_id, EMPTY if is_new else sums.get(image_id), action.version)
        )
        old = known.get(action.key or "")
        if old == image_id:
            continue  # an earlier attempt to settle came this far, and counted it
        if action.kind is Kind.REPLACE_IMAGE and old is not None:
            replaced.append(old)
            counts["images_replaced"] += 1
        else:
            counts["images_created" if is_new or image_id in made else "images_adopted"] += 1
            counts["labels_added"] += len(labels_of_image(made[image_id], type_)) if image_id in made else 0
    work.ledger.conclude(ticket.batch_id, stored=stored, replaced=replaced, counts=counts)
    work.tell_done(ticket.batch)


def _actions(labels: Labels, batch: OpenBatch) -> list[Action]:
    """Say where a batch's images come from, as the manifest has it now."""
    kind = Kind.CREATE_IMAGE if batch.kind == Kind.CREATE_IMAGE.words else Kind.REPLACE_IMAGE
    wanted = pc.is_in(labels.table.column("key").cast(pa.string()), pa.array(batch.items, pa.string()))
    heads: dict[str, Action] = {}
    for row in labels.table.filter(wanted).to_pylist():
        metadata = tuple(
            (name.removeprefix(METADATA), value)
            for name, value in sorted(row.items())
            if name.startswith(METADATA) and value is not None
        )
        heads.setdefault(
            row["key"],
            Action(
                kind,
                row["key"],
                url=row["url"],
                path=row["path"],
                version=row.get("version"),
                metadata=own_metadata(metadata),
                origins=(Origin(row["source"] or "", row["row"] or 0),),
            ),
        )
    return list(heads.values())


def _drop_files(folder: Path | None) -> None:
    """Drop what dead runs had downloaded to send, and what they had begun to save."""
    if folder is None:
        return
    for left in (folder / "runs").glob("*/fetched"):
        shutil.rmtree(left)
    for part in (folder / "trash").glob("*/*.part"):
        part.unlink()
