"""Labels + Snapshot + what the ledger knows -> Plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync import limits
from cvsync.known import SCHEMA as KNOWN_SCHEMA
from cvsync.known import KnownImages
from cvsync.labels import Labels, fold
from cvsync.model import ProjectType
from cvsync.parallel import look_up
from cvsync.plan.actions import Conflict, Kind, NewTag
from cvsync.plan.adopt import Unmanaged, adopt, with_adopted
from cvsync.plan.coded import Mask, fingerprints
from cvsync.plan.drift import Drift, OnDrift, find_drift, refuse_drift
from cvsync.plan.learned import learn
from cvsync.plan.match import Rows, unmatched
from cvsync.plan.metadata import metadata_changes
from cvsync.plan.plan import Extent, Plan
from cvsync.plan.rows import (
    add_rows,
    create_rows,
    delete_rows,
    join,
    metadata_rows,
    remove_rows,
    replace_rows,
)
from cvsync.plan.scope import TagScope
from cvsync.plan.sides import Sides
from cvsync.plan.tags import refuse_two_spellings
from cvsync.plan.twins import conflicts_of, unite_twins
from cvsync.snapshot import Snapshot

TOLERANCE = 1e-5  # of the image's side: under a tenth of a pixel at the service's largest size
_NO_ROOM = (
    "the image has another tag, which a refused row of it may say, and a multiclass project holds one: "
    "mend that row, too"
)


class Prune(Enum):
    """What happens to images that the manifest does not name."""

    KEEP = "keep"  # nothing
    DELETE = "delete"  # those that the ledger knows go; unmanaged images stay
    DELETE_ALL = "delete all"  # unmanaged images go too


def diff(
    desired: Labels,
    snapshot: Snapshot,
    known: KnownImages,
    *,
    prune: Prune = Prune.KEEP,
    on_drift: OnDrift = OnDrift.MANIFEST,
    scope: TagScope | None = None,
    renames: Mapping[str, str] | None = None,
    unmanaged: Unmanaged = Unmanaged.LEAVE,
    incomplete: Collection[str] = (),
    kept: Collection[str | None] = (),
    mended: bool = False,
    tags: Sequence[NewTag] = (),
    metadata: Sequence[str] = (),
    tolerance: float = TOLERANCE,
) -> Plan:
    """Work out the actions that make a project match its manifest.

    Holds both sides as columns, about 60 bytes a label.

    Args:
        desired: What the project should hold, in any order.
        snapshot: What the project holds now.
        known: What the ledger knows of each key that it has seen.
        prune: What happens to images that the manifest does not name.
        on_drift: Who is right about images that others changed since the last run.
        scope: The tags that it is about; default: all.
        renames: Tags that get another name, old -> new; one that is done already is passed over.
        unmanaged: What happens to images that no key is known to be.
        incomplete: Keys of which a row could not be read, and ids that such rows tell: these images never
            count as gone and keep all their labels.
        kept: Tags of rows that could not be read and do not say their image: no label of them is removed, but
            where an image can have one label only; None: of no tag at all.
        mended: Whether these are rows that were refused before: of their images others stand elsewhere, and
            where an image can have one label only, what comes takes the place of what is there.
        tags: Tags that the project should have whether or not an image carries them.
        metadata: Names of metadata that images of the project should have too, where the snapshot tells it.
        tolerance: How far apart the numbers of two boxes may be that are the same box.

    Returns:
        Actions in apply order: tags, new images, label changes, replacements, deletions.

    Raises:
        GuardError: ``on_drift`` is STOP and the plan would undo what others did.
        PlanError: The manifest and the project contradict each other about a tag, or the project has one in
            two spellings.
    """
    scope = scope or TagScope()
    sides = Sides(desired, snapshot, known, incomplete, kept, renames, tags)
    sides, adopted = _with_unmanaged(sides, unmanaged)
    meant = scope.of_labels(desired)
    refuse_two_spellings((tag.name for tag in snapshot.tags), scope.wanted(desired))
    new_tags = sides.new_tags()
    drift = find_drift(sides)
    theirs = scope.of_snapshot(snapshot, sides.names.names[: len(snapshot.tags)])
    changes = _label_changes(sides, meant, theirs, tolerance, mended=mended)
    changes, is_new, drifted = _settle_drift(sides, changes, drift, on_drift)
    told = metadata_changes(sides, metadata)
    table = join(
        [
            _rows(sides, changes, meant=meant, is_new=is_new, gone=_gone(sides, prune)),
            metadata_rows(sides, told, metadata),
        ]
    )
    # An edit that stays must be seen as one next time, too.
    untold = drift.images & ~changes.touched & (on_drift is OnDrift.PROJECT or not scope.is_everything)
    return Plan(
        project_id=snapshot.project.id,
        type=snapshot.type,
        new_tags=_used(new_tags, table, tags),
        renames=sides.tag_renames,
        table=table,
        unchanged=_unchanged(sides, changes, told),
        unknown=int((sides.known_row < 0).sum()),
        unmanaged=len(snapshot) - int(sides.managed.sum()),
        adopted=_foreign(adopted, desired),
        twins=sides.twins,
        drifted=drifted,
        conflicts=changes.conflicts,
        before=Extent(len(snapshot), len(snapshot.tags)),
        learned=pa.concat_tables([adopted, learn(sides, untold=untold)]),
    )


def _with_unmanaged(sides: Sides, unmanaged: Unmanaged) -> tuple[Sides, pa.Table]:
    """Adopt unmanaged images if that is wanted; give what the ledger should know of them, too."""
    if unmanaged is Unmanaged.LEAVE:
        return sides, KNOWN_SCHEMA.empty_table()
    adopted = adopt(sides)
    if len(adopted):
        sides = replace(sides, known=with_adopted(sides.known, adopted))
    return sides, adopted


def _settle_drift(
    sides: Sides, changes: _Changes, drift: Drift, on_drift: OnDrift
) -> tuple[_Changes, Mask, int]:
    """Decide what becomes of edits by others.

    Returns:
        The changes that stay; for each key whether its image is to be created; and how many edits the
        changes would undo.

    Raises:
        GuardError: ``on_drift`` is STOP and there are some.
    """
    lost, touched = np.flatnonzero(drift.lost), np.flatnonzero(changes.touched)
    edited = touched[drift.images[touched]]
    if on_drift is OnDrift.STOP:
        refuse_drift(sides, edited, lost)
    is_new = sides.key_image < 0
    if on_drift is OnDrift.PROJECT:
        is_new &= ~drift.lost
        changes = changes.without(sides, drift.images)
    return changes, is_new, len(edited) + len(lost)


def _unchanged(sides: Sides, changes: _Changes, told: Rows) -> int:
    """Count the images of the manifest of which neither a label nor metadata changes."""
    changed = changes.touched.copy()
    changed[sides.key_image[told]] = True
    return int(sides.named.sum()) - int(changed.sum())


def _foreign(adopted: pa.Table, desired: Labels) -> int:
    """Count the images that are adopted and that the manifest does not name."""
    if not len(adopted):
        return 0  # without a look at all keys of the manifest
    return len(adopted) - int(np.sum(np.asarray(pc.is_in(adopted.column("key"), desired.keys))))


def _rows(sides: Sides, changes: _Changes, *, meant: Mask, is_new: Mask, gone: Rows) -> pa.Table:
    """Write the changes of images down, in apply order."""
    first = _needs_room(sides, changes)[sides.present_image[changes.remove]]
    codes = sides.desired.key_codes
    return join(
        [
            create_rows(sides, np.flatnonzero(look_up(is_new, codes) & meant)),
            remove_rows(sides, changes.remove[first], Kind.MAKE_ROOM),
            add_rows(sides, changes.add),
            replace_rows(sides, np.flatnonzero(look_up(sides.replaced, codes) & meant)),
            remove_rows(sides, changes.remove[~first], Kind.REMOVE_LABEL),
            delete_rows(sides, gone),
        ]
    )


@dataclass(eq=False)
class _Changes:
    add: Rows
    """Rows of the manifest."""
    remove: Rows
    """Labels of the snapshot."""
    touched: Mask
    """For each image whether a label of it changes."""
    conflicts: tuple[Conflict, ...] = ()

    def without(self, sides: Sides, images: Mask) -> _Changes:
        """Leave some images as they are."""
        add = self.add[~images[sides.row_image[self.add]]]
        remove = self.remove[~images[sides.present_image[self.remove]]]
        return _Changes(add, remove, self.touched & ~images, self.conflicts)


def _label_changes(
    sides: Sides, meant: Mask, meant_present: Mask, tolerance: float, *, mended: bool
) -> _Changes:
    is_wanted = (sides.row_image >= 0) & (sides.desired_tag >= 0) & meant
    is_present = look_up(sides.named, sides.present_image) & meant_present
    is_wanted, conflicts = unite_twins(sides, is_wanted)
    images = len(sides.snapshot)
    held = sides.fingerprints if is_present.all() else fingerprints(sides.snapshot, is_present)
    differs = np.append(sides.wanted_fingerprints(is_wanted) != held, False)
    ours = np.flatnonzero(look_up(differs, sides.row_image) & is_wanted)
    theirs = np.flatnonzero(look_up(differs, sides.present_image) & is_present)
    wanted, present = sides.wanted(ours), sides.present(theirs)
    add, remove = unmatched(wanted, present, tolerance=tolerance)
    is_incomplete = look_up(sides.is_incomplete, present.image[remove])
    spared = is_incomplete | sides.is_kept(present.tag[remove])
    if sides.snapshot.type is ProjectType.MULTICLASS:  # there is room for one
        if not mended:  # what is there may be what a refused row of the image says
            has_no_room = np.isin(wanted.image[add], present.image[remove[is_incomplete]])
            conflicts += conflicts_of(sides, ours[add[has_no_room]], "E122", _NO_ROOM)
            add = add[~has_no_room]
        # What comes takes the place of what was.
        spared &= ~np.isin(present.image[remove], wanted.image[add])
    remove = remove[~spared]
    touched = np.zeros(images, bool)
    touched[wanted.image[add]] = True
    touched[present.image[remove]] = True
    return _Changes(ours[add], theirs[remove], touched, conflicts)


def _needs_room(sides: Sides, changes: _Changes) -> Mask:
    """Tell for each image whether labels must go before others come: both could not stand together."""
    images = len(sides.snapshot)
    if sides.snapshot.type is ProjectType.MULTICLASS:
        return np.ones(images, bool)
    most = (
        limits.MAX_REGIONS_PER_IMAGE
        if sides.snapshot.type is ProjectType.DETECTION
        else limits.MAX_TAGS_PER_IMAGE
    )
    theirs = sides.present_image[look_up(changes.touched, sides.present_image)]
    held = np.bincount(theirs, minlength=images)
    coming = np.bincount(sides.row_image[changes.add], minlength=images)
    negative = sides.is_negative()
    mixed = np.zeros(images, bool)
    if negative.any():
        for side, tags in (
            (sides.row_image[changes.add], sides.desired_tag[changes.add]),
            (sides.present_image[changes.remove], sides.present_tag[changes.remove]),
        ):
            mixed[side[negative[tags]]] = True
    return (held + coming > most) | mixed


def _gone(sides: Sides, prune: Prune) -> Rows:
    """Images that are to be deleted: of no key of the manifest, or left over from a replacement."""
    doomed = np.zeros(len(sides.snapshot), bool)
    if sides.known.doomed:
        doomed = np.isin(np.array(sides.image_ids.to_pylist(), object), [*sides.known.doomed])
    if prune is Prune.KEEP:
        return np.flatnonzero(doomed & ~sides.named)
    old = np.zeros(len(sides.snapshot), bool)
    old[sides.key_image[sides.replaced]] = True  # their replacement deletes them
    candidates = sides.managed if prune is Prune.DELETE else np.ones(len(sides.snapshot), bool)
    return np.flatnonzero((candidates & ~old | doomed) & ~sides.named & ~sides.is_incomplete)


def _used(tags: Sequence[NewTag], table: pa.Table, wanted: Sequence[NewTag]) -> tuple[NewTag, ...]:
    """Keep the tags that a row of the plan needs, and those that are wanted anyway."""
    names = set(pc.unique(table.column("tag")).to_pylist())
    folded = {fold(tag.name) for tag in wanted}
    return tuple(tag for tag in tags if tag.name in names or fold(tag.name) in folded)
