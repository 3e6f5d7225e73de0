"""`cvsync migrate`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cvsync.cli.common import common_options, split_common
from cvsync.cli.options import (
    create_project_option,
    exportable_option,
    max_delete_option,
    quota_option,
    rejects_option,
    tag_map_option,
    take_renames,
)
from cvsync.cli.run_options import run_options, split_run
from cvsync.cli.source import open_source, source_options, split_source
from cvsync.cli.wanted import take_wanted, wanted_options

if TYPE_CHECKING:
    from cvsync.flows.migrate import MigrateRequest
    from cvsync.flows.service import Service

_TO = (
    "The target's resource, as a profile of cvsync.toml says it; the source's stays the one that --endpoint, "
    "--profile or the environment names, unless --from says otherwise.  [default: that one too]"
)


@click.command()
@click.argument("source", metavar="SRC")
@click.argument("copy", metavar="DST")
@source_options("--from")
@click.option("--to", metavar="PROFILE", help=_TO)
@create_project_option
@click.option("--domain", metavar="NAME|ID", help="Of a new project.  [default: the source's]")
@exportable_option
@wanted_options
@tag_map_option
@click.option(
    "--on-drift",
    type=click.Choice(["source", "project", "stop"]),
    default="source",
    show_default=True,
    help="Who is right about images that were edited in the copy since the last run.",
)
@click.option(
    "--delete",
    is_flag=True,
    help="Delete images of DST that came from SRC and are gone there.",
)
@max_delete_option
@quota_option
@click.option(
    "--server-side",
    is_flag=True,
    help="Have the services copy the whole project to a new one themselves, trained iterations too (v3.2 and "
    "later); what they leave out is sent afterwards.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and touch nothing.")
@rejects_option
@run_options
@common_options
def migrate(source: str, copy: str, to: str | None, server_side: bool, dry_run: bool, **options: Any) -> int:
    """Make project DST hold what project SRC holds: images, tags, boxes and metadata.

    The projects may be of different resources, regions and API versions; the source is only read. The second
    run sends only what changed. The target downloads images from the source's links, and what it cannot is
    sent through this machine.

    \b
    Example:
      cvsync migrate shelf shelf-2 --create-project
      cvsync migrate --from old shelf --to new shelf --create-project
      cvsync migrate shelf shelf-2 --server-side
      cvsync migrate --from-endpoint https://old.example.com shelf shelf --create-project
    """
    from cvsync.cli import exits
    from cvsync.cli.push import show_plan, show_report
    from cvsync.cli.session import execute
    from cvsync.flows import migrate as flow
    from cvsync.flows.server_side import copy_by_services

    options["create_project"] |= server_side  # which always makes one
    if not options["create_project"] and (options["domain"] or options["exportable"]):
        raise click.UsageError("--domain and --exportable are of a new project; give --create-project too")
    base, options = split_common(options)
    if to and options["from_profile"]:
        _refuse_idle("endpoint", "api_version", "auth")
    base = replace(base, project=copy)
    common = replace(base.at(to), project=copy) if to else base
    origin, options = split_source(options)
    request = _request(source, copy, options)
    if server_side and (dry_run or request.tag_map or options["domain"] or not request.wanted.is_everything):
        raise click.UsageError("--server-side copies all of a project as it is, and cannot be tried out")

    async def run(service: Service, _: object) -> int:
        async with open_source(origin, base, service, common) as other:
            if server_side:
                return show_report(common, await copy_by_services(other, service, request))
            if not dry_run:
                return show_report(common, await flow.migrate(other, service, request))
            prepared = await flow.plan_migration(other, service, request)
            show_plan(common, service, prepared.plan, request.tier)
            return exits.REFUSED if prepared.desired.problems else exits.OK

    return execute(common, run, command="migrate --dry-run" if dry_run else "migrate")


def _refuse_idle(*names: str) -> None:
    """Refuse options that would say nothing, where profiles name both resources."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = name.replace("_", "-")
            raise click.UsageError(
                f"--{option} has no effect beside --from and --to; write {name} in a profile"
            )


def _request(source: str, copy: str, options: dict[str, Any]) -> MigrateRequest:
    from cvsync.flows.migrate import MigrateRequest
    from cvsync.flows.project import NewProject
    from cvsync.plan import Prune
    from cvsync.plan.drift import OnDrift
    from cvsync.plan.guard import DeleteGuard
    from cvsync.plan.quota import Tier

    settings, options = split_run(options)
    drift = options["on_drift"]
    new = NewProject(domain=options["domain"], exportable=options["exportable"])
    return MigrateRequest(
        source=source,
        project=copy,
        create=new if options["create_project"] else None,
        on_drift=OnDrift.MANIFEST if drift == "source" else OnDrift(drift),
        prune=Prune.DELETE if options["delete"] else Prune.KEEP,
        guard=DeleteGuard(options["max_delete"]),
        tier=Tier(options["quota"]),
        wanted=take_wanted(options),
        tag_map=take_renames("--tag-map", options["tag_map"]),
        rejects=options["rejects"],
        run=settings,
    )
