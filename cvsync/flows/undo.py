"""Bringing back what a run deleted or replaced: `cvsync undo`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cvsync.api.both import both
from cvsync.api.listing import fetch_images
from cvsync.errors import SettingsError
from cvsync.flows.carry import Report, hold
from cvsync.flows.project import require_with_type
from cvsync.flows.service import Service
from cvsync.labels import METADATA, TEXT, fold
from cvsync.model import Image, Project, ProjectType
from cvsync.odd_names import is_odd
from cvsync.plan import Action, Box, Kind, Label, NewTag, Plan
from cvsync.plan.actions import Origin
from cvsync.plan.plan import SCHEMA, Extent
from cvsync.run.ledger import Ledger
from cvsync.run.marker import own_metadata
from cvsync.run.settings import RunSettings
from cvsync.run.settle import Duplicate, settle


@dataclass(frozen=True, slots=True)
class _Saved:
    """An image in the trash."""

    image_id: str
    keys: tuple[tuple[str, str | None], ...]
    """Each with its version."""
    is_replaced: bool
    file: Path
    labels: tuple[Label, ...]
    metadata: tuple[tuple[str, str], ...]
    tag_types: Mapping[str, str | None]


async def undo(
    service: Service, project_name: str, run_id: str, *, settings: RunSettings | None = None
) -> Report:
    """Bring back the images that a run deleted or replaced, with their labels; safe to repeat.

    They get new ids, and the ledger follows. Of an image whose key is in the project again, only labels that
    it lacks are added.

    Args:
        service: The resource.
        project_name: Name or id.
        run_id: The run whose deletions are undone.
        settings: How the images are sent.

    Raises:
        SettingsError: That run saved nothing, or it is damaged.
        MissingProjectError: There is no such project.
        LockedError: Another run works on this project.
        ServiceError: The service refused the run as a whole.
        TransportError: No answer came, however often it was tried.
    """
    project, type_ = await require_with_type(service, project_name)
    saved = await asyncio.to_thread(_read, service.folder(project.id) / "trash", run_id)
    with hold(service, project.id, settings) as carrier:
        await carrier.settle(type_)
        await carrier.carry_out(await _plan(service, carrier.ledger, project, type_, saved))
    return carrier.report


def _read(trash: Path, run_id: str) -> list[_Saved]:
    """Read what a run saved.

    Raises:
        SettingsError: It saved nothing, or it is damaged, or a plan cannot say where it is.
    """
    if is_odd(str(trash.absolute())):
        raise SettingsError(
            f"what runs saved is in {trash}, which is not UTF-8; rename it, and say so by --state-dir"
        )
    files = sorted((trash / run_id).glob("*.parquet")) if run_id and Path(run_id).name == run_id else []
    if not files:
        others = sorted(folder.parent.name for folder in trash.glob("*/000000.parquet"))
        there = f"; runs that did: {', '.join(others)}" if others else ""
        raise SettingsError(f"run {run_id!r} of this project saved nothing that could be undone{there}")
    rows: dict[str, list[dict[str, Any]]] = {}
    for file in files:
        for row in _rows_in(file):
            # An image that was saved twice, since the first deletion was refused, is the later one.
            found = rows.setdefault(row["image_id"], [])
            if found and found[0]["from"] != file:
                found.clear()
            found.append(row | {"from": file})
    return [_saved(image_rows) for image_rows in rows.values()]


def _rows_in(file: Path) -> list[dict[str, Any]]:
    try:
        with file.open("rb") as opened:  # Arrow opens no path that is not UTF-8
            found: list[dict[str, Any]] = pq.read_table(opened).to_pylist()
    except pa.ArrowException as error:
        raise SettingsError(
            f"{file} is damaged, so nothing was brought back; put it back from a copy, or move it away to "
            "bring back what the run's other files hold"
        ) from error
    return found


def _saved(rows: Sequence[Mapping[str, Any]]) -> _Saved:
    head = rows[0]
    labelled = [row for row in rows if row["tag"] is not None]
    return _Saved(
        head["image_id"],
        # An image without a key, as one that was not cvsync's, goes by its old id.
        tuple((k["key"], k["version"]) for k in head["keys"]) or ((head["image_id"], None),),
        head["reason"] == "replaced",
        (head["from"].parent / head["file"]).absolute(),  # an action's path is relative to where it was read
        tuple(Label(row["tag"], _box(row)) for row in labelled),
        own_metadata(tuple((m["name"], m["value"]) for m in head["metadata"] or ())),
        {row["tag"]: row["tag_type"] for row in labelled},
    )


def _box(row: Mapping[str, Any]) -> Box | None:
    if row["left"] is None:
        return None
    return Box(row["left"], row["top"], row["width"], row["height"])


@dataclass(frozen=True, slots=True)
class _Now:
    """What is there now."""

    type: ProjectType
    known: Mapping[str, Mapping[str, Any]]
    """The ledger's row of each key."""
    present: Mapping[str, Image]
    """By id, those that the ledger knows by one of the keys."""
    names: Mapping[str, str]
    """Tag id -> folded name."""

    def actions(self, image: _Saved, key: str, version: str | None) -> Iterator[Action]:
        """Say what brings one key's image back."""
        known, file = self.known.get(key), str(image.file)
        origins = (Origin(file, 1),)
        new = Action(
            Kind.CREATE_IMAGE, key, image.labels, path=file, version=version, metadata=image.metadata,
            origins=origins,
        )  # fmt: skip
        if known is None or known["image_id"] not in self.present:
            yield new
        elif image.is_replaced and known["version"] != version:
            yield Action(
                Kind.REPLACE_IMAGE, key, image.labels, image_id=known["image_id"], path=file,
                version=version, metadata=image.metadata, origins=origins,
            )  # fmt: skip
        else:
            there = self.present[known["image_id"]]
            yield from settle(self.type, there, [Duplicate(new, there.id, ())], self.names).add


async def _plan(
    service: Service, ledger: Ledger, project: Project, type_: ProjectType, saved: Sequence[_Saved]
) -> Plan:
    client = service.client
    tags = await client.get_tags(project.id)
    tagged, untagged = await both(
        client.get_tagged_image_count(project.id), client.get_untagged_image_count(project.id)
    )
    names = {tag.id: fold(tag.name) for tag in tags}
    known = {row["key"]: row for row in ledger.known().table.to_pylist()}
    ids = {known[key]["image_id"] for image in saved for key, _ in image.keys if key in known}
    present = {i.id: i for i in await fetch_images(client, project.id, sorted(ids))}
    now = _Now(type_, known, present, names)
    actions = [a for image in saved for key, version in image.keys for a in now.actions(image, key, version)]
    wanted = {fold(n): NewTag(n, t) for image in saved for n, t in image.tag_types.items()}
    return Plan(
        project_id=project.id,
        type=type_,
        new_tags=tuple(tag for name, tag in wanted.items() if name not in names.values()),
        table=_table(actions),
        unchanged=0,
        unknown=len(actions),
        unmanaged=1,  # so that nothing is merged into an image that is there by now: labels are compared
        before=Extent(tagged + untagged, len(tags)),
    )


def _table(actions: Iterable[Action]) -> pa.Table:
    """Write actions as the rows of a plan, in apply order."""
    ordered = sorted(enumerate(actions), key=lambda pair: pair[1].kind)
    names = sorted({METADATA + name for _, action in ordered for name, _ in action.metadata})
    schema = pa.schema([*SCHEMA, *(pa.field(name, TEXT) for name in names)])
    plain = pa.schema([pa.field(f.name, pa.string() if f.type == TEXT else f.type) for f in schema])
    rows = [row for item, action in ordered for row in _rows(item, action)]
    return pa.Table.from_pylist(rows, schema=plain).cast(schema)


def _rows(item: int, action: Action) -> Iterator[dict[str, Any]]:
    head = {
        "kind": int(action.kind), "item": item, "key": action.key, "path": action.path,
        "image_id": action.image_id, "version": action.version, "source": action.origins[0].source, "row": 1,
    } | {METADATA + name: value for name, value in action.metadata}  # fmt: skip
    for label in action.labels:
        box = dict(zip(("left", "top", "width", "height"), label.box or (), strict=False))
        yield head | {"tag": label.tag} | box
    if not action.labels:
        yield head
