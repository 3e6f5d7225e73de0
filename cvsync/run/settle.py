"""Images that were already there made certain: what they lack, and what they hold too often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cvsync.labels import fold
from cvsync.model import Image, ProjectType
from cvsync.plan.actions import Action, Box, Kind, Label
from cvsync.plan.diff import TOLERANCE
from cvsync.plan.fingerprint import NO_BOX
from cvsync.plan.images import TagAndBox
from cvsync.plan.match import LabelSet, unmatched
from cvsync.run.settings import Adopt


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that turned out to be an image of the project."""

    action: Action
    image_id: str
    sent: tuple[Label, ...]
    """The labels that went with it: the service may have merged them into the image."""
    is_ours: bool = False
    """Whether an earlier attempt of this run made the image."""


@dataclass(slots=True)
class Settled:
    """What is left to do."""

    add: list[Action] = field(default_factory=list)
    remove: list[Action] = field(default_factory=list)
    conflicts: list[tuple[Action, str, str]] = field(default_factory=list)
    """Keys that cannot have their labels: action, code, message."""
    kept: list[TagAndBox] = field(default_factory=list)
    """Labels of the image that none of these keys wants, and that stay."""


@dataclass(frozen=True, slots=True)
class _Present:
    label: Label
    tag_id: str | None = None
    """None: it is not there yet."""
    region_id: str | None = None


def settle(
    type_: ProjectType,
    image: Image,
    duplicates: Sequence[Duplicate],
    names: Mapping[str, str],
    adopt: Adopt = Adopt.ADD,
    *,
    others: Sequence[Label] = (),
) -> Settled:
    """Compare an image that was already there with what its keys want.

    Labels are added. They are removed only where a duplicate merged an identical box in once more, or where
    the caller has labels replaced.

    Args:
        type_: Of the project.
        image: As it is now.
        duplicates: The keys that turned out to be it.
        names: Tag id -> folded name.
        adopt: What becomes of labels that no key wants.
        others: Labels that keys want which turned out to be it before; to bring them is seen to already.
    """
    settled = Settled()
    present = _present(type_, image, names)
    surplus = _merged_twice(present, duplicates)
    left = [p for p in present if p not in surplus]
    if not any(d.is_ours for d in duplicates):
        wanted = [*others, *(label for d in duplicates for label in d.action.labels)]
        _, unwanted = differences(wanted, _labels(left))
        if adopt is Adopt.REPLACE:
            surplus += [left[i] for i in unwanted]
            left = [p for p in left if p not in surplus]
        else:
            kept = [left[i] for i in unwanted]
            settled.kept = [(p.tag_id, p.label.box) for p in kept if p.tag_id is not None]
    for duplicate in duplicates:
        action = duplicate.action
        tags = {fold(p.label.tag) for p in left}
        if type_ is ProjectType.MULTICLASS and tags and not {fold(w.tag) for w in action.labels} <= tags:
            message = f"the same picture is in the project with tag {', '.join(sorted(tags))}"
            settled.conflicts.append((action, "E120", message))
            continue
        add, _ = differences(action.labels, _labels(left))
        if add:
            settled.add.append(relabel(action, image.id, add))
            left += [_Present(action.labels[i]) for i in add]
    if surplus:
        settled.remove.append(
            Action(
                Kind.REMOVE_LABEL,
                duplicates[0].action.key,
                tuple(p.label for p in surplus),
                image_id=image.id,
                region_ids=tuple(p.region_id for p in surplus),
            )
        )
    return settled


def relabel(action: Action, image_id: str, positions: Sequence[int]) -> Action:
    """Give the action that adds some of an action's labels to the image that it is about."""
    labels, origins = tuple(action.labels[n] for n in positions), action.origins
    if len(origins) == len(action.labels):  # a refusal names the row of its own label
        origins = tuple(origins[n] for n in positions)
    return Action(Kind.ADD_LABEL, action.key, labels, image_id=image_id, origins=origins)


def _present(type_: ProjectType, image: Image, names: Mapping[str, str]) -> list[_Present]:
    if type_ is ProjectType.DETECTION:
        regions = sorted(image.regions, key=lambda r: r.region_id or "")  # whoever looks chooses the same
        boxes = [Box(r.left, r.top, r.width, r.height) for r in regions]
        return [
            _Present(Label(names.get(r.tag_id, r.tag_id), box), r.tag_id, r.region_id)
            for r, box in zip(regions, boxes, strict=True)
        ]
    return [_Present(Label(names.get(t.tag_id, t.tag_id)), t.tag_id) for t in image.tags]


def _merged_twice(present: Sequence[_Present], duplicates: Sequence[Duplicate]) -> list[_Present]:
    """Find the boxes that were sent with a duplicate and that the image holds oftener than any key wants."""
    sent = {_identity(label) for d in duplicates for label in d.sent if label.box}
    if not sent:
        return []
    wanted: Counter[tuple[str, Box | None]] = Counter()
    for duplicate in duplicates:
        wanted |= Counter(_identity(label) for label in duplicate.action.labels)
    surplus = []
    for item in present:
        identity = _identity(item.label)
        if identity in sent:
            wanted[identity] -= 1
            if wanted[identity] < 0:
                surplus.append(item)
    return surplus


def _identity(label: Label) -> tuple[str, Box | None]:
    box = label.box
    return fold(label.tag), None if box is None else Box(*(float(np.float32(side)) for side in box))


def _labels(present: Sequence[_Present]) -> list[Label]:
    return [item.label for item in present]


def differences(wanted: Sequence[Label], present: Sequence[Label]) -> tuple[list[int], list[int]]:
    """Give the places of labels of an image without a partner on the other side, for either side."""
    if not wanted or not present or _counted(wanted) == _counted(present):
        same = bool(wanted) == bool(present)
        return ([], []) if same else ([*range(len(wanted))], [*range(len(present))])
    codes: dict[str, int] = {}
    add, remove = unmatched(_coded(wanted, codes), _coded(present, codes), tolerance=TOLERANCE)
    return add.tolist(), remove.tolist()


def _counted(labels: Sequence[Label]) -> Counter[tuple[str, Box | None]]:
    return Counter(map(_identity, labels))


def _coded(labels: Sequence[Label], codes: dict[str, int]) -> LabelSet:
    tag = [codes.setdefault(fold(label.tag), len(codes)) for label in labels]
    box = [label.box or (NO_BOX,) * 4 for label in labels]
    return LabelSet(
        np.zeros(len(labels), np.int64),
        np.array(tag, np.int64),
        np.array(box, np.float32).reshape(len(labels), 4),
    )
