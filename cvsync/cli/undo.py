"""`cvsync undo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import common_options, split_common

if TYPE_CHECKING:
    from cvsync.flows.service import Service


@click.command()
@click.argument("run_id", metavar="RUN")
@common_options
def undo(run_id: str, **options: Any) -> int:
    """Bring back the images that a run deleted or replaced, with their labels.

    They were saved before they went, unless --no-backup was given. They get new ids. Safe to repeat.

    \b
    Example:
      cvsync undo 20261125T010203Z-a1b2c3 -p shelf
    """
    from cvsync.cli import exits, text
    from cvsync.cli.session import execute
    from cvsync.cli.showing import show_done
    from cvsync.flows.undo import undo as flow

    common, _ = split_common(options)
    project = common.required_project()

    async def run(service: Service, _: object) -> int:
        report = await flow(service, project, run_id)
        code = exits.OK if report.is_complete else exits.REFUSED
        return show_done(common, code, [text.result_line(report.counts)])

    return execute(common, run, command="undo")
