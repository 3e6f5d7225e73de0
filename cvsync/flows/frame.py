"""How a project differs from its reference in what images stand in: its type and its tags."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cvsync.flows.reference import Reference
from cvsync.labels import Labels, codes_of, fold
from cvsync.model import ProjectType
from cvsync.plan.differences import Difference, Differs, count_tags
from cvsync.snapshot import Snapshot


def type_differences(reference: Reference, snapshot: Snapshot) -> Iterator[Difference]:
    """Tell of a project that learns otherwise than the one that it is compared with.

    Nothing else may tell of it: images with one tag each look the same in a multilabel project, and the model
    is another. A manifest says nothing of types, and how a project classifies is not always told.
    """
    other = reference.contents
    if other is None or other.type is snapshot.type:
        return
    both = (other, snapshot)
    is_told = all(side.project.settings.classification_type is not None for side in both)
    if is_told or ProjectType.DETECTION in (other.type, snapshot.type):
        told = f"type: {str(other.type)!r}, not {str(snapshot.type)!r}"
        yield Difference(Differs.PROJECT, snapshot.project.name, None, told)


def tag_differences(reference: Reference, snapshot: Snapshot, *, extra_is_fine: bool) -> Iterator[Difference]:
    """Tell the tags that one side has alone, or of another type or with another description."""
    there = {fold(tag.name): tag for tag in snapshot.tags}
    if reference.contents is None:
        types = _told_types(reference.labels)
        for name in count_tags(reference.labels):
            if fold(name) not in there:
                yield Difference(Differs.TAG_MISSING, name)
                continue
            its = there[fold(name)].type
            if its and types.get(fold(name), its) != its:
                yield Difference(Differs.TAG_DIFFERS, name, None, f"type: {types[fold(name)]!r}, not {its!r}")
        return
    here = {fold(tag.name): tag for tag in reference.contents.tags}
    for name, tag in here.items():
        if name not in there:
            yield Difference(Differs.TAG_MISSING, tag.name)
            continue
        other = there[name]
        for what, mine, its in (
            ("type", tag.type or other.type, other.type or tag.type),
            ("description", tag.description or "", other.description or ""),
        ):
            if mine != its:
                yield Difference(Differs.TAG_DIFFERS, tag.name, None, f"{what}: {mine!r}, not {its!r}")
    for name, tag in there.items():
        if name not in here and not extra_is_fine:
            yield Difference(Differs.TAG_EXTRA, tag.name)


def _told_types(labels: Labels) -> dict[str, str]:
    """Give the types that rows tell of their tags, by folded name."""
    column = labels.column("tag_type")
    if column is None:
        return {}
    (tags, names), (types, values) = codes_of(labels.table.column("tag")), codes_of(column)
    pairs = np.unique(np.c_[tags, types][(tags >= 0) & (types >= 0)], axis=0)
    return {fold(names[tag].as_py()): values[type_].as_py() for tag, type_ in pairs.tolist()}
