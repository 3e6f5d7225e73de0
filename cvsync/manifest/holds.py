"""What a format can hold of labels, and what is left out where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.labels import BOX, METADATA, Labels, same_texts, with_column
from cvsync.manifest.columns import SIZE
from cvsync.manifest.texts import Mask, Texts
from cvsync.model import NEGATIVE

EXACT = "exact"
CORNERS_EXACT = (
    "exact for numbers from 0.00000001, smaller ones to 16 decimals; "
    "an edge that rounding left beyond 1 ends at 1"
)
WHOLE_PIXELS = "whole pixels: an edge may move by half a pixel, and no box is thinner than one"
EVERY_COLUMN = frozenset({"key", "version", "tag_type", "image_id", "size", "metadata"})
_SHOWN = 3


@dataclass(frozen=True)
class Loss:
    """Something that a format cannot hold."""

    what: str
    count: int
    is_label: bool
    """Whether labels or images are lost, which needs leave; what goes with them is only listed."""
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        examples = f" ({', '.join(self.examples)}{', …' if self.count > len(self.examples) else ''})"
        return f"{self.count:,} {self.what}{examples if self.examples else ''}"


@dataclass(frozen=True, kw_only=True)
class Holds:
    """What a format can hold."""

    boxes: bool = True
    tags: bool = True
    """Of whole images."""
    both: bool = True
    """Boxes and tags of whole images in one data set."""
    several: bool = True
    """Several labels on one image."""
    urls: bool = True
    paths: bool = True
    needs_size: bool = False
    """Whether boxes are in pixels, so that their images need a size."""
    size_with_boxes: bool = False
    """Whether the size of images has a place beside boxes only."""
    columns: frozenset[str] = frozenset()
    """Of ``key``, ``version``, ``tag_type``, ``image_id``, ``size`` and ``metadata``."""
    bad_tags: str = ""
    """A regular expression of tags that cannot be written."""
    precision: str = EXACT

    @property
    def lacks(self) -> str:
        """Say what it cannot hold."""
        parts = [
            "" if self.boxes else "boxes",
            "" if self.tags else "tags of whole images",
            "" if self.both or not self.tags else "tags of whole images beside boxes",
            "" if self.several else "several tags on an image",
            "" if self.urls else "urls",
            "" if self.paths else "paths",
            "boxes of images without a size" if self.needs_size else "",
            *(column for column in sorted(EVERY_COLUMN - {"size"} - self.columns)),
        ]
        return ", ".join(part for part in parts if part) or "nothing"


@dataclass
class Fitted:
    """The labels that a format can hold, and what they have lost."""

    labels: Labels
    losses: list[Loss] = field(default_factory=list)


def fit(labels: Labels, holds: Holds) -> Fitted:
    """Leave out what a format cannot hold.

    An image that loses all its labels stays, without a label; one that cannot be named goes.
    """
    fitted = Fitted(labels)
    _drop_images(fitted, holds)
    _drop_labels(fitted, holds)
    _drop_columns(fitted, holds)
    return fitted


def _drop_images(fitted: Fitted, holds: Holds) -> None:
    for name, other, is_held in (("url", "path", holds.urls), ("path", "url", holds.paths)):
        labels = fitted.labels
        if is_held or labels.table.column(name).null_count == len(labels):
            continue
        only = np.asarray(
            pc.and_(pc.is_valid(labels.table.column(name)), pc.is_null(labels.table.column(other)))
        )
        whole = f"images that have a {name} only"
        _lose(fitted, whole, only, images=True)
        left = fitted.labels.table
        count = len(left) - left.column(name).null_count
        if count:
            fitted.losses.append(Loss(f"{name}s of rows that have a {other} too", count, False))
            fitted.labels = Labels(with_column(left, name, Texts.nothing(len(left)).column))


def _drop_labels(fitted: Fitted, holds: Holds) -> None:
    labels = fitted.labels
    tag = Texts.of(labels.table.column("tag"))
    if holds.bad_tags:
        bad = tag.holding(tag.matches(holds.bad_tags))
        _lose(fitted, "labels whose tag cannot be written", bad)
    if not holds.boxes and fitted.labels.has_boxes:
        _lose_boxes(fitted)
    boxed = _boxed(fitted.labels)
    has_tag = np.asarray(pc.is_valid(fitted.labels.table.column("tag")))
    if not holds.tags or (not holds.both and boxed.any()):
        whole = has_tag & ~boxed
        _lose(fitted, "tags of whole images", whole)
    if holds.needs_size:
        boxed = _boxed(fitted.labels)
        unsized = boxed & ~_sized(fitted.labels)
        _lose(fitted, "boxes of images whose size is not known (--probe-size)", unsized)
    if not holds.several:
        _lose_others(fitted)


def _lose_boxes(fitted: Fitted) -> None:
    """Make tags of whole images of boxes."""
    table = fitted.labels.table
    count = len(table) - table.column(BOX[0]).null_count
    fitted.losses.append(Loss("boxes; their tags stay, as those of the image", count, True))
    for name in BOX:
        table = with_column(table, name, pa.nulls(len(table), pa.float32()))
    key, tag = fitted.labels.key_codes, Texts.of(table.column("tag")).codes.astype(np.int64)
    _, first = np.unique(np.stack([key, tag]), axis=1, return_index=True)
    fitted.labels = Labels(table).take(np.sort(first))


def _lose_others(fitted: Fitted) -> None:
    labels = fitted.labels
    has_tag = np.flatnonzero(np.asarray(pc.is_valid(labels.table.column("tag"))))
    first = np.full(len(labels.keys), -1, np.int64)
    first[labels.key_codes[has_tag[::-1]]] = has_tag[::-1]
    other = np.zeros(len(labels), bool)
    other[has_tag] = first[labels.key_codes[has_tag]] != has_tag
    _lose(fitted, "further tags of images that have several", other)


def _lose(fitted: Fitted, what: str, lost: Mask, *, images: bool = False) -> None:
    """Leave rows out; an image that would go with them stays as one without a label, unless images go."""
    if not lost.any():
        return
    labels = fitted.labels
    keys = labels.keys.take(pa.array(np.unique(labels.key_codes[lost])))
    examples = tuple(keys.slice(0, _SHOWN).to_pylist())
    fitted.losses.append(Loss(what, len(keys) if images else int(lost.sum()), True, examples))
    table, kept = labels.table, ~lost
    if not images:
        stays = np.zeros(len(labels.keys), bool)
        stays[labels.key_codes[kept]] = True
        alone = np.flatnonzero(~stays[labels.key_codes])
        alone = alone[np.unique(labels.key_codes[alone], return_index=True)[1]]
        kept[alone] = True
        table = _without_labels(table, alone)
    fitted.labels = Labels(table).take(kept)


def _without_labels(table: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    mask = np.zeros(len(table), bool)
    mask[rows] = True
    for name in ("tag", *BOX, "tag_type"):
        if name in table.column_names:
            if name in BOX:
                column = pc.if_else(pa.array(mask), None, table.column(name))
            else:
                texts = Texts.of(table.column(name))
                codes = np.where(mask, -1, texts.codes).astype(np.int32)
                column = Texts.from_codes(codes, texts.values).column
            table = with_column(table, name, column)
    return table


def _drop_columns(fitted: Fitted, holds: Holds) -> None:
    table = fitted.labels.table
    if holds.size_with_boxes and not fitted.labels.has_boxes:
        holds = replace(holds, columns=holds.columns - {"size"})
    gone = []
    for name in table.column_names:
        if name == "sha256" and name not in holds.columns:
            gone.append(name)
            if not same_texts(table.column(name), fitted.labels.column("version")):
                fitted.losses.append(
                    Loss("cells of sha256", len(table) - table.column(name).null_count, False)
                )
            continue
        group = "metadata" if name.startswith(METADATA) else "size" if name in SIZE else name
        if group not in EVERY_COLUMN - {"key"} or group in holds.columns:
            continue
        gone.append(name)
        count = len(table) - table.column(name).null_count
        if name == "tag_type":
            count = int(pc.sum(pc.equal(table.column(name).cast(pa.string()), NEGATIVE)).as_py() or 0)
        if count and group != "size":
            fitted.losses.append(Loss(f"cells of {name}", count, False))
    fitted.labels = Labels(table.drop_columns(gone)) if gone else fitted.labels


def _boxed(labels: Labels) -> Mask:
    return np.asarray(pc.is_valid(labels.table.column(BOX[0])))


def _sized(labels: Labels) -> Mask:
    columns = [labels.column(name) for name in SIZE]
    if any(column is None for column in columns):
        return np.zeros(len(labels), bool)
    known = np.zeros(len(labels.keys), bool)
    rows = np.asarray(pc.and_(*(column.is_valid() for column in columns if column is not None)))
    known[labels.key_codes[rows]] = True
    return known[labels.key_codes]


def label_losses(losses: Sequence[Loss]) -> list[Loss]:
    """Give those that need leave."""
    return [loss for loss in losses if loss.is_label]
