"""The `cvsync` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsync import __version__
from cvsync.cli.convert import convert
from cvsync.cli.emulate import emulate
from cvsync.cli.options import Common, common_options, manifest_options, take_reading
from cvsync.cli.validate import validate

if TYPE_CHECKING:
    from cvsync.flows.push import PushRequest
    from cvsync.flows.service import Service
    from cvsync.manifest import Reading

_COMMON = tuple(Common.__dataclass_fields__)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cvsync")
def cli() -> None:
    r"""Keep Azure Custom Vision projects equal to manifests.

    \b
    cvsync plan manifest.csv -p shelf      shows what would change
    cvsync push manifest.csv -p shelf      makes it so
    cvsync emulate                         runs the service on this machine
    """


cli.add_command(emulate)
cli.add_command(validate)
cli.add_command(convert)


@cli.command()
@manifest_options
@click.option("--dry-run", is_flag=True, help="Show the plan and stop, as `cvsync plan` does.")
@click.option("--train", is_flag=True, help="Train afterwards, and wait for the end.")
@click.option(
    "--export",
    "exports",
    multiple=True,
    metavar="PLATFORM[:FLAVOR]",
    help="Export the trained model (trains first); for instance onnx. May be repeated.",
)
@click.option(
    "--export-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("exports"),
    show_default=True,
    help="Where exported models go.",
)
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where refused rows go.  [default: a file in the run's folder, named at the end]",
)
@common_options
def push(dry_run: bool, **options: Any) -> int:
    r"""Make a project hold what the manifests say.

    \b
    Example:
      cvsync push manifest.csv -p shelf --create-project --train --export onnx
    """
    return _push(*_split(options), stop_at_plan=dry_run, command="push")


@cli.command()
@manifest_options
@click.option("--exit-code", is_flag=True, help="Exit with 10 if there is anything to change.")
@common_options
def plan(exit_code: bool, **options: Any) -> int:
    r"""Show what `push` would change, and touch nothing.

    \b
    Example:
      cvsync plan manifest.csv -p shelf --delete
    """
    return _push(*_split(options), stop_at_plan=True, tell_difference=exit_code, command="plan")


def _split(options: dict[str, Any]) -> tuple[Common, dict[str, Any]]:
    return Common(**{n: options.pop(n) for n in _COMMON}), options


def _push(
    common: Common,
    options: dict[str, Any],
    *,
    command: str,
    stop_at_plan: bool,
    tell_difference: bool = False,
) -> int:
    from cvsync.cli import exits, text
    from cvsync.cli.session import Files, execute
    from cvsync.events import tell
    from cvsync.flows import push as flow

    project = common.required_project()
    reading = take_reading(options)

    async def run(service: Service, files: Files | None) -> int:
        request = _request(project, options, files, reading)
        if not stop_at_plan:
            report = await flow.push(service, request)
            tell(service.observer, "totals", run_id=report.run_id, **report.counts)
            if not common.json:
                click.echo(text.result_line(report.counts))
                for path in report.exports:
                    click.echo(f"exported {path}")
                if report.rejects:
                    click.echo(f"rejects: {report.rejects}")
            return exits.OK if report.is_complete else exits.REFUSED
        plan, desired = await flow.make_plan(service, request)
        for action in plan.actions() if common.json else ():
            tell(
                service.observer, "action", kind=action.kind.name.lower(), image=action.name, text=str(action)
            )
        if not common.json:
            for line in text.plan_lines(plan, everything=common.verbose):
                click.echo(line)
            click.echo(text.plan_line(flow.summary(plan)))
        if desired.problems:
            return exits.REFUSED
        return exits.DIFFERENT if tell_difference and not plan.is_empty else exits.OK

    return execute(common, run, command=command, manifests=options["manifests"])


def _request(
    project: str, options: dict[str, Any], files: tuple[Path, str] | None, reading: Reading
) -> PushRequest:
    from cvsync.flows.export import ExportTarget
    from cvsync.flows.project import NewProject
    from cvsync.flows.push import PushRequest
    from cvsync.model import ProjectType
    from cvsync.plan import Prune
    from cvsync.plan.guard import DeleteGuard

    exports = tuple(ExportTarget.parse(text) for text in options.get("exports", ()))
    kind = {"classification": "multiclass"}.get(options["type_"], options["type_"])
    new = NewProject(
        type=ProjectType(kind) if kind else None, domain=options["domain"], exportable=bool(exports)
    )
    return PushRequest(
        manifests=options["manifests"],
        reading=reading,
        project=project,
        create=new if options["create_project"] else None,
        prune=Prune.DELETE if options["delete"] else Prune.KEEP,
        guard=DeleteGuard(options["max_delete"]),
        strict=options["strict"],
        rejects=options.get("rejects"),
        files=files,
        train=options.get("train", False),
        exports=exports,
        export_folder=options.get("export_dir", Path("exports")),
    )


def run() -> None:
    """Run the command line and exit with its code."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = 130
    sys.exit(code)
