"""`cvsync pull`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import common_options, split_common
from cvsync.cli.reading_options import PULLED
from cvsync.cli.wanted import take_wanted, wanted_options
from cvsync.cli.writable import WritableFolder

if TYPE_CHECKING:
    from cvsync.flows.pull import PullReport
    from cvsync.flows.service import Service


@click.command()
@click.option(
    "-o", "--output", type=WritableFolder(), required=True, metavar="DIR",
    help="The folder to pull into: a new one, or one of an earlier pull of the project.",
)  # fmt: skip
@click.option(
    "-f", "--format", "format_", type=click.Choice(PULLED), default="parquet", show_default=True,
    help="Of the manifest.",
)  # fmt: skip
@click.option("--no-images", is_flag=True, help="Pull labels alone.")
@click.option("--lossy", is_flag=True, help="Leave out labels that the format cannot hold.")
@click.option("--prune", is_flag=True, help="Delete files of images that the project no longer has.")
@wanted_options
@common_options
def pull(**options: Any) -> int:
    """Fetch all images of a project, with their labels, into a folder.

    Images keep their bytes, as DIR/images/<image id>.<jpg|png|…>; the manifest beside them,
    DIR/manifest.parquet or in another format, can be pushed, verified and converted. Repeat the command to
    go on after any end, and to bring the folder up to date: only what is missing is fetched.

    \b
    Example:
      cvsync pull -p shelf -o shelf
      cvsync pull -p shelf -o shelf-coco -f coco --tag fork --tag spoon
      cvsync pull -p shelf -o labels -f csv --no-images
    """
    from cvsync.cli import exits
    from cvsync.cli.session import execute
    from cvsync.cli.showing import show_done, show_lines
    from cvsync.flows.pull import PullRequest
    from cvsync.flows.pull import pull as flow

    common, own = split_common(options)
    request = PullRequest(
        project=common.required_project(), folder=own["output"], format=own["format_"],
        images=not own["no_images"], wanted=take_wanted(own), prune=own["prune"], lossy=own["lossy"],
    )  # fmt: skip

    async def run(service: Service, _: object) -> int:
        report = await flow(service, request)
        if not common.json and not common.quiet:
            show_lines((f"left out: {loss}" for loss in report.left_out), err=True)
        return show_done(common, exits.REFUSED if report.pulled.refused else exits.OK, _lines(report))

    return execute(common, run, command="pull")


def _lines(report: PullReport) -> Iterator[str]:
    from cvsync.cli.showing import written_line

    pulled = report.pulled
    parts = [
        f"{pulled.fetched:,} images fetched ({pulled.bytes / 1e6:,.1f} MB)" if pulled.fetched else "",
        f"{report.there + pulled.found:,} there already" if report.there + pulled.found else "",
        f"{len(pulled.refused):,} refused" if pulled.refused else "",
    ]
    yield ", ".join(part for part in parts if part) or "no image fetched"
    if report.gone:
        what = "deleted" if report.pruned else "kept; --prune deletes them"
        yield f"{len(report.gone):,} images are gone from the project: {what}"
    if report.written is not None:
        yield written_line(report.written)
