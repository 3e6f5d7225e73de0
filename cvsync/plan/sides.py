"""Both sides of a diff as codes: keys, images and tags are numbers that mean the same on either side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.errors import PlanError
from cvsync.known import KnownImages
from cvsync.labels import Codes, Labels, codes_of, fold, one_chunk
from cvsync.model import NEGATIVE
from cvsync.parallel import look_up, together
from cvsync.plan.actions import NewTag, TagRename
from cvsync.plan.coded import Coded, Mask, boxes, fingerprints
from cvsync.plan.fingerprint import tag_hashes
from cvsync.plan.match import LabelSet, Rows
from cvsync.plan.tags import TagNames, possible_renames
from cvsync.snapshot import Snapshot


class _Looks(NamedTuple):
    known_image: Codes
    known_row: Codes
    fingerprints: NDArray[np.int64]


@dataclass(eq=False)
class Sides:
    """What is wanted, what is there, and which key is which image.

    An image is its position in the snapshot, a key its position in ``desired.keys``; -1 stands for none.
    """

    desired: Labels
    snapshot: Snapshot
    known: KnownImages
    incomplete: Collection[str] = ()
    kept: Collection[str | None] = ()
    renames: Mapping[str, str] | None = None
    tags: Sequence[NewTag] = ()

    def __post_init__(self) -> None:
        renamed, names = _renamed(self.snapshot, self.renames or {})
        self.tag_renames = _described(self.snapshot, renamed, names, self.tags)
        self.names = TagNames(names)
        codes, values = codes_of(self.desired.table.column("tag"))
        self.desired_tag = apply_codes(np.array(self.names.codes(values.to_pylist()), np.int32), codes)
        self.told_tags = dict(zip(self.names.codes(tag.name for tag in self.tags), self.tags, strict=True))
        """By code, what is told of tags beside the labels."""
        codes, values = codes_of(self.snapshot.labels.column("tag_id"))
        position = {tag.id: code for code, tag in enumerate(self.snapshot.tags)}
        tags = [position[value] for value in values.to_pylist()]
        self.present_tag = apply_codes(np.array(tags, np.int32), codes)

    @property
    def known_image(self) -> Codes:
        """For each row of the ledger its image."""
        return self._looks.known_image

    @property
    def known_row(self) -> Codes:
        """For each key its row in the ledger."""
        return self._looks.known_row

    @property
    def fingerprints(self) -> NDArray[np.int64]:
        """For each image the fingerprint of all its labels."""
        return self._looks.fingerprints

    @cached_property
    def _looks(self) -> _Looks:
        """Three looks at everything that need nothing of each other."""
        ids, keys, known = self.image_ids, self.desired.keys, self.known.table
        found = together(
            lambda: as_codes(pc.index_in(known.column("image_id"), ids)),
            lambda: as_codes(pc.index_in(keys, known.column("key"))),
            lambda: fingerprints(self.snapshot),
        )
        return _Looks(*found)

    @cached_property
    def key_image(self) -> Codes:
        """For each key its image: as the ledger knows it, else as the manifest or an earlier pull hints."""
        found = apply_codes(self.known_image, self.known_row)
        hints, pulled = self.first_of_key("image_id"), self.known.pulled
        if hints is not None:
            found = np.where(found < 0, as_codes(pc.index_in(hints, self.image_ids)), found)
        if len(pulled):
            row = as_codes(pc.index_in(self.desired.keys, pulled.column("key")))
            image = as_codes(pc.index_in(pulled.column("image_id"), self.image_ids))
            found = np.where(found < 0, apply_codes(image, row), found)
        return found

    @cached_property
    def lost(self) -> Mask:
        """For each key whether the ledger knows an image that the project no longer has."""
        return (self.known_row >= 0) & (self.key_image < 0)

    @cached_property
    def versions(self) -> pa.Array | None:
        """For each key the version that the manifest tells, if it tells any."""
        return self.first_of_key("version")

    @cached_property
    def replaced(self) -> Mask:
        """For each key whether the manifest tells another version than the ledger."""
        if self.versions is None or not self.known.table.num_rows:
            return np.zeros(len(self.desired.keys), bool)
        before = one_chunk(self.known.table.column("version")).take(as_positions(self.known_row))
        differs = pc.not_equal(self.versions, before)
        return np.asarray(pc.fill_null(differs, False)) & (self.key_image >= 0)

    @cached_property
    def row_image(self) -> Codes:
        """For each row of the manifest the image that it labels; a replaced one counts as none."""
        return look_up(np.where(self.replaced, np.int32(-1), self.key_image), self.desired.key_codes)

    @cached_property
    def named(self) -> Mask:
        """For each image whether a key of the manifest is it."""
        flags = np.zeros(len(self.snapshot), bool)
        flags[self.key_image[(self.key_image >= 0) & ~self.replaced]] = True
        return flags

    @property
    def twins(self) -> int:
        """How many keys are the same image as another key."""
        return int(((self.key_image >= 0) & ~self.replaced).sum()) - int(self.named.sum())

    @cached_property
    def managed(self) -> Mask:
        """For each image whether a key that the ledger knows, or one of the manifest, is it."""
        flags = np.zeros(len(self.snapshot), bool)
        flags[self.known_image[self.known_image >= 0]] = True
        flags[self.key_image[self.key_image >= 0]] = True
        return flags

    @cached_property
    def present_image(self) -> Codes:
        """For each label of the snapshot its image."""
        return np.asarray(self.snapshot.labels.column("image"))

    @cached_property
    def is_incomplete(self) -> Mask:
        """For each image whether a row of it could not be read."""
        flags = np.zeros(len(self.snapshot), bool)
        if self.incomplete:
            keys = pa.array(list(self.incomplete), pa.string())
            pulled = self.known.pulled
            ways = (
                (self.known_image, self.known.table.column("key")),
                (self.key_image, self.desired.keys),
                (as_codes(pc.index_in(pulled.column("image_id"), self.image_ids)), pulled.column("key")),
                (np.arange(len(self.snapshot), dtype=np.int32), self.image_ids),
            )
            for images_of, names in ways:
                images = apply_codes(images_of, as_codes(pc.index_in(keys, names)))
                flags[images[images >= 0]] = True
        return flags

    def is_kept(self, tags: Codes) -> Mask:
        """Tell of which tags no label may be removed."""
        if None in self.kept:
            return np.ones(len(tags), bool)
        kept = {*map(fold, filter(None, self.kept))}
        return look_up(np.array([fold(name) in kept for name in self.names.names], bool), tags)

    @cached_property
    def _row_of_image(self) -> Codes:
        row_of = np.full(len(self.snapshot), -1, np.int32)
        rows = np.flatnonzero(self.known_image >= 0)
        row_of[self.known_image[rows]] = rows
        return row_of

    def keys_of(self, images: Codes | Rows) -> pa.Array:
        """Give for some images a key that each is, or null."""
        return one_chunk(self.known.table.column("key")).take(as_positions(self._row_of_image[images]))

    @cached_property
    def image_ids(self) -> pa.Array:
        """For each image its id."""
        return one_chunk(self.snapshot.images.column("image_id"))

    def wanted_fingerprints(self, rows: Mask) -> NDArray[np.int64]:
        """For each image the fingerprint of what some rows of the manifest want on it."""
        ids = [tag.id for tag in self.snapshot.tags]
        tags = tag_hashes([*ids, *(f"new {name}" for name in self.names.new)])
        labels = Coded(self.desired.table, self.row_image, self.desired_tag, tags)
        return labels.fingerprints(len(self.snapshot), rows)

    def wanted(self, rows: Rows) -> LabelSet:
        """Give some rows of the manifest as labels of their images."""
        return LabelSet(self.row_image[rows], self.desired_tag[rows], boxes(self.desired.table, rows))

    def present(self, rows: Rows) -> LabelSet:
        """Give some labels of the snapshot."""
        return LabelSet(self.present_image[rows], self.present_tag[rows], boxes(self.snapshot.labels, rows))

    def new_tags(self) -> tuple[NewTag, ...]:
        """Give the tags that the project lacks, with the type that the manifest tells.

        Raises:
            PlanError: The manifest tells another type of a tag than the project has, or two types of one.
        """
        types = self._tag_types()
        clashes = [
            f"tag {tag.name} is {tag.type} in the project and {types[code]} in the manifest"
            for code, tag in enumerate(self.snapshot.tags)
            if tag.type and types.get(code, tag.type) != tag.type
        ]
        if clashes:
            raise PlanError("; ".join(clashes) + "; rename the one or delete the other")
        first = len(self.snapshot.tags)
        told = self.told_tags
        return tuple(
            NewTag(name, types.get(code), told[code].description if code in told else None)
            for code, name in enumerate(self.names.new, first)
        )

    def is_negative(self) -> Mask:
        """For each tag whether it says that there is nothing on the image."""
        types = self._tag_types() | {n: tag.type for n, tag in enumerate(self.snapshot.tags) if tag.type}
        flags = np.zeros(len(self.names.names), bool)
        flags[[code for code, type_ in types.items() if type_ == NEGATIVE]] = True
        return flags

    def _tag_types(self) -> dict[int, str]:
        types = {code: tag.type for code, tag in self.told_tags.items() if tag.type}
        column = self.desired.column("tag_type")
        if column is None:
            return types
        codes, values = codes_of(column)
        pairs = np.unique(np.c_[self.desired_tag, codes][(codes >= 0) & (self.desired_tag >= 0)], axis=0)
        for tag, code in pairs.tolist():
            type_ = values[code].as_py()
            if types.setdefault(tag, type_) != type_:
                name = self.names.names[tag]
                raise PlanError(f"the manifest says of tag {name} both {types[tag]} and {type_}")
        return types

    def first_of_key(self, name: str) -> pa.Array | None:
        """Give the first cell of a column that each key has, null where it has none."""
        column = self.desired.column(name)
        if column is None:
            return None
        codes, values = codes_of(column)
        rows = np.flatnonzero(codes >= 0)[::-1]
        first = np.full(len(self.desired.keys), -1, np.int32)
        first[self.desired.key_codes[rows]] = codes[rows]
        return values.take(as_positions(first))


def _renamed(snapshot: Snapshot, renames: Mapping[str, str]) -> tuple[dict[str, TagRename], list[str]]:
    """Give the renames that are still to be done, and the project's tag names after them."""
    tags = {fold(tag.name): tag for tag in snapshot.tags}
    present = {old: new for old, new in renames.items() if fold(old) in tags}  # else: renamed before
    possible = possible_renames(present, tags)
    for old, new in present.items():
        if old not in possible:
            raise PlanError(f"--rename {old}={new}: the project has both tags; give images one of them first")
    pairs = ((tags[fold(old)], new) for old, new in possible.items())
    done = {tag.id: TagRename(tag.id, tag.name, new) for tag, new in pairs if tag.name != new}
    return done, [done[t.id].new if t.id in done else t.name for t in snapshot.tags]


def _described(
    snapshot: Snapshot, renamed: Mapping[str, TagRename], names: Sequence[str], told: Sequence[NewTag]
) -> tuple[TagRename, ...]:
    """Add the descriptions that tags of the project are to have to what is to be changed of them."""
    wanted = {fold(tag.name): tag.description for tag in told if tag.description is not None}
    changes = dict(renamed)
    for tag, name in zip(snapshot.tags, names, strict=True):
        description = wanted.get(fold(name), tag.description or "")
        if description != (tag.description or ""):
            changes[tag.id] = TagRename(tag.id, tag.name, name, description)
    return tuple(changes.values())


def apply_codes(values: Codes, codes: Codes) -> Codes:
    """Translate codes, -1 to -1."""
    return look_up(np.append(values, np.int32(-1)), codes)


def as_codes(positions: Any) -> Codes:
    """Arrow positions as codes, null as -1."""
    return np.asarray(pc.fill_null(positions, -1))


def as_positions(codes: Codes) -> pa.Array:
    """Codes as Arrow positions, -1 as null."""
    return pa.array(codes, mask=codes < 0)
