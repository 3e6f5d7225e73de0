"""What two data sets do not have in common, told from the plan that would make them equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cvsync.events import without_query
from cvsync.labels import METADATA, Labels, codes_of
from cvsync.plan.actions import Action, Kind
from cvsync.plan.plan import Plan


class Differs(StrEnum):
    """How a project differs from what it is compared with."""

    IMAGE_MISSING = "image missing"
    IMAGE_EXTRA = "image extra"
    LABEL_MISSING = "label missing"
    LABEL_EXTRA = "label extra"
    TAG_MISSING = "tag missing"
    TAG_EXTRA = "tag extra"
    TAG_DIFFERS = "tag differs"  # in its type or description
    PROJECT = "project differs"  # in its type
    METADATA = "metadata differs"
    VERSION = "version differs"  # of the content, as manifest and ledger tell it
    CONTENT = "content differs"
    UNREADABLE = "content unreadable"
    ROW = "row unusable"  # so it cannot be compared


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same on both sides."""

    kind: Differs
    image: str
    """What a person calls the image, the tag or the project."""
    image_id: str | None = None
    detail: str = ""


_KINDS = {
    Kind.CREATE_IMAGE: Differs.IMAGE_MISSING,
    Kind.DELETE_IMAGE: Differs.IMAGE_EXTRA,
    Kind.REPLACE_IMAGE: Differs.VERSION,
    Kind.ADD_LABEL: Differs.LABEL_MISSING,
    Kind.MAKE_ROOM: Differs.LABEL_EXTRA,
    Kind.REMOVE_LABEL: Differs.LABEL_EXTRA,
}


def label_differences(plan: Plan) -> Iterator[Difference]:
    """Tell the images and labels that a plan would change, one by one; each label is a difference."""
    for conflict in plan.conflicts:
        where = f"{conflict.source} row {conflict.row}: {conflict.code} {conflict.message}"
        yield Difference(Differs.ROW, without_query(conflict.key), None, where)
    for action in plan.actions(*_KINDS):
        yield from _of(action)


def _of(action: Action) -> Iterator[Difference]:
    kind = _KINDS[action.kind]
    if kind in (Differs.LABEL_MISSING, Differs.LABEL_EXTRA):
        for label in action.labels:
            yield Difference(kind, action.name, action.image_id, str(label))
    elif kind is Differs.IMAGE_MISSING:
        labels = ", ".join(map(str, action.labels)) or "no label"
        yield Difference(kind, action.name, None, labels)
    else:
        yield Difference(kind, action.name, action.image_id)


def metadata_differences(desired: Labels, present: Labels, image_of: dict[str, str]) -> Iterator[Difference]:
    """Tell the metadata that images have on one side only, or otherwise.

    Args:
        desired: What is wanted; only the metadata that it names is compared.
        present: What is there, with image ids as keys.
        image_of: For keys of ``desired`` their image id.
    """
    names = [METADATA + name for name in desired.metadata]
    if not names:
        return
    wanted, found = _first_rows(desired, names), _first_rows(present, names)
    for key, image_id in image_of.items():
        for name, want, have in zip(names, wanted[key], found[image_id], strict=True):
            if want is not None and want != have:
                told = f"{name.removeprefix(METADATA)}: {want!r}, not {have!r}"
                yield Difference(Differs.METADATA, without_query(key), image_id, told)


def _first_rows(labels: Labels, names: list[str]) -> dict[str, tuple[str | None, ...]]:
    """Give for each key the cells of its first row."""
    table = labels.first_rows
    empty = [None] * len(table)
    columns = [table.column(n).to_pylist() if n in table.column_names else empty for n in names]
    return dict(zip(labels.keys.to_pylist(), zip(*columns, strict=True), strict=True))


def count_tags(labels: Labels) -> Counter[str]:
    """Count labels by tag."""
    codes, names = codes_of(labels.table.column("tag"))
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    return Counter(dict(zip(names.to_pylist(), counts.tolist(), strict=True)))
