"""What a plan would make of the service's limits on a project, and what it costs in calls."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import ceil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync import limits
from cvsync.errors import GuardError
from cvsync.plan.actions import Kind
from cvsync.plan.plan import Extent, Plan

_NOTHING = Extent(0, 0)


class Tier(Enum):
    """The pricing tier of a resource; it cannot be asked of the service."""

    S0 = "S0"
    F0 = "F0"
    NONE = "none"  # nothing is checked

    @property
    def extent(self) -> Extent | None:
        """The most that a project may hold."""
        return {
            Tier.S0: Extent(limits.MAX_IMAGES_S0, limits.MAX_TAGS_S0),
            Tier.F0: Extent(limits.MAX_IMAGES_F0, limits.MAX_TAGS_F0),
        }.get(self)


def check_quota(plan: Plan, tier: Tier) -> None:
    """Refuse a plan that cannot fit; a project that is over its quota already may still shrink.

    Raises:
        GuardError: The project would hold more images or tags than its tier allows.
    """
    check_extent(plan.after, tier, before=plan.before)


def check_extent(after: Extent, tier: Tier, *, before: Extent = _NOTHING) -> None:
    """Refuse what a project cannot come to hold, as ``check_quota`` does.

    Raises:
        GuardError: It is more images or tags than the tier allows, and than there were before.
    """
    most = tier.extent
    if most is None:
        return
    for noun, was, count, limit in (
        ("images", before.images, after.images, most.images),
        ("tags", before.tags, after.tags, most.tags),
    ):
        if count > max(was, limit):
            raise GuardError(
                f"the project would hold {count:,} {noun}; a project of tier {tier.value} may hold {limit:,} "
                "(--quota says which tier, or none); nothing was sent"
            )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan needs of the service."""

    calls: int
    """Requests that write, about: batches are packed when they are sent."""

    @property
    def seconds(self) -> float:
        """How long they take at the published rate."""
        return self.calls / limits.CALLS_PER_SECOND


def cost(plan: Plan) -> Cost:
    """Estimate the calls of a plan."""
    counts = plan.counts
    new_images = counts[Kind.CREATE_IMAGE] + counts[Kind.REPLACE_IMAGE]
    calls = len(plan.renames) + len(plan.new_tags) + ceil(new_images / limits.MAX_IMAGES_PER_BATCH)
    kinds = np.asarray(plan.table.column("kind"))
    boxed = np.asarray(pc.is_valid(plan.table.column("left")))
    adds = kinds == Kind.ADD_LABEL
    removes = np.isin(kinds, (Kind.MAKE_ROOM, Kind.REMOVE_LABEL))
    calls += ceil(int((adds & boxed).sum()) / limits.MAX_REGIONS_PER_CALL)
    calls += ceil(int((adds & ~boxed).sum()) / limits.MAX_IMAGE_TAGS_PER_CALL)
    calls += ceil(int((removes & boxed).sum()) / limits.MAX_REGIONS_PER_CALL)
    for count in _by_tag(plan.table, removes & ~boxed).values():
        calls += ceil(count / limits.MAX_TAGGED_IMAGES_PER_DELETE)
    calls += ceil(counts[Kind.SET_METADATA] / limits.IDS_PER_URL)
    calls += ceil(counts[Kind.DELETE_IMAGE] / limits.IDS_PER_URL)
    return Cost(calls + ceil(counts[Kind.REPLACE_IMAGE] / limits.IDS_PER_URL))


def labels_by_tag(plan: Plan, kind: Kind) -> dict[str, int]:
    """Count the labels of a plan's actions of one kind by tag, the most frequent first."""
    return _by_tag(plan.table, np.asarray(plan.table.column("kind")) == kind)


def _by_tag(table: pa.Table, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> dict[str, int]:
    found = pc.value_counts(table.column("tag").filter(pa.array(rows)))
    pairs = [(str(p["values"]), int(p["counts"])) for p in found.to_pylist() if p["values"] is not None]
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
