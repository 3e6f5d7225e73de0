"""`cvsync domain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import common_options, split_common
from cvsync.cli.options import PROJECT_TYPES, project_type

if TYPE_CHECKING:
    from cvsync.flows.service import Service


@click.group()
def domain() -> None:
    """Look at the domains that projects start from."""


@domain.command("ls")
@click.option("--type", "type_", type=click.Choice(PROJECT_TYPES), help="Only of this type of project.")
@common_options
def list_(type_: str | None, **options: Any) -> int:
    """List the domains.

    \b
    Example:
      cvsync domain ls --type detection
    """
    from cvsync.cli import exits
    from cvsync.cli.listing import show_list
    from cvsync.cli.session import execute
    from cvsync.flows.housekeeping.domains import list_domains

    common, _ = split_common(options)

    async def run(service: Service, _: object) -> int:
        found = await list_domains(service, project_type(type_))
        entries = [
            {
                "name": one.name, "id": one.id, "type": one.type, "exportable": one.exportable,
                "platforms": one.exportable_platforms,
            }
            for one in found
        ]  # fmt: skip
        show_list(common, service, "domain", entries)
        return exits.OK

    return execute(common, run, command="domain ls")
