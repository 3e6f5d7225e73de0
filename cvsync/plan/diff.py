"""Labels + Snapshot + what the ledger knows -> Plan."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.known import KnownImages
from cvsync.labels import BOX, TEXT, Labels, codes_of
from cvsync.plan.actions import SCHEMA, Kind, NewTag, Plan
from cvsync.plan.fingerprint import NO_BOX, label_hashes, sums
from cvsync.plan.match import LabelSet, Rows, unmatched
from cvsync.plan.tags import TagNames
from cvsync.snapshot import Snapshot

TOLERANCE = 1e-5  # of the image's side: under a tenth of a pixel at the service's largest size


class Prune(Enum):
    """What happens to images that the manifest no longer names."""

    KEEP = "keep"  # nothing
    DELETE = "delete"  # those that the ledger knows go; unmanaged images never do


def diff(
    desired: Labels,
    snapshot: Snapshot,
    known: KnownImages,
    *,
    prune: Prune = Prune.KEEP,
    incomplete: Collection[str] = (),
    tolerance: float = TOLERANCE,
) -> Plan:
    """Work out the actions that make a project match its manifest.

    Holds both sides as columns, about 60 bytes a label.

    Args:
        desired: What the project should hold, in any order.
        snapshot: What the project holds now.
        known: The ledger's image id for each key that it has seen.
        prune: What happens to images that the manifest no longer names.
        incomplete: Keys of which a row could not be read: their images never count as gone and keep all
            their labels.
        tolerance: How far apart the numbers of two boxes may be that are the same box.

    Returns:
        Actions in apply order: tags, new images, label changes, deletions.
    """
    ids = pc.index_in(known.table.column("image_id"), snapshot.images.column("image_id"))
    known_image = _codes(ids)  # for each known key its image's position in the snapshot, or -1
    key_image = _lookup(desired.keys, known.table.column("key"), known_image)
    sides = _Sides(desired, snapshot, key_image, TagNames(snapshot.tags), incomplete, known, known_image)

    add, remove, changed = _label_changes(sides, tolerance)
    create = np.flatnonzero(key_image[desired.key_codes] < 0)
    gone = _gone(sides) if prune is Prune.DELETE else np.empty(0, np.int64)
    parts = [
        _create_rows(sides, create),
        _add_rows(sides, add),
        _remove_rows(sides, remove),
        _delete_rows(sides, gone),
    ]
    named = np.unique(key_image[key_image >= 0])
    return Plan(
        project_id=snapshot.project.id,
        type=snapshot.type,
        new_tags=tuple(NewTag(name) for name in sides.names.new),
        table=pa.concat_tables(parts).unify_dictionaries().combine_chunks(),
        unchanged=len(named) - changed,
        unknown=int((key_image < 0).sum()),
        unmanaged=len(snapshot) - len(np.unique(known_image[known_image >= 0])),
        present=len(snapshot),
        twins=int((key_image >= 0).sum()) - len(named),
    )


@dataclass(eq=False)
class _Sides:
    desired: Labels
    snapshot: Snapshot
    key_image: Rows
    names: TagNames
    incomplete: Collection[str]
    known: KnownImages
    known_image: Rows

    def __post_init__(self) -> None:
        codes, values = codes_of(self.desired.table.column("tag"))
        self.desired_tag = _apply_codes(np.array(self.names.codes(values.to_pylist()), np.int64), codes)
        codes, values = codes_of(self.snapshot.labels.column("tag_id"))
        position = {tag.id: code for code, tag in enumerate(self.snapshot.tags)}
        self.present_tag = _apply_codes(np.array([position[v] for v in values.to_pylist()], np.int64), codes)

    def image_keys(self) -> pa.Array:
        """For each image of the snapshot a key that is it, or null."""
        key_of = np.full(len(self.snapshot), -1, np.int64)
        rows = np.flatnonzero(self.known_image >= 0)
        key_of[self.known_image[rows]] = rows
        return self.known.table.column("key").combine_chunks().take(_indices(key_of))


def _label_changes(sides: _Sides, tolerance: float) -> tuple[Rows, Rows, int]:
    """Rows of the manifest to add and of the snapshot to remove, and how many images they touch."""
    row_image = sides.key_image[sides.desired.key_codes]
    wanted_rows = np.flatnonzero((row_image >= 0) & (sides.desired_tag >= 0))
    wanted = LabelSet(
        row_image[wanted_rows], sides.desired_tag[wanted_rows], boxes(sides.desired.table, wanted_rows)
    )
    named = np.zeros(len(sides.snapshot), bool)
    named[sides.key_image[sides.key_image >= 0]] = True
    present_image = np.asarray(sides.snapshot.labels.column("image")).astype(np.int64)
    present_rows = np.flatnonzero(named[present_image])
    present = LabelSet(
        present_image[present_rows],
        sides.present_tag[present_rows],
        boxes(sides.snapshot.labels, present_rows),
    )
    if len(np.unique(sides.key_image[sides.key_image >= 0])) < (sides.key_image >= 0).sum():
        wanted_rows, wanted = _united(wanted_rows, wanted)
    images = len(sides.snapshot)
    differs = _fingerprints(wanted, images) != _fingerprints(present, images)
    ours = np.flatnonzero(differs[wanted.image])
    theirs = np.flatnonzero(differs[present.image])
    add, remove = unmatched(wanted.take(ours), present.take(theirs), tolerance=tolerance)
    add, remove = ours[add], theirs[remove]
    remove = remove[~_is_incomplete(sides)[present.image[remove]]]
    touched = np.unique(np.concatenate([wanted.image[add], present.image[remove]]))
    return wanted_rows[add], present_rows[remove], len(touched)


def _fingerprints(labels: LabelSet, images: int) -> NDArray[np.int64]:
    return sums(labels.image, label_hashes(labels.tag.astype(np.uint64), labels.box), images)


def _united(rows: Rows, labels: LabelSet) -> tuple[Rows, LabelSet]:
    """Twins, keys that are one image, may repeat each other's labels: keep each once."""
    columns = np.column_stack([labels.image, labels.tag, labels.box.view(np.int32).astype(np.int64)])
    _, first = np.unique(columns, axis=0, return_index=True)
    first = np.sort(first)
    return rows[first], labels.take(first)


def _is_incomplete(sides: _Sides) -> NDArray[np.bool_]:
    """For each image of the snapshot whether a row of it could not be read."""
    flags = np.zeros(len(sides.snapshot), bool)
    if sides.incomplete:
        keys = pa.array(list(sides.incomplete), pa.string())
        images = _lookup(keys, sides.known.table.column("key"), sides.known_image)
        flags[images[images >= 0]] = True
    return flags


def _gone(sides: _Sides) -> Rows:
    """Images that the ledger knows and that no key of the manifest is."""
    managed = np.zeros(len(sides.snapshot), bool)
    managed[sides.known_image[sides.known_image >= 0]] = True
    managed[sides.key_image[sides.key_image >= 0]] = False
    return np.flatnonzero(managed & ~_is_incomplete(sides))


def _create_rows(sides: _Sides, rows: Rows) -> pa.Table:
    """New images, those with the same tags together, so that few batches hold many images."""
    item = sides.desired.key_codes[rows]
    tag = sides.desired_tag[rows]
    keys = len(sides.desired.keys)
    lowest = np.full(keys, np.iinfo(np.int64).max)
    highest = np.full(keys, -1, np.int64)
    np.minimum.at(lowest, item, tag)
    np.maximum.at(highest, item, tag)
    rows = rows[np.lexsort((rows, item, highest[item], lowest[item]))]
    return _manifest_rows(sides, rows, Kind.CREATE_IMAGE, sides.desired.key_codes[rows], None)


def _add_rows(sides: _Sides, rows: Rows) -> pa.Table:
    image = sides.key_image[sides.desired.key_codes[rows]]
    order = np.argsort(image, kind="stable")
    ids = sides.snapshot.images.column("image_id").combine_chunks().take(pa.array(image[order]))
    return _manifest_rows(sides, rows[order], Kind.ADD_LABEL, image[order], ids)


def _manifest_rows(sides: _Sides, rows: Rows, kind: Kind, item: Rows, image_id: Any) -> pa.Table:
    taken = sides.desired.take(rows).table
    names = pa.array(sides.names.names, pa.string())
    tag = names.take(_indices(sides.desired_tag[rows]))  # the project's spelling, not the manifest's
    columns = {name: taken.column(name) for name in SCHEMA.names if name in taken.column_names}
    return _rows(len(rows), **columns | {"kind": kind, "item": item, "tag": tag, "image_id": image_id})


def _remove_rows(sides: _Sides, rows: Rows) -> pa.Table:
    labels = sides.snapshot.labels.take(pa.array(rows))
    image = labels.column("image").combine_chunks()
    names = pa.array(sides.names.names, pa.string())
    return _rows(
        len(rows),
        kind=Kind.REMOVE_LABEL,
        item=image.cast(pa.int64()),
        key=sides.image_keys().take(image),
        image_id=sides.snapshot.images.column("image_id").combine_chunks().take(image),
        tag=names.take(pa.array(sides.present_tag[rows])),
        region_id=labels.column("region_id"),
        **{name: labels.column(name) for name in BOX},
    )


def _delete_rows(sides: _Sides, images: Rows) -> pa.Table:
    at = pa.array(images)
    return _rows(
        len(images),
        kind=Kind.DELETE_IMAGE,
        item=images,
        key=sides.image_keys().take(at),
        image_id=sides.snapshot.images.column("image_id").combine_chunks().take(at),
    )


def _rows(count: int, *, kind: Kind, **columns: Any) -> pa.Table:
    arrays = []
    for field in SCHEMA:
        value = np.full(count, kind, np.int8) if field.name == "kind" else columns.get(field.name)
        if value is None:
            value = pa.nulls(count, pa.string() if field.type == TEXT else field.type)
        if not isinstance(value, pa.Array | pa.ChunkedArray):
            value = pa.array(value)
        if field.type == TEXT and not pa.types.is_dictionary(value.type):
            value = value.dictionary_encode()
        if isinstance(value, pa.ChunkedArray):
            value = value.combine_chunks() if value.num_chunks else pa.array([], field.type)
        arrays.append(value.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def boxes(table: pa.Table, rows: Rows) -> NDArray[np.float32]:
    """Give the boxes of some rows as n × 4, ``NO_BOX`` where there is none."""
    columns = [np.asarray(pc.fill_null(table.column(name), NO_BOX))[rows] for name in BOX]
    return np.column_stack(columns).astype(np.float32, copy=False)


def _lookup(keys: pa.Array, known_keys: pa.ChunkedArray, known_image: Rows) -> Rows:
    return _apply_codes(known_image, _codes(pc.index_in(keys, known_keys)))


def _apply_codes(values: Rows, codes: Rows) -> Rows:
    """Translate codes, -1 to -1."""
    return np.append(values, np.int64(-1))[codes]


def _codes(indices: Any) -> Rows:
    return np.asarray(pc.fill_null(indices, -1)).astype(np.int64)


def _indices(codes: Rows) -> pa.Array:
    """Arrow positions from codes, null where the code is -1."""
    return pa.array(codes, mask=codes < 0)
