"""push: make a project hold what a manifest says; its first half is `cvsync plan`."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cvsync.api.listing import fetch_snapshot, project_type
from cvsync.errors import ManifestError, MissingProjectError
from cvsync.events import tell, without_query
from cvsync.flows.desired import Desired, want
from cvsync.flows.export import ExportTarget, export
from cvsync.flows.project import NewProject, choose_type, create_project, find_project
from cvsync.flows.service import Service
from cvsync.flows.train import train
from cvsync.known import KnownImages
from cvsync.manifest import Reading, read, rejects_suffix, write_rejects
from cvsync.model import Project
from cvsync.plan import Kind, Plan, Prune, diff
from cvsync.plan.fit import infer_type
from cvsync.plan.guard import DeleteGuard, check_deletions
from cvsync.run.apply import Run
from cvsync.run.ledger import Ledger
from cvsync.run.lock import hold_lock
from cvsync.run.outcome import Outcomes
from cvsync.run.private import make_folder
from cvsync.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class PushRequest:
    """What a push is asked to do."""

    manifests: tuple[Path, ...]
    reading: Reading = field(default_factory=Reading)
    """How to understand them."""
    project: str
    """Name or id."""
    create: NewProject | None = None
    """How to make the project if it does not exist; None: it must."""
    prune: Prune = Prune.KEEP
    guard: DeleteGuard = field(default_factory=DeleteGuard)
    strict: bool = False
    """Refuse everything if one row is bad."""
    rejects: Path | None = None
    """Where refused rows go; None: a file in the run's folder."""
    files: tuple[Path, str] | None = None
    """A folder that the service can read under a URL: paths below it are sent as URLs."""
    train: bool = False
    exports: tuple[ExportTarget, ...] = ()
    export_folder: Path = Path("exports")


@dataclass(slots=True)
class PushReport:
    """What came of a push."""

    run_id: str
    counts: Counter[str] = field(default_factory=Counter)
    """As ``Outcomes.counts``, and ``rows_refused``."""
    rejects: Path | None = None
    """The file with the refused rows, if there are any."""
    exports: list[Path] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every row landed."""
        return not self.counts["refused"] and not self.counts["rows_refused"]


async def make_plan(service: Service, request: PushRequest) -> tuple[Plan, Desired]:
    """Work out what a push would do, and touch nothing.

    Raises:
        ManifestError: The manifest cannot be used, or has a bad row under ``strict``.
        GuardError: It would delete more than it may.
        SettingsError: The project is not there, or unclear.
    """
    project, desired = await _meet(service, request, dry=True)
    known = KnownImages.empty()
    path = _ledger_path(service, project)
    if path.exists():
        with _ledger(service, project) as ledger:
            known = ledger.known()
    return await _plan(service, request, project, desired, known), desired


async def push(service: Service, request: PushRequest) -> PushReport:
    """Make a project hold what a manifest says; safe to repeat after any end.

    Raises:
        ManifestError: The manifest cannot be used, or has a bad row under ``strict``; nothing was sent.
        GuardError: It would delete more than it may; nothing was sent.
        LockedError: Another run works on this project.
        ServiceError: The service refused the run as a whole.
        TransportError: No answer came, however often it was tried.
        TrainingError: The data is in, but training or export failed.
    """
    project, desired = await _meet(service, request, dry=False)
    report = PushReport(new_run_id())
    folder = service.folder(project.id)
    with hold_lock(folder, run_id=report.run_id), _ledger(service, project) as ledger:
        actions = await _plan(service, request, project, desired, ledger.known())
        ledger.start_run(report.run_id)
        run = Run(
            service.client, ledger, actions, report.run_id,
            workers=service.workers, observer=service.observer, stop=service.stop,
        )  # fmt: skip
        try:
            await run.apply()
        finally:
            # Whatever ended the run: what was refused so far is said and kept.
            report.counts = run.outcomes.counts
            report.counts["rows_refused"] = len(desired.problems)
            default = folder / "runs" / report.run_id / f"rejects{rejects_suffix(desired.manifest)}"
            report.rejects = await asyncio.to_thread(
                _reject, service, desired, run.outcomes, request.rejects or default
            )
        ledger.end_run(report.run_id, exit_code=0 if report.is_complete else 3, totals=report.counts)
        if not service.stop.requested:
            await _make_model(service, request, project, report)
    return report


def new_run_id() -> str:
    """Name a run so that names sort by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


async def _meet(service: Service, request: PushRequest, *, dry: bool) -> tuple[Project, Desired]:
    """Read the manifest, find or make the project, and see what of the one the other can hold."""
    manifest = await asyncio.to_thread(read, request.manifests, request.reading)
    tell(
        service.observer, "manifest", rows=manifest.rows, labels=len(manifest.labels),
        images=len(manifest.labels.keys), convention=manifest.convention,
        warnings=[*map(str, manifest.warnings)],
    )  # fmt: skip
    _refuse_if_strict(request, [*manifest.problems])
    inferred = infer_type(manifest.labels)
    project = await find_project(service.client, request.project)
    if project is not None:
        type_ = await project_type(service.client, project)
    elif request.create is None:
        raise MissingProjectError(f"there is no project {request.project!r}; --create-project makes it")
    else:
        type_ = choose_type(service.client, request.create, inferred=inferred)
    desired = want(manifest, type_, files=request.files)
    _refuse_if_strict(request, desired.problems)
    for problem in desired.problems:
        tell(
            service.observer, "item_refused", code=problem.code, source=problem.source, row=problem.row,
            column=problem.column, value=without_query(problem.value or ""), reason=problem.message,
        )  # fmt: skip
    if project is None:
        assert request.create is not None
        if dry:
            project = Project("", request.project)
        else:
            project = await create_project(service.client, request.project, request.create, inferred=inferred)
            tell(service.observer, "project_created", project=project.id, title=project.name, type=str(type_))
    return project, desired


def _refuse_if_strict(request: PushRequest, problems: Sequence[object]) -> None:
    if request.strict and problems:
        path = ", ".join(map(str, request.manifests))
        raise ManifestError(path, [*map(str, problems), "nothing was sent (--strict)"])


async def _plan(
    service: Service, request: PushRequest, project: Project, desired: Desired, known: KnownImages
) -> Plan:
    if project.id:
        snapshot = await fetch_snapshot(service.client, project, desired.type)
    else:
        snapshot = Snapshot.empty(project, desired.type)
    actions = diff(desired.labels, snapshot, known, prune=request.prune, incomplete=desired.bad_keys)
    if request.prune is Prune.DELETE:
        named = len(set(desired.labels.keys.to_pylist()) | desired.bad_keys)
        check_deletions(actions, named=named, known=len(known), guard=request.guard)
    tell(service.observer, "plan_summary", **summary(actions))
    return actions


def summary(actions: Plan) -> dict[str, int]:
    """Count a plan's actions and what it leaves alone."""
    counts = {kind.name.lower(): actions.counts[kind] for kind in Kind}
    return counts | {
        "unchanged": actions.unchanged,
        "unknown": actions.unknown,
        "unmanaged": actions.unmanaged,
        "twins": actions.twins,
    }


def _ledger_path(service: Service, project: Project) -> Path:
    return service.folder(project.id) / "ledger.sqlite"


def _ledger(service: Service, project: Project) -> _Opened:
    return _Opened(_ledger_path(service, project), f"{service.destination} {project.id}")


class _Opened:
    """A ledger for as long as a `with` block lasts."""

    def __init__(self, path: Path, destination: str) -> None:
        self._ledger = Ledger.open(path, destination=destination)

    def __enter__(self) -> Ledger:
        return self._ledger

    def __exit__(self, *_: object) -> None:
        self._ledger.close()


def _reject(service: Service, desired: Desired, outcomes: Outcomes, path: Path) -> Path | None:
    """Say what the service refused, and write all refused rows where they can be mended."""
    for refusal in outcomes.refusals:
        origin = refusal.action.origins[0] if refusal.action.origins else None
        tell(
            service.observer, "item_refused", code=refusal.code, source=origin and origin.source,
            row=origin and origin.row, image=refusal.action.name, reason=refusal.message,
        )  # fmt: skip
    rows = [*_refused_rows(desired, outcomes)]
    if not rows:
        return None
    make_folder(path.parent)
    write_rejects(desired.manifest, path, rows)
    return path


def _refused_rows(desired: Desired, outcomes: Outcomes) -> Iterator[tuple[str, int, str, str]]:
    for problem in desired.problems:
        yield problem.source, problem.row, problem.code, problem.message
    for refusal in outcomes.refusals:
        for origin in refusal.action.origins:
            yield origin.source, origin.row, refusal.code, refusal.message


async def _make_model(service: Service, request: PushRequest, project: Project, report: PushReport) -> None:
    if not request.train and not request.exports:
        return
    iteration = await train(service.client, project.id, observer=service.observer)
    for target in request.exports:
        path = await export(service, project, iteration, target, folder=request.export_folder)
        report.exports.append(path)
