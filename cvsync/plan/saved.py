"""Plans in files: one Parquet file that says what is to be done, and for which state of which project.

The table is the plan's own. At its end, rows of the kind ``LEARNED`` are what the ledger should know first: a
key, its image and version, and the fingerprint in a column that is theirs alone. The schema's metadata has
one entry, ``cvsync.plan``, a JSON object:

    format        the number of this layout
    made_by       the version of cvsync
    destination   endpoint, or local data folder
    state         what the project was like, as ``fingerprint_state`` tells it
    manifest      the files that it was made from, or null
    rows          how many rows there are in all
    learned       how many of them, at the end, are what the ledger should know
    project_id, type, new_tags, renames, unchanged, unknown, unmanaged, adopted, before, twins, drifted
                  the plan's other fields
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cvsync import __version__
from cvsync.errors import PlanError, SettingsError
from cvsync.known import SCHEMA as KNOWN_SCHEMA
from cvsync.known import KnownImages
from cvsync.labels import as_column, one_chunk
from cvsync.model import ProjectType
from cvsync.plan.actions import Kind, NewTag, TagRename
from cvsync.plan.coded import fingerprints
from cvsync.plan.plan import SCHEMA, Extent, Plan
from cvsync.snapshot import Snapshot

FORMAT = 3
_ENTRY = b"cvsync.plan"
LEARNED = -1
_COUNTS = ("unchanged", "unknown", "unmanaged", "adopted", "twins", "drifted")


@dataclass(frozen=True, eq=False)
class SavedPlan:
    """A plan that waits to be applied."""

    plan: Plan
    destination: str
    state: str
    manifest: Mapping[str, Any] | None = None
    """Where its rows stand, as the manifest wrote it down; None: they cannot be had any more."""


def fingerprint_state(snapshot: Snapshot) -> str:
    """Give a text that changes whenever a project's tags, images or labels do."""
    prints = fingerprints(snapshot)
    state = hashlib.sha256(snapshot.project.id.encode())
    for tag in sorted(snapshot.tags, key=lambda tag: tag.id):
        state.update(orjson.dumps([tag.id, tag.name, tag.type]))
    ids = snapshot.images.column("image_id").to_pylist()
    for position in sorted(range(len(ids)), key=ids.__getitem__):
        state.update(ids[position].encode() + prints[position].tobytes())
    return state.hexdigest()


def write_plan(saved: SavedPlan, file: IO[bytes]) -> None:
    """Write a plan into an open file."""
    plan = saved.plan
    facts = {
        "format": FORMAT, "made_by": __version__, "destination": saved.destination, "state": saved.state,
        "manifest": saved.manifest, "rows": len(plan.table) + len(plan.learned), "learned": len(plan.learned),
        "project_id": plan.project_id, "type": plan.type.value, "before": asdict(plan.before),
        "new_tags": [asdict(tag) for tag in plan.new_tags],
        "renames": [asdict(rename) for rename in plan.renames],
    } | {name: getattr(plan, name) for name in _COUNTS}  # fmt: skip
    table = pa.concat_tables([plan.table, _learned_rows(plan.learned)], promote_options="default")
    pq.write_table(
        table.unify_dictionaries().replace_schema_metadata({_ENTRY: orjson.dumps(facts)}),
        file,
        compression="zstd",
        write_page_checksum=True,
    )


def check_place(path: Path) -> None:
    """See that a plan written there would take the place of nothing but another plan.

    Raises:
        SettingsError: There is a file that is none.
    """
    if not path.is_file() or path.stat().st_size == 0:
        return
    try:
        with path.open("rb") as file:
            is_plan = _ENTRY in (pq.read_schema(file).metadata or {})
    except (OSError, pa.ArrowInvalid):
        is_plan = False
    if not is_plan:
        raise SettingsError(f"{path} is there and is no plan, so none takes its place; name another file")


def _learned_rows(learned: pa.Table) -> pa.Table:
    """Write what the ledger should know as rows of a plan."""
    kind, item = pa.repeat(pa.scalar(LEARNED, pa.int8()), len(learned)), pa.repeat(0, len(learned))
    columns = {name: learned.column(name) for name in learned.column_names}
    texts = {name: as_column(columns[name], SCHEMA.field(name).type) for name in ("key", "version")}
    schema = pa.schema([pa.field("kind", kind.type, False), pa.field("item", item.type, False)])
    table = pa.table([kind, item], schema=schema)
    for name in ("key", "image_id", "version", "fingerprint"):
        table = table.append_column(name, texts.get(name, columns[name]))
    return table


def read_plan(path: Path) -> SavedPlan:
    """Read a plan from a file.

    Raises:
        SettingsError: It is no plan, or no longer the one that was saved.
        PlanError: It is of a newer or earlier cvsync.
    """
    try:
        with path.open("rb") as file:  # Arrow opens no path that is not UTF-8
            table = pq.read_table(file, page_checksum_verification=True)
    except (OSError, pa.ArrowInvalid) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise SettingsError(f"{path} cannot be read as a plan: {reason}") from error
    entry = (table.schema.metadata or {}).get(_ENTRY)
    if entry is None:
        raise SettingsError(f"{path} is no plan; `cvsync plan MANIFEST -o {path}` makes one")
    facts: dict[str, Any] = orjson.loads(entry)
    if facts["format"] > FORMAT:
        raise PlanError(f"{path} was made by cvsync {facts['made_by']}; update cvsync to apply it")
    if facts["format"] < FORMAT:
        raise PlanError(f"{path} was made by an earlier cvsync, {facts['made_by']}; make the plan again")
    try:
        return _unpacked(table, facts)
    except (KeyError, pa.ArrowException) as error:
        raise SettingsError(f"{path} was changed since it was saved; make the plan again") from error


def _unpacked(table: pa.Table, facts: Mapping[str, Any]) -> SavedPlan:
    if len(table) != facts["rows"]:
        raise KeyError("rows")
    actions, learned = table.drop_columns(["fingerprint"]), table.select(KNOWN_SCHEMA.names)
    count = len(table) - facts["learned"]
    extra = [field for field in actions.schema if field.name not in SCHEMA.names]
    fields = [*SCHEMA, *extra]
    plan = Plan(
        project_id=facts["project_id"],
        type=ProjectType(facts["type"]),
        new_tags=tuple(NewTag(**tag) for tag in facts["new_tags"]),
        renames=tuple(TagRename(**rename) for rename in facts["renames"]),
        table=actions.slice(0, count)
        .select([field.name for field in fields])
        .cast(pa.schema(fields))
        .combine_chunks(),
        learned=learned.slice(count).cast(KNOWN_SCHEMA).combine_chunks(),
        before=Extent(**facts["before"]),
        **{name: facts[name] for name in _COUNTS},
    )
    return SavedPlan(plan, facts["destination"], facts["state"], facts["manifest"])


def baseline(plan: Plan, snapshot: Snapshot, known: KnownImages) -> pa.Table:
    """Give what a ledger lacks of the images that a plan changes: columns of ``known.SCHEMA``.

    It does where the plan comes from another machine.
    """
    ids = one_chunk(snapshot.images.column("image_id"))
    named = plan.table.filter(pc.and_(pc.is_valid(plan.table["key"]), pc.is_valid(plan.table["image_id"])))
    named = named.filter(pc.not_equal(named["kind"], int(Kind.REPLACE_IMAGE)))
    named = named.select(["key", "image_id"]).group_by(["key", "image_id"]).aggregate([])
    at = pc.index_in(named["image_id"], ids)
    prints = pa.array(fingerprints(snapshot)).take(at)
    columns = [named["key"], named["image_id"], prints, pa.nulls(len(named))]
    arrays = [as_column(c, f.type) for c, f in zip(columns, KNOWN_SCHEMA, strict=True)]
    is_new = pc.invert(pc.is_in(arrays[0], known.table.column("key")))
    return pa.Table.from_arrays(arrays, schema=KNOWN_SCHEMA).filter(pc.and_(is_new, pc.is_valid(at)))
