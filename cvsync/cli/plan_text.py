"""A plan as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cvsync.plan import Plan
    from cvsync.plan.quota import Tier

SHOWN = 5  # actions of a kind, before "and N more"
_TAGS = 8  # tags of a kind


def count(number: int, noun: str, what: str = "") -> str:
    """Say how many; nothing if there are none."""
    return f"{number:,} {noun}{'' if number == 1 else 's'} {what}".rstrip() if number else ""


def plan_line(facts: Mapping[str, Any]) -> str:
    """Sum a plan up in a line."""
    parts = [
        count(facts["rename_tag"], "tag", "to rename or describe"),
        count(facts["create_tag"], "tag", "to create"),
        count(facts["create_image"], "image", "to create"),
        count(facts["replace_image"], "image", "to replace"),
        count(facts["add_label"], "image", "to get labels"),
        count(facts["make_room"] + facts["remove_label"], "image", "to lose labels"),
        count(facts["delete_image"], "image", "to delete"),
        count(facts["set_metadata"], "image", "to get metadata"),
        f"{facts['unchanged']:,} unchanged",
        facts["unmanaged"] and f"{facts['unmanaged']:,} unmanaged, left alone",
        facts["adopted"] and f"{facts['adopted']:,} unmanaged, known by their ids from now on",
        facts["drifted"] and f"{facts['drifted']:,} edited in the project since the last run",
    ]
    return ", ".join(part for part in parts if part)


def plan_lines(
    plan: Plan, facts: Mapping[str, Any], tier: Tier, *, everything: bool = False
) -> Iterator[str]:
    """Show a plan: by kind and tag with the first few actions of each, its cost, and what it leaves."""
    from cvsync.plan import Kind

    for kind in Kind:
        number = plan.counts[kind]
        if number:
            yield _heading(plan, kind)
            for action in islice(plan.actions(kind), None if everything else SHOWN):
                yield f"  {action}"
            if number > SHOWN and not everything:
                yield f"  … and {number - SHOWN:,} more (-v lists all)"
    if not plan.is_empty:
        yield _cost(facts)
    yield from _quota(plan, tier)
    if facts["unknown"] and facts["unmanaged"] + facts["adopted"]:
        yield (
            f"{facts['unknown']:,} keys are new to the ledger: where the project holds their picture "
            "already, that image gets their labels"
        )
    if facts["twins"]:
        yield f"{facts['twins']:,} keys are the same picture as another key, and share its image"
    yield plan_line(facts)


def _heading(plan: Plan, kind: Any) -> str:
    from cvsync.plan.quota import labels_by_tag

    tags = labels_by_tag(plan, kind)
    named = ", ".join(f"{tag} {number:,}" for tag, number in islice(tags.items(), _TAGS))
    more = f", {len(tags) - _TAGS} more tags" if len(tags) > _TAGS else ""
    return f"{kind.words}: {plan.counts[kind]:,}" + (f" ({named}{more})" if named else "")


def _cost(facts: Mapping[str, Any]) -> str:
    seconds = facts["seconds"]
    time = f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{max(seconds, 1):.0f} s"
    calls = facts["calls"]
    return f"about {calls:,} call{'' if calls == 1 else 's'}, {time} at the published limit"


def _quota(plan: Plan, tier: Tier) -> Iterator[str]:
    most = tier.extent
    before, after = plan.before, plan.after
    for noun, old, new, limit in (
        ("images", before.images, after.images, most and most.images),
        ("tags", before.tags, after.tags, most and most.tags),
    ):
        of = f" of {limit:,} ({tier.value})" if limit else ""
        yield f"{noun}: {old:,} now, {new:,} after{of}"
