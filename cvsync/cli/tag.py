"""`cvsync tag`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import common_options, split_common
from cvsync.cli.options import yes_option

if TYPE_CHECKING:
    from cvsync.flows.service import Service


@click.group()
def tag() -> None:
    """Look after the tags of a project."""


@tag.command("ls")
@common_options
def list_(**options: Any) -> int:
    """List the tags, and how many images have them.

    \b
    Example:
      cvsync tag ls -p shelf
    """
    from cvsync.cli import exits
    from cvsync.cli.listing import show_list
    from cvsync.cli.session import execute
    from cvsync.flows.housekeeping.tags import list_tags

    common, _ = split_common(options)
    project = common.required_project()

    async def run(service: Service, _: object) -> int:
        found = await list_tags(service, project)
        entries = [
            {"name": one.name, "id": one.id, "type": one.type, "images": one.image_count} for one in found
        ]
        show_list(common, service, "tag", entries)
        return exits.OK

    return execute(common, run, command="tag ls")


@tag.command()
@click.argument("old", metavar="NAME|ID")
@click.argument("name", metavar="NEW")
@common_options
def rename(old: str, name: str, **options: Any) -> int:
    """Give a tag another name; its images keep it.

    \b
    Example:
      cvsync tag rename fork Fork -p shelf
    """
    from cvsync.cli import exits
    from cvsync.cli.session import execute
    from cvsync.flows.housekeeping.tags import rename_tag

    common, _ = split_common(options)
    project = common.required_project()

    async def run(service: Service, _: object) -> int:
        await rename_tag(service, project, old, name)
        return exits.OK

    return execute(common, run, command="tag rename")


@tag.command("rm")
@click.argument("names", metavar="NAME|ID…", nargs=-1, required=True)
@yes_option
@common_options
def remove(names: tuple[str, ...], yes: bool, **options: Any) -> int:
    """Delete tags, and take them off every image; the images stay.

    \b
    Example:
      cvsync tag rm fork spoon -p shelf --yes
    """
    from cvsync.cli import exits
    from cvsync.cli.asking import NOT_AGREED, asking
    from cvsync.cli.session import execute
    from cvsync.flows.housekeeping.tags import remove_tags

    common, _ = split_common(options)
    project = common.required_project()

    async def run(service: Service, _: object) -> int:
        removed = await remove_tags(service, project, names, agree=asking(yes=yes))
        return exits.OK if removed else NOT_AGREED

    return execute(common, run, command="tag rm")
