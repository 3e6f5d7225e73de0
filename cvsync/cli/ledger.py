"""`cvsync status` and `cvsync ledger`."""

from __future__ import annotations

import csv
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import common_options, split_common

if TYPE_CHECKING:
    from cvsync.flows.service import Service


@click.command()
@common_options
def status(**options: Any) -> int:
    """Show what a project holds and what cvsync knows of it.

    \b
    Example:
      cvsync status -p shelf
    """
    from cvsync.cli import exits
    from cvsync.cli.session import execute
    from cvsync.cli.showing import show_lines
    from cvsync.events import tell
    from cvsync.flows.status import fetch_status

    common, _ = split_common(options)
    wanted = common.required_project()

    async def run(service: Service, _: object) -> int:
        found = await fetch_status(service, wanted)
        if common.json:
            tell(service.observer, "project_status", **asdict(found))
            return exits.OK
        odd = (
            (found.unmanaged, "images that no key is known to be"),
            (found.lost, "images that were deleted in the project"),
            (found.edited, "images that were edited in the project"),
            (found.unsettled, "images in doubt, which the next push settles"),
        )
        show_lines([
            f"project {found.project} ({found.project_id}), {found.type}",
            f"  {found.images:,} images, {found.tags:,} tags",
            f"  {found.keys:,} keys in the ledger, {found.ledger}",
            *(f"  {number:,} {what}" for number, what in odd if number),
        ])  # fmt: skip
        return exits.OK

    return execute(common, run, command="status")


@click.group()
def ledger() -> None:
    """Look at the ledger of a project, or make it whole again."""


@ledger.command()
@common_options
def show(**options: Any) -> int:
    """Print which key is which image, as CSV.

    \b
    Example:
      cvsync ledger show -p shelf > ids.csv
    """
    from cvsync.cli import exits
    from cvsync.cli.session import execute
    from cvsync.events import tell, without_query
    from cvsync.flows.project import require_project
    from cvsync.flows.status import read_known

    common, _ = split_common(options)
    wanted = common.required_project()

    async def run(service: Service, _: object) -> int:
        known = read_known(service, await require_project(service, wanted))
        rows = sorted(zip(*(known.table.column(n).to_pylist() for n in ("key", "image_id")), strict=True))
        if common.json:
            for key, image_id in rows:
                tell(service.observer, "known", key=without_query(key), image=image_id)
            return exits.OK
        writer = csv.writer(sys.stdout)
        writer.writerow(["key", "image_id"])
        writer.writerows(rows)
        return exits.OK

    return execute(common, run, command="ledger show")


@ledger.command()
@click.argument("manifests", metavar="MANIFEST…", nargs=-1, required=True)
@common_options
def rebuild(manifests: tuple[str, ...], **options: Any) -> int:
    """Find out again which key is which image, by comparing their bytes; writes nothing to the project.

    \b
    Example:
      cvsync ledger rebuild manifest.csv -p shelf
    """
    from cvsync.cli import exits
    from cvsync.cli.session import execute
    from cvsync.cli.showing import show_done
    from cvsync.events import tell
    from cvsync.flows.rebuild import rebuild as flow

    common, _ = split_common(options)
    wanted = common.required_project()

    async def run(service: Service, _: object) -> int:
        done = await flow(service, wanted, manifests)
        tell(service.observer, "totals", **asdict(done))
        lost = done.unreadable or done.images_unreadable or done.rows_refused
        found = f"{done.keys:,} keys found again, {done.absent:,} not in the project"
        lines = [f"{found}, {done.unreadable:,} unreadable"]
        if done.images_unreadable:
            lines.append(f"{done.images_unreadable:,} images of the project are unreadable")
        return show_done(common, exits.REFUSED if lost else exits.OK, lines)

    return execute(common, run, command="ledger rebuild", manifests=manifests)
