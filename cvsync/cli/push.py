"""`cvsync push`, `cvsync plan` and `cvsync apply`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import Common, common_options, split_common
from cvsync.cli.options import manifest_options, project_type, rejects_option, take_renames
from cvsync.cli.reading_options import take_reading
from cvsync.cli.release_options import end_options, take_ends, take_training, training_options
from cvsync.cli.run_options import run_options, split_run
from cvsync.cli.writable import WritableFile, refuse_manifest

if TYPE_CHECKING:
    from cvsync.flows.aim import PlanRequest
    from cvsync.flows.carry import Files, Report
    from cvsync.flows.service import Service
    from cvsync.plan import Plan
    from cvsync.plan.quota import Tier


@click.command()
@manifest_options
@click.option("--dry-run", is_flag=True, help="Show the plan and stop, as `cvsync plan` does.")
@click.option("--train", is_flag=True, help="Train afterwards if anything changed, and wait for the end.")
@click.option("--force-train", "force", is_flag=True, help="Train even if nothing changed.")
@training_options
@end_options
@rejects_option
@run_options
@common_options
def push(dry_run: bool, train: bool, rejects: Path | None, **options: Any) -> int:
    """Make a project hold what the manifests say, and a model of it if asked to.

    \b
    Example:
      cvsync push manifest.csv -p shelf --create-project --train --export onnx
    """
    from cvsync.cli.session import execute
    from cvsync.flows.push import PushRequest
    from cvsync.flows.push import push as flow
    from cvsync.flows.release import ReleaseRequest

    common, options = split_common(options)
    settings, options = split_run(options)
    is_forced = options["force"]
    release = ReleaseRequest(train=take_training(options), **take_ends(common, options))
    request = _plan_request(common, options, exportable=bool(release.exports))
    refuse_manifest("--rejects", rejects, request.manifests)
    if dry_run:
        return _show_plan(common, request, command="push --dry-run")

    async def run(service: Service, files: Files | None) -> int:
        whole = PushRequest(
            **vars(request), rejects=rejects, files=files, run=settings,
            release=release if train or is_forced or release.has_ends else None,
        )  # fmt: skip
        return show_report(common, await flow(service, whole))

    return execute(common, run, command="push", manifests=request.manifests)


@click.command()
@manifest_options
@click.option("--exit-code", is_flag=True, help="Exit with 10 if there is anything to change.")
@click.option(
    "-o",
    "--output",
    type=WritableFile(),
    metavar="PLAN",
    help="Save the plan, to be carried out by `cvsync apply PLAN`.",
)
@common_options
def plan(exit_code: bool, output: Path | None, **options: Any) -> int:
    """Show what `push` would change, and touch nothing.

    \b
    Example:
      cvsync plan manifest.csv -p shelf --delete
      cvsync plan manifest.csv -p shelf -o shelf.plan && cvsync apply shelf.plan
    """
    from cvsync.plan.saved import check_place

    common, options = split_common(options)
    request = _plan_request(common, options)
    refuse_manifest("--output", output, request.manifests)
    if output is not None:
        check_place(output)
    return _show_plan(common, request, command="plan", tell_difference=exit_code, output=output)


@click.command()
@click.argument("plan_file", metavar="PLAN", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@rejects_option
@run_options
@common_options
def apply(plan_file: Path, rejects: Path | None, **options: Any) -> int:
    """Carry out a plan that `cvsync plan -o PLAN` saved, if the project is as it was then.

    \b
    Example:
      cvsync plan manifest.csv -p shelf --delete -o shelf.plan
      cvsync apply shelf.plan
    """
    from cvsync.cli.session import execute
    from cvsync.flows.apply import apply_plan

    common, options = split_common(options)
    settings, _ = split_run(options)

    async def run(service: Service, files: Files | None) -> int:
        report = await apply_plan(
            service, plan_file, project=common.project, files=files, rejects=rejects, settings=settings
        )
        return show_report(common, report)

    return execute(common, run, command="apply")


def _plan_request(common: Common, options: dict[str, Any], *, exportable: bool = False) -> PlanRequest:
    from cvsync.flows.aim import PlanRequest
    from cvsync.flows.project import NewProject
    from cvsync.plan import Prune
    from cvsync.plan.adopt import Unmanaged
    from cvsync.plan.drift import OnDrift
    from cvsync.plan.guard import DeleteGuard
    from cvsync.plan.quota import Tier
    from cvsync.plan.scope import TagScope

    reading = take_reading(options)
    scope = TagScope.of(options["only"], options["exclude"])
    if options["delete"] and not scope.is_everything:
        raise click.UsageError("--delete removes whole images, so it does not go with --only and --exclude")
    if options["delete_unmanaged"] and not options["delete"]:
        raise click.UsageError("--delete-unmanaged adds to --delete; give both")
    if not options["create_project"] and any(options[name] for name in ("type_", "domain", "exportable")):
        raise click.UsageError(
            "--type, --domain and --exportable are of a new project; give --create-project too"
        )
    prune = Prune.DELETE if options["delete"] else Prune.KEEP
    new = NewProject(
        type=project_type(options["type_"]), domain=options["domain"],
        exportable=exportable or options["exportable"],
    )  # fmt: skip
    return PlanRequest(
        manifests=options["manifests"],
        reading=reading,
        project=common.required_project(),
        create=new if options["create_project"] else None,
        prune=Prune.DELETE_ALL if options["delete_unmanaged"] else prune,
        guard=DeleteGuard(options["max_delete"]),
        on_drift=OnDrift(options["on_drift"]),
        unmanaged=Unmanaged.ADOPT if options["adopt_unmanaged"] else Unmanaged.LEAVE,
        scope=scope,
        renames=take_renames("--rename", options["renames"]),
        tier=Tier(options["quota"]),
        strict=options["strict"],
    )


def _show_plan(
    common: Common,
    request: PlanRequest,
    *,
    command: str,
    tell_difference: bool = False,
    output: Path | None = None,
) -> int:
    from cvsync.cli import exits
    from cvsync.cli.session import execute
    from cvsync.cli.showing import show_done
    from cvsync.flows import plan as flow

    async def run(service: Service, _: Files | None) -> int:
        prepared = await flow.make_plan(service, request)
        show_plan(common, service, prepared.plan, request.tier)
        if output is not None:
            flow.save_plan(service, prepared, output)
            command = f"cvsync apply {shlex.quote(str(output))}"
            show_done(common, exits.OK, [f"saved: {output}; `{command}` carries it out"])
        if prepared.desired.problems:
            return exits.REFUSED
        return exits.DIFFERENT if tell_difference and not prepared.plan.is_empty else exits.OK

    return execute(common, run, command=command, manifests=request.manifests)


def show_plan(common: Common, service: Service, plan: Plan, tier: Tier) -> None:
    """Show what would change: as text, or as an event an action."""
    from cvsync.cli.plan_text import plan_lines
    from cvsync.cli.showing import show_lines
    from cvsync.events import tell
    from cvsync.flows.plan import summary

    if common.json:
        for action in plan.actions():
            kind = action.kind.name.lower()
            tell(service.observer, "action", kind=kind, image=action.name, text=str(action))
        return
    show_lines(plan_lines(plan, summary(plan), tier, everything=common.verbose))


def show_report(common: Common, report: Report) -> int:
    """Show what came of a run, and give the exit code."""
    from cvsync.cli import exits, text
    from cvsync.cli.release_text import released_lines
    from cvsync.cli.showing import show_done

    lines = [text.result_line(report.counts)]
    if report.has_saved:
        lines.append(f"`cvsync undo {report.run_id}` brings back what it removed")
    if report.released is not None:
        lines += released_lines(report.released)
    if report.rejects:
        lines.append(f"rejects: {report.rejects}")
    return show_done(common, exits.OK if report.is_complete else exits.REFUSED, lines)
