"""What can only be seen across rows: repeats, spellings, contradictions, and images with too much."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync import limits
from cvsync.labels import BOX, METADATA, Labels, fold, with_column
from cvsync.manifest.columns import SIZE
from cvsync.manifest.problems import Found, Oddity, Problems
from cvsync.manifest.refused import ASTRAY, SAID, astray_at, said_at
from cvsync.manifest.repeats import has_many, repeats
from cvsync.manifest.texts import Mask, Positions, Texts
from cvsync.model import NEGATIVE

_BOXES, _TAGS = limits.MAX_REGIONS_PER_IMAGE, limits.MAX_TAGS_PER_IMAGE

Codes = NDArray[np.int32] | NDArray[np.int64]


@dataclass(eq=False)
class Tidied:
    """Labels without repeats and contradictions."""

    labels: Labels
    problems: list[Found] = field(default_factory=list)
    warnings: list[Oddity] = field(default_factory=list)
    refused: pa.Table = field(default_factory=SAID.empty_table)
    """The boxes that were refused; of tags, these rows are too many or contradict others."""
    bad_keys: frozenset[str] = frozenset()
    bad_images: frozenset[str] = frozenset()
    astray: pa.Table = field(default_factory=ASTRAY.empty_table)
    """Refused rows whose image is in doubt."""


def tidy(labels: Labels, *, places: Texts | None = None) -> Tidied:
    """Give each tag one spelling, drop what repeats, and take out what contradicts other rows.

    Args:
        labels: Of all files of the manifest, in their order.
        places: Where each row's image is, as a key would be made of it; None: the keys are made so.
    """
    work = _Work(labels)
    _one_spelling(work)
    _one_image_a_key(work, places)
    _one_version(work)
    _one_size(work)
    _one_tag_type(work)
    _one_metadata(work)
    _no_repeats(work)
    _not_too_many(work)
    return work.done()


class _Work:
    """Labels in the making."""

    def __init__(self, labels: Labels) -> None:
        self.table = labels.table
        self.key = Texts.of(labels.table.column("key"))
        self.tag = Texts.of(labels.table.column("tag"))
        self.bad: Mask = np.zeros(len(labels), bool)
        self.gone: Mask = np.zeros(len(labels), bool)
        """Rows that say nothing that others do not say."""
        self.astray: Positions = np.zeros(0, np.int64)
        """Refused rows whose key is of another image than their place."""
        self.problems: list[Found] = []
        self.warnings: list[Oddity] = []

    def texts(self, name: str) -> Texts | None:
        """Give a column as texts, if it is there."""
        return Texts.of(self.table.column(name)) if name in self.table.column_names else None

    def replace(self, name: str, column: pa.Array) -> None:
        """Put another column in the place of one."""
        self.table = with_column(self.table, name, column)

    def refuse(self, code: str, column: str, at: Positions) -> None:
        """Refuse rows."""
        if len(at):
            self.problems.append(self._found(code, column, at))
            self.bad[at] = True

    def warn(self, code: str, column: str, at: Positions, example: str = "") -> None:
        """Tell of rows."""
        if len(at):
            found = Problems([self._found(code, column, at)])
            self.warnings.append(Oddity(code, len(at), example, found))

    def done(self) -> Tidied:
        """Give what is left."""
        tidied = Tidied(Labels(self.table), self.problems, self.warnings)
        if self.bad.any():
            bad, ids = np.flatnonzero(self.bad), self.texts("image_id")
            tidied.bad_keys = frozenset(self.key.at(bad))
            tidied.bad_images = frozenset(ids.at(bad) if ids else ())
            has_box = np.asarray(self.table.column(BOX[0]).is_valid())
            tidied.refused = said_at(tidied.labels, np.flatnonzero(self.bad & has_box))
            tidied.astray = astray_at(self.tag, self.astray)
        gone = self.bad | self.gone
        if gone.any():
            tidied.labels = tidied.labels.take(~gone)
        return tidied

    def _found(self, code: str, column: str, at: Positions) -> Found:
        some = self.table.take(pa.array(at))
        name = column if column in some.column_names else "row"
        values = some.column(name).cast(pa.string())
        return Found(
            code,
            column,
            some.column("source").cast(pa.string()).combine_chunks(),
            np.asarray(some.column("row")),
            values.combine_chunks() if name == column else pa.nulls(len(at), pa.string()),
        )


def _one_spelling(work: _Work) -> None:
    names = work.tag.values.to_pylist()
    folded = [fold(name) for name in names]
    if len({*folded}) == len(names):
        return
    # In the order of the rows, so that the first spelling met is the one that stays.
    codes = work.tag.codes
    met = codes[np.sort(np.unique(codes, return_index=True)[1])]
    first: dict[str, str] = {}
    for code in met[met >= 0].tolist():
        first.setdefault(folded[code], names[code])
    spelled = [first.get(form, name) for form, name in zip(folded, names, strict=True)]
    other = np.array([name != right for name, right in zip(names, spelled, strict=True)])
    if not other.any():
        return
    example = names[int(np.flatnonzero(other)[0])]
    work.warn("W004", "tag", work.tag.rows(other), f"{example!r} is taken as {first[fold(example)]!r}")
    work.tag = work.tag.mapped(pa.array(spelled, pa.string()))
    work.replace("tag", work.tag.column)


def _one_image_a_key(work: _Work, places: Texts | None) -> None:
    """Find keys of two images, and images of two keys; a key that is made from the place is neither."""
    if places is None:
        return
    first = _first_codes(work.key.codes, places.codes, len(work.key.values))
    work.astray = np.flatnonzero(first[work.key.codes] != places.codes)
    work.refuse("E018", "key", work.astray)
    owner = _first_codes(places.codes, work.key.codes, len(places.values))
    work.warn("W011", "key", np.flatnonzero((owner[places.codes] != work.key.codes) & ~work.bad))


def _one_version(work: _Work) -> None:
    version = work.texts("version")
    if version is not None:
        first = _first_codes(work.key.codes, version.codes, len(work.key.values))
        work.refuse(
            "E030", "version", np.flatnonzero(~version.null & (first[work.key.codes] != version.codes))
        )


def _one_size(work: _Work) -> None:
    for name in SIZE:
        if name in work.table.column_names:
            sizes = np.asarray(pc.fill_null(work.table.column(name), -1))
            first = _first_codes(work.key.codes, sizes, len(work.key.values))
            work.refuse("E036", name, np.flatnonzero((sizes >= 0) & (first[work.key.codes] != sizes)))
    if set(SIZE) <= {*work.table.column_names}:
        width, height = (
            np.asarray(pc.fill_null(work.table.column(name), 1)).astype(np.int64) for name in SIZE
        )
        longer, shorter = np.maximum(width, height), np.minimum(width, height)
        large = (longer > limits.MAX_SIDE_PX) | (longer > shorter * limits.MAX_ASPECT_RATIO)
        known = np.asarray(pc.and_(*(work.table.column(name).is_valid() for name in SIZE)))
        work.warn("W014", SIZE[0], np.flatnonzero(large & known))


def _one_tag_type(work: _Work) -> None:
    """Give each tag one type, at most one of them Negative, and that alone on its images."""
    kinds = work.texts("tag_type")
    if kinds is None:
        return
    tag = work.tag.codes
    kind = _first_codes(tag, kinds.codes, len(work.tag.values))[tag]
    work.refuse("E029", "tag_type", np.flatnonzero(~work.tag.null & ~kinds.null & (kind != kinds.codes)))
    work.replace("tag_type", Texts.from_codes(kind.astype(np.int32), kinds.values).column)
    named = kinds.values.to_pylist()
    negative = kind == (named.index(NEGATIVE) if NEGATIVE in named else -2)
    at = np.flatnonzero(negative)
    if not len(at):
        return
    work.refuse("E028", "tag", at[tag[at] != tag[at[0]]])
    others = np.zeros(len(work.key.values), bool)
    others[work.key.codes[~work.tag.null & ~negative & ~work.bad]] = True
    clash = at[others[work.key.codes[at]] & ~work.bad[at]]
    work.refuse("E027", "tag", clash)


def _one_metadata(work: _Work) -> None:
    for name in [name for name in work.table.column_names if name.startswith(METADATA)]:
        texts = Texts.of(work.table.column(name))
        first = _first_codes(work.key.codes, texts.codes, len(work.key.values))[work.key.codes]
        other = ~texts.null & (first != texts.codes)
        if other.any():
            work.warn("W012", name, np.flatnonzero(other))
            codes = np.where(other, first, texts.codes).astype(np.int32)
            work.replace(name, Texts.from_codes(codes, texts.values).column)


def _no_repeats(work: _Work) -> None:
    key, tag = work.key.codes, work.tag
    if tag.column.null_count:
        # An image "without a label" that has labels in other rows: those count.
        labelled = np.zeros(len(work.key.values), bool)
        labelled[key[~tag.null]] = True
        needless = tag.null & labelled[key]
        work.gone |= needless
        work.warn("W017", "tag", np.flatnonzero(needless & ~work.bad))
    sides = [np.asarray(work.table.column(name)) for name in BOX]
    again = repeats([key, tag.codes, *sides])
    again = again[~(work.bad | work.gone)[again]]
    if len(again):
        boxed = np.asarray(work.table.column(BOX[0]).take(pa.array(again)).is_valid())
        work.gone[again[~boxed]] = True
        work.warn("W002", "tag", again[~boxed])
        work.warn("W003", BOX[0], again[boxed])


def _not_too_many(work: _Work) -> None:
    """Refuse what is over the limits of an image: what stands last in the manifest."""
    if not has_many(work.key.codes, min(_BOXES, _TAGS)):
        return
    alive = ~(work.bad | work.gone)
    boxed = np.flatnonzero(alive & np.asarray(work.table.column(BOX[0]).is_valid()))
    work.refuse("E031", BOX[0], boxed[_rank(work.key.codes[boxed]) >= _BOXES])
    tagged = np.flatnonzero(alive & ~work.bad & ~work.tag.null)
    pairs = work.key.codes[tagged].astype(np.int64) * len(work.tag.values) + work.tag.codes[tagged]
    distinct, first, which = np.unique(pairs, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(distinct), np.int64)
    rank[order] = _rank(work.key.codes[tagged[first[order]]])
    work.refuse("E032", "tag", tagged[rank[which] >= _TAGS])


def _rank(owners: Codes) -> NDArray[np.int64]:
    """Count for each row the rows before it that have the same owner."""
    order = np.argsort(owners, kind="stable")
    sorted_ = owners[order]
    is_first = np.append(True, sorted_[1:] != sorted_[:-1])[: len(owners)]
    starts = np.flatnonzero(is_first)
    rank = np.empty(len(owners), np.int64)
    rank[order] = np.arange(len(owners)) - np.repeat(starts, np.diff(np.append(starts, len(owners))))
    return rank


def _first_codes(owners: Codes, codes: Codes, count: int) -> NDArray[np.int64]:
    """Give for each owner the first code among its rows, -1 where there is none; negative codes are null.

    One more -1 stands at the end, where rows without an owner find it.
    """
    first = np.full(count + 1, -1, np.int64)
    used = np.flatnonzero((codes >= 0) & (owners >= 0))[::-1]
    first[owners[used]] = codes[used]
    return first
