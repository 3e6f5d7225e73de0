"""Which labels a project of some type cannot hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.labels import TEXT, Labels, codes_of
from cvsync.model import ProjectType
from cvsync.plan.match import Rows
from cvsync.plan.tags import TagNames

_KEY_AND_TAG = pa.schema([("key", TEXT), ("tag", TEXT)])


@dataclass(frozen=True, slots=True)
class Misfit:
    """A row that the project cannot hold."""

    position: int
    """In the labels."""
    code: str
    message: str


def infer_type(labels: Labels, refused: pa.Table) -> ProjectType:
    """Tell what kind of project a manifest is for.

    Boxes make it detection, several tags on one image multilabel, else multiclass.

    Args:
        labels: Its good rows.
        refused: The others, which it must hold once they are mended: columns ``key``, ``tag`` and ``left``.
    """
    if any(part.column("left").null_count < len(part) for part in (labels.table, refused)):
        return ProjectType.DETECTION
    whole = labels if not len(refused) else _together(labels.table, refused)
    return ProjectType.MULTILABEL if len(_several_tags(whole)) else ProjectType.MULTICLASS


def _together(*parts: pa.Table) -> Labels:
    """Put keys and tags together; refused rows may name no image."""
    table = pa.concat_tables([part.select(["key", "tag"]).cast(_KEY_AND_TAG) for part in parts])
    table = table.filter(pc.is_valid(table.column("key")))
    return Labels(table.unify_dictionaries().combine_chunks())


def misfits(labels: Labels, type_: ProjectType) -> Iterator[Misfit]:
    """Find the labels that a project of this type cannot hold; found before anything is sent."""
    has_tag = np.asarray(pc.is_valid(labels.table.column("tag")))
    has_box = np.asarray(pc.is_valid(labels.table.column("left")))
    if type_ is ProjectType.DETECTION:
        for row in np.flatnonzero(has_tag & ~has_box).tolist():
            yield Misfit(row, "E101", "a detection project needs a box with each tag")
        return
    for row in np.flatnonzero(has_box).tolist():
        yield Misfit(row, "E102", "a classification project holds no boxes")
    if type_ is ProjectType.MULTICLASS:
        for row in _several_tags(labels).tolist():
            yield Misfit(
                row, "E103", "a multiclass project holds one tag an image, and this image has several"
            )


def _several_tags(labels: Labels) -> Rows:
    """Rows of images that have more than one tag."""
    codes, values = codes_of(labels.table.column("tag"))
    tag = np.append(np.array(TagNames(()).codes(values.to_pylist()), np.int64), -1)[codes]
    tagged = np.flatnonzero(tag >= 0)
    low = np.full(len(labels.keys), np.iinfo(np.int64).max)
    high = np.full(len(labels.keys), -1, np.int64)
    np.minimum.at(low, labels.key_codes[tagged], tag[tagged])
    np.maximum.at(high, labels.key_codes[tagged], tag[tagged])
    return tagged[(low < high)[labels.key_codes[tagged]]]
