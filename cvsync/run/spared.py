"""Labels that a plan removes, while a new key of it has turned out to be their image and wants them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from cvsync.plan.actions import Action, Kind, Label
from cvsync.plan.plan import Plan
from cvsync.run.ledger_runs import STEPS
from cvsync.run.settle import differences
from cvsync.run.work import Work

_AT_ONCE = 256  # actions


def still_to_remove(work: Work, plan: Plan) -> Iterator[Action]:
    """Give the removals of a plan, but for labels that its new images turned out to need; asked for late.

    The plan could not know that a new key is a picture of the project. The next one sees both keys.
    """
    actions = plan.actions(Kind.REMOVE_LABEL)
    if not plan.counts[Kind.CREATE_IMAGE] + plan.counts[Kind.REPLACE_IMAGE]:
        yield from actions
        return
    while some := [*islice(actions, _AT_ONCE)]:
        wanted = _wanted(work, plan, [action.image_id or "" for action in some])
        for action in some:
            yield from _without(work, action, wanted.get(action.image_id or "", ()))


def _wanted(work: Work, plan: Plan, image_ids: Sequence[str]) -> Mapping[str, Sequence[Label]]:
    """Give the labels that new images of a plan brought to images of the project."""
    found = work.ledger.confirmed_by(work.run_id, image_ids)
    if not found:
        return {}
    named = work.ledger.keys_of([*found])
    image_of = {key: image_id for image_id, keys in named.items() for key, _ in keys}
    wanted: dict[str, list[Label]] = defaultdict(list)
    for action in plan.images_of(image_of):
        if (image_id := image_of[action.key or ""]) != action.image_id:  # else: it is yet to be replaced
            wanted[image_id] += action.labels
    return wanted


def _without(work: Work, action: Action, wanted: Sequence[Label]) -> Iterator[Action]:
    """Give a removal without the labels that are wanted, if any are left."""
    gone, _ = differences(action.labels, wanted)
    if spared := len(action.labels) - len(gone):
        work.ledger.note(work.run_id, action.kind.words, counts={STEPS: spared}, state="void")
    if gone:
        labels, regions = [action.labels[n] for n in gone], action.region_ids
        yield action._replace(
            labels=tuple(labels), region_ids=tuple(regions[n] for n in gone) if regions else ()
        )
