"""Plans made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from cvsync.labels import METADATA, TEXT
from cvsync.model import ProjectType
from cvsync.plan.actions import Action, Box, Kind, Label, NewTag, TagRename
from cvsync.plan.images import SentLabels, TagAndBox
from cvsync.plan.plan import SCHEMA, Extent, Plan


def make_plan(
    project_id: str,
    *actions: Action,
    type_: ProjectType = ProjectType.DETECTION,
    tags: Sequence[str | NewTag] = (),
    renames: Sequence[TagRename] = (),
    unmanaged: int = 0,
) -> Plan:
    """A plan of these actions, put into apply order."""
    ordered = sorted(enumerate(actions), key=lambda pair: pair[1].kind)
    rows = [row for item, action in ordered for row in _rows(item, action)]
    names = sorted({METADATA + name for action in actions for name, _ in action.metadata})
    schema = pa.schema([*SCHEMA, *(pa.field(name, TEXT) for name in names)])
    plain = pa.schema([pa.field(f.name, pa.string() if f.type == TEXT else f.type) for f in schema])
    return Plan(
        project_id=project_id,
        type=type_,
        new_tags=tuple(tag if isinstance(tag, NewTag) else NewTag(tag) for tag in tags),
        table=pa.Table.from_pylist(rows, schema=plain).cast(schema),
        unchanged=0,
        unknown=0,
        unmanaged=unmanaged,
        before=Extent(0, 0),
        renames=tuple(renames),
    )


def _rows(item: int, action: Action) -> list[dict[str, Any]]:
    head = {
        "kind": int(action.kind), "item": item, "key": action.key, "url": action.url, "path": action.path,
        "image_id": action.image_id, "version": action.version, "source": "m.csv", "row": item + 1,
    } | {METADATA + name: value for name, value in action.metadata}  # fmt: skip
    regions = action.region_ids or (None,) * len(action.labels)
    return [
        head
        | {"tag": label.tag, "region_id": region}
        | dict(zip(("left", "top", "width", "height"), label.box or (None,) * 4, strict=True))
        for label, region in zip(action.labels, regions, strict=True)
    ] or [head]


def create(name: str, *labels: Label, **facts: Any) -> Action:
    """A new image by URL."""
    return Action(Kind.CREATE_IMAGE, name, labels, url=f"https://pictures.test/{name}", **facts)


def box(tag: str, left: float = 0.1) -> Label:
    """A label with a box; another `left` makes another box."""
    return Label(tag, Box(left, 0.25, 0.5, 0.5))


def labels_of(sent: SentLabels, place: int) -> list[TagAndBox]:
    """Give what goes along with one image of a batch."""
    some = slice(sent.starts[place], sent.starts[place + 1])
    rows = zip(sent.tag_ids[some], *(side[some] for side in sent.sides), strict=True)
    return [(tag_id, Box(*sides) if sides[0] is not None else None) for tag_id, *sides in rows]
