"""The first half of a push: what would change. `cvsync plan`."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cvsync.api.listing import fetch_contents, fetch_snapshot
from cvsync.api.versions import METADATA_SINCE, is_at_least
from cvsync.errors import SettingsError
from cvsync.events import tell
from cvsync.flows.aim import Aim, PlanRequest
from cvsync.flows.desired import Desired, new_negative_tags, refuse_negative
from cvsync.flows.expired import warn_of_expired
from cvsync.flows.folders import warn_of_another_folder
from cvsync.flows.held_back import held_back, tell_kept
from cvsync.flows.manifests import refuse_if_strict
from cvsync.flows.meeting import meet
from cvsync.flows.service import Service
from cvsync.flows.status import read_known
from cvsync.flows.telling import tell_problems
from cvsync.known import KnownImages
from cvsync.labels import fold, one_chunk, with_column
from cvsync.manifest import Problem, absolute, remember
from cvsync.model import Project
from cvsync.plan import Kind, Plan, Prune, diff
from cvsync.plan.guard import check_losses, check_source
from cvsync.plan.quota import check_quota, cost
from cvsync.plan.saved import SavedPlan, check_place, fingerprint_state, write_plan
from cvsync.snapshot import Snapshot
from cvsync.whole import PRIVATE, open_whole


@dataclass(frozen=True, eq=False)
class Prepared:
    """A plan, and what it was made from."""

    plan: Plan
    desired: Desired
    """With the rows that the plan found to contradict others among its problems."""
    snapshot: Snapshot


async def make_plan(service: Service, request: PlanRequest) -> Prepared:
    """Work out what a push would do, and touch nothing.

    Raises:
        ManifestError: The manifest cannot be used, or has a bad row under ``strict``.
        GuardError: It would do more than it may.
        MissingProjectError: The project is not there.
        SettingsError: The project is unclear.
    """
    project, desired = await meet(service, request, dry=True)
    known = read_known(service, project)
    if len(known):
        with service.open_ledger(project.id) as ledger:
            warn_of_another_folder(service, ledger.notes, desired, known)
    return await prepare(service, request, project, desired, known)


def save_plan(service: Service, prepared: Prepared, path: Path) -> None:
    """Write a plan into a file that only its owner may read, to be applied later.

    Raises:
        SettingsError: The project does not exist yet, the plan is not of manifests, or another file is there.
        OSError: The file cannot be written.
    """
    manifest = prepared.desired.manifest
    if manifest is None:
        raise SettingsError("only a plan made from manifests can be saved: links of images are over too soon")
    if not prepared.plan.project_id:
        name = shlex.quote(prepared.snapshot.project.name)
        create = f"cvsync project create {name} --type {prepared.plan.type}"
        raise SettingsError(f"a plan can be saved only for a project that exists; `{create}` makes it")
    check_place(path)
    saved = SavedPlan(
        _placed(prepared.plan), service.destination, fingerprint_state(prepared.snapshot),
        manifest=remember(manifest),
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_whole(path, mode=PRIVATE) as file:
        write_plan(saved, file)


def _placed(plan: Plan) -> Plan:
    """Name the files of a plan so that they are found from any folder."""
    sources = one_chunk(plan.table.column("source"))
    named = pa.array([absolute(name) for name in sources.dictionary.to_pylist()], pa.string())
    column = pa.DictionaryArray.from_arrays(sources.indices, named)
    return replace(plan, table=with_column(plan.table, "source", column))


async def prepare(
    service: Service, aim: Aim, project: Project, desired: Desired, known: KnownImages
) -> Prepared:
    """Diff what is wanted with the project as it is now, and see that the plan keeps within bounds.

    Args:
        service: Of the project.
        aim: Within which bounds.
        project: One without an id is empty.
        desired: What it should hold.
        known: What its ledger knows.

    Raises:
        GuardError: The plan would do more than it may.
        PlanError: The project cannot hold what is wanted.
        UnsupportedError: It needs a negative tag, and the API version has none.
        ManifestError: Rows contradict each other, and the aim is strict.
    """
    hidden = desired.hidden_tags(known)
    prune = aim.prune if aim.deletes_despite_errors else held_back(service, aim.prune, hidden)
    others = desired.others(known) if prune is not Prune.KEEP else frozenset()
    snapshot = await _fetch(service, project, desired)
    _warn_of_unknown(service, aim, desired, snapshot)
    pa.default_memory_pool().release_unused()  # a listing takes more than what it comes to
    if len(snapshot.labels):
        tell_kept(service, hidden)
    plan = diff(
        desired.labels, snapshot, known, prune=prune, on_drift=aim.on_drift, scope=aim.scope,
        renames=aim.renames, unmanaged=aim.unmanaged, incomplete=desired.incomplete | others, kept=hidden,
        mended=desired.is_rejects, tags=desired.tags, metadata=desired.metadata,
    )  # fmt: skip
    pa.default_memory_pool().release_unused()  # sending takes hours and little
    refuse_negative(new_negative_tags(plan), service.client.api_version)
    contradictions = [Problem(c.code, c.source, c.row, "tag", c.tag, c.message) for c in plan.conflicts]
    refuse_if_strict(aim, contradictions)
    tell_problems(service.observer, contradictions)
    _check(aim, plan, desired, known, others)
    if desired.manifest is not None:  # links of a project are read anew
        warn_of_expired(service, plan)
    tell(service.observer, "plan_summary", **summary(plan))
    return Prepared(plan, desired.with_problems(contradictions), snapshot)


async def _fetch(service: Service, project: Project, desired: Desired) -> Snapshot:
    """Read what a project holds, its metadata only where some is wanted."""
    if not project.id:
        return Snapshot.empty(project, desired.type)
    has_metadata = desired.metadata and is_at_least(service.client.api_version, METADATA_SINCE)
    read = fetch_contents if has_metadata else fetch_snapshot
    return await read(service.client, project, desired.type)


def _warn_of_unknown(service: Service, aim: Aim, desired: Desired, snapshot: Snapshot) -> None:
    """Tell of tags that options name and nobody has: they may be misspelt."""
    there = {fold(tag.name) for tag in snapshot.tags}
    for old, new in aim.renames.items():
        if fold(old) not in there and fold(new) not in there:
            tell(service.observer, "warning", text=f"the project has no tag {old!r} that could be renamed")
    for name in aim.scope.unknown(desired.labels, snapshot):
        tell(service.observer, "warning", text=f"neither the manifest nor the project has a tag {name!r}")


def _check(aim: Aim, plan: Plan, desired: Desired, known: KnownImages, others: Collection[str]) -> None:
    """See that a plan keeps within the bounds of its aim, whose source need not name ``others``."""
    if aim.prune is not Prune.KEEP:
        bad = pa.array([*desired.bad_keys], pa.string())
        named = pc.unique(pa.concat_arrays([desired.labels.keys, bad]))
        keys = one_chunk(known.table.column("key"))
        own = keys.filter(pc.invert(pc.is_in(keys, pa.array([*others], pa.string()))))
        check_source(
            plan, named=known.count_images(named), known=known.count_images(own),
            is_rejects=desired.is_rejects,
        )  # fmt: skip
    check_losses(plan, guard=aim.guard)
    check_quota(plan, aim.tier)


def summary(plan: Plan) -> dict[str, int | float]:
    """Count a plan's actions, what it leaves alone, what it costs and how full the project will be."""
    counts = {kind.name.lower(): plan.counts[kind] for kind in Kind}
    needs = cost(plan)
    return counts | {
        "unchanged": plan.unchanged,
        "unknown": plan.unknown,
        "unmanaged": plan.unmanaged,
        "adopted": plan.adopted,
        "twins": plan.twins,
        "drifted": plan.drifted,
        "calls": needs.calls,
        "seconds": needs.seconds,
        "images_before": plan.before.images,
        "images_after": plan.after.images,
        "tags_before": plan.before.tags,
        "tags_after": plan.after.tags,
    }
