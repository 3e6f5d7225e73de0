"""`cvsync iteration`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import common_options, split_common
from cvsync.cli.options import yes_option

if TYPE_CHECKING:
    from cvsync.flows.service import Service


@click.group()
def iteration() -> None:
    """Look after the trained models of a project."""


@iteration.command("ls")
@common_options
def list_(**options: Any) -> int:
    """List the iterations, the latest first.

    \b
    Example:
      cvsync iteration ls -p shelf
    """
    from cvsync.cli import exits
    from cvsync.cli.listing import show_list
    from cvsync.cli.session import execute
    from cvsync.flows.housekeeping.iterations import list_iterations

    common, _ = split_common(options)
    project = common.required_project()

    async def run(service: Service, _: object) -> int:
        found = await list_iterations(service, project)
        entries = [
            {
                "name": one.name, "id": one.id, "status": one.status, "trained_at": one.trained_at,
                "published": one.publish_name, "default": one.is_default, "exportable": one.exportable,
                "training": one.training_type,
            }
            for one in found
        ]  # fmt: skip
        show_list(common, service, "iteration", entries)
        return exits.OK

    return execute(common, run, command="iteration ls")


@iteration.command("rm")
@click.argument("names", metavar="NAME|ID…", nargs=-1, required=True)
@yes_option
@common_options
def remove(names: tuple[str, ...], yes: bool, **options: Any) -> int:
    """Delete iterations; refused while one of them is published.

    \b
    Example:
      cvsync iteration rm "Iteration 1" "Iteration 2" -p shelf --yes
    """
    from cvsync.cli import exits
    from cvsync.cli.asking import NOT_AGREED, asking
    from cvsync.cli.session import execute
    from cvsync.flows.housekeeping.iterations import remove_iterations

    common, _ = split_common(options)
    project = common.required_project()

    async def run(service: Service, _: object) -> int:
        removed = await remove_iterations(service, project, names, agree=asking(yes=yes))
        return exits.OK if removed else NOT_AGREED

    return execute(common, run, command="iteration rm")
