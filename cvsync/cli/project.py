"""`cvsync project`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import common_options, split_common
from cvsync.cli.options import PROJECT_TYPES, project_type, yes_option

if TYPE_CHECKING:
    from cvsync.flows.service import Service


@click.group()
def project() -> None:
    """Look after the projects of a resource."""


@project.command("ls")
@common_options
def list_(**options: Any) -> int:
    """List the projects.

    \b
    Example:
      cvsync project ls
    """
    from cvsync.cli import exits
    from cvsync.cli.listing import show_list
    from cvsync.cli.session import execute
    from cvsync.flows.housekeeping.projects import list_projects

    common, _ = split_common(options)

    async def run(service: Service, _: object) -> int:
        show_list(common, service, "project", [asdict(one) for one in await list_projects(service)])
        return exits.OK

    return execute(common, run, command="project ls")


@project.command()
@click.argument("name")
@click.option(
    "--type", "type_", type=click.Choice(PROJECT_TYPES), help="What it learns.  [default: multiclass]"
)
@click.option("--domain", metavar="NAME|ID", help="What it starts from.  [default: General]")
@click.option("--description", metavar="TEXT", help="For people.")
@common_options
def create(name: str, type_: str | None, **options: Any) -> int:
    """Create an empty project; refused if there is one of this name.

    \b
    Example:
      cvsync project create shelf --type detection --domain "General (compact)"
    """
    from cvsync.cli import exits
    from cvsync.cli.session import execute
    from cvsync.flows.housekeeping.projects import add_project
    from cvsync.flows.project import NewProject

    common, own = split_common(options)
    new = NewProject(type=project_type(type_), domain=own["domain"], description=own["description"])

    async def run(service: Service, _: object) -> int:
        made = await add_project(service, name, new)
        if not common.json:
            click.echo(made.id)
        return exits.OK

    return execute(common, run, command="project create")


@project.command()
@click.argument("name", metavar="[NAME|ID]", required=False)
@common_options
def show(name: str | None, **options: Any) -> int:
    """Say what a project is and how much it holds.

    \b
    Example:
      cvsync project show shelf
    """
    from cvsync.cli import exits
    from cvsync.cli.listing import cell
    from cvsync.cli.session import execute
    from cvsync.cli.showing import show_lines
    from cvsync.events import tell
    from cvsync.flows.housekeeping.projects import show_project

    common, _ = split_common(options)
    wanted = common.required_project() if name is None else name

    async def run(service: Service, _: object) -> int:
        facts = asdict(await show_project(service, wanted))
        if common.json:
            tell(service.observer, "project", **facts)
        else:
            show_lines(f"{fact:<12} {cell(value)}".rstrip() for fact, value in facts.items())
        return exits.OK

    return execute(common, run, command="project show")


@project.command("rm")
@click.argument("name", metavar="NAME|ID")
@yes_option
@common_options
def remove(name: str, yes: bool, **options: Any) -> int:
    """Delete a project with its images, tags and iterations, for good; refused while it is published.

    \b
    Example:
      cvsync project rm shelf-2 --yes
    """
    from cvsync.cli import exits
    from cvsync.cli.asking import NOT_AGREED, asking
    from cvsync.cli.session import execute
    from cvsync.flows.housekeeping.projects import remove_project

    common, _ = split_common(options)
    if not name.strip():
        raise click.UsageError("which project? The name is empty, and none is removed by default")

    async def run(service: Service, _: object) -> int:
        return exits.OK if await remove_project(service, name, agree=asking(yes=yes)) else NOT_AGREED

    return execute(common, run, command="project rm")
