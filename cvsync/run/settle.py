"""Duplicate outcomes made certain: what an image that was already there lacks, or has too often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cvsync.api.client import Client
from cvsync.api.listing import fetch_images
from cvsync.labels import fold
from cvsync.model import Image, ProjectType
from cvsync.plan.actions import Action, Box, Kind, Label, Plan
from cvsync.plan.diff import TOLERANCE
from cvsync.plan.fingerprint import NO_BOX
from cvsync.plan.match import LabelSet, unmatched


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A new key that turned out to be an image of the project."""

    action: Action
    sent: tuple[Label, ...]
    """The labels that went with it: the service may have merged them into the image."""


@dataclass(slots=True)
class Settled:
    """What is left to do."""

    add: list[Action] = field(default_factory=list)
    remove: list[Action] = field(default_factory=list)
    conflicts: list[tuple[Action, str, str]] = field(default_factory=list)
    """Keys that cannot have their labels: action, code, message."""


@dataclass(frozen=True, slots=True)
class _Present:
    label: Label
    region_id: str | None


async def settle(
    client: Client,
    plan: Plan,
    duplicates: Mapping[str, Sequence[Duplicate]],
    *,
    tag_ids: Mapping[str, str],
) -> Settled:
    """Compare images that were already there with what their keys want.

    Labels are added. They are removed only where this run put them: an identical box that a duplicate
    merged in a second time.

    Args:
        client: Reads the images as they are now.
        plan: The plan that is being applied.
        duplicates: Image id -> the keys that turned out to be it.
        tag_ids: Folded tag name -> tag id.
    """
    names = {tag_id: name for name, tag_id in tag_ids.items()}
    settled = Settled()
    for image in await fetch_images(client, plan.project_id, list(duplicates)):
        _compare(plan, image, duplicates.get(image.id, ()), names, settled)
    return settled


def _compare(
    plan: Plan, image: Image, duplicates: Sequence[Duplicate], names: Mapping[str, str], settled: Settled
) -> None:
    present = _present(plan.type, image, names)
    tags = {fold(p.label.tag) for p in present}
    for duplicate in duplicates:
        action = duplicate.action
        if plan.type is ProjectType.MULTICLASS and tags and not {fold(w.tag) for w in action.labels} <= tags:
            message = f"the same picture is in the project with tag {', '.join(sorted(tags))}"
            settled.conflicts.append((action, "E120", message))
            continue
        add, _ = _differences(action.labels, [p.label for p in present])
        if add:
            labels = tuple(action.labels[i] for i in add)
            new = Action(Kind.ADD_LABEL, action.key, labels, image_id=image.id, origins=action.origins)
            settled.add.append(new)
            present += [_Present(label, None) for label in labels]
    surplus = _repeated(present) if any(d.sent for d in duplicates) else []
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


def _present(type_: ProjectType, image: Image, names: Mapping[str, str]) -> list[_Present]:
    if type_ is ProjectType.DETECTION:
        return [
            _Present(Label(names.get(r.tag_id, r.tag_id), Box(r.left, r.top, r.width, r.height)), r.region_id)
            for r in image.regions
        ]
    return [_Present(Label(names.get(t.tag_id, t.tag_id)), None) for t in image.tags]


def _repeated(present: Sequence[_Present]) -> list[_Present]:
    seen: set[tuple[str, Box | None]] = set()
    surplus = []
    for item in present:
        identity = (fold(item.label.tag), item.label.box)
        if identity in seen and item.region_id is not None:
            surplus.append(item)
        seen.add(identity)
    return surplus


def _differences(wanted: Sequence[Label], present: Sequence[Label]) -> tuple[list[int], list[int]]:
    codes: dict[str, int] = {}
    add, remove = unmatched(_coded(wanted, codes), _coded(present, codes), tolerance=TOLERANCE)
    return add.tolist(), remove.tolist()


def _coded(labels: Sequence[Label], codes: dict[str, int]) -> LabelSet:
    tag = [codes.setdefault(fold(label.tag), len(codes)) for label in labels]
    box = [label.box or (NO_BOX,) * 4 for label in labels]
    return LabelSet(
        np.zeros(len(labels), np.int64),
        np.array(tag, np.int64),
        np.array(box, np.float32).reshape(len(labels), 4),
    )
