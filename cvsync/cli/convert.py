"""`cvsync convert`: manifests in one format, the same in another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.reading_options import WRITTEN, reading_options, take_reading
from cvsync.cli.writable import STDOUT, WritableFile, refuse_manifest

if TYPE_CHECKING:
    from cvsync.cli.offline import Output
    from cvsync.flows.convert import ConvertReport


@click.command()
@click.argument("manifests", metavar="IN…", nargs=-1, required=True)
@click.argument("out", metavar="OUT", type=click.Path())
@click.option(
    "-f", "--format", "format_", type=click.Choice(WRITTEN), help="Of OUT.  [default: as its name ends]"
)
@click.option("--lossy", is_flag=True, help="Leave out labels and images that the format cannot hold.")
@click.option("--overwrite", is_flag=True, help="Replace the file OUT; a folder must be empty or new.")
@click.option("--copy-images", is_flag=True, help="Copy the images into OUT, where that is a folder.")
@click.option("--strict", is_flag=True, help="Write nothing if a single row is bad.")
@click.option(
    "--rejects",
    type=WritableFile(),
    metavar="FILE",
    help="Where bad rows go.  [default: a file beside OUT]",
)
@click.option("--json", is_flag=True, envvar="CVSYNC_JSON", help="Print events as JSON, one a line.")
@reading_options
def convert(manifests: tuple[str, ...], out: str, **options: Any) -> int:
    """Write manifests in another format; OUT is a file, a folder, or - for stdout.

    What the format cannot hold is refused, unless --lossy; then it is listed.

    \b
    Example:
      cvsync convert annotations.json manifest.parquet
      cvsync convert manifest.csv yolo-set -f yolo --copy-images
      cvsync convert manifest.parquet - -f csv | wc -l
    """
    from cvsync.cli.offline import run_offline
    from cvsync.flows.convert import ConvertRequest
    from cvsync.flows.convert import convert as flow

    refuse_manifest("--rejects", options["rejects"], manifests)
    if out == STDOUT and options["json"]:
        raise click.UsageError("with --json stdout is for events: name the file that OUT is to be")
    request = ConvertRequest(
        manifests=manifests,
        destination=sys.stdout.buffer if out == STDOUT else Path(out),
        format=options["format_"],
        reading=take_reading(options, any_storage=True),
        **{name: options[name] for name in ("lossy", "overwrite", "copy_images", "strict", "rejects")},
    )
    json = options["json"]

    def work(output: Output) -> int:
        return _show(flow(request), output, json=json, err=out == STDOUT)

    return run_offline(work, command="convert", json=json)


def _show(report: ConvertReport, output: Output, *, json: bool, err: bool) -> int:
    from cvsync.cli import exits
    from cvsync.cli.showing import show_lines, written_line
    from cvsync.events import tell
    from cvsync.flows.telling import tell_manifest, tell_problems

    manifest, written = report.manifest, report.written
    tell_manifest(output, manifest)
    tell_problems(output, manifest.problems)
    if json:
        losses = [{"what": loss.what, "count": loss.count} for loss in written.losses]
        tell(
            output, "written", rows=manifest.rows, labels=written.labels, images=written.images,
            path=str(written.path), format=written.format.name, left_out=losses,
            precision=written.format.holds.precision,
        )  # fmt: skip
    else:
        show_lines((f"left out: {loss}" for loss in written.losses), err=True)
        show_lines([written_line(written)], err=err)
        if report.rejects:
            show_lines([f"rejects: {report.rejects}"], err=err)
    if manifest.problems and report.rejects is None:
        tell(output, "warning", text="the refused rows are written nowhere: --rejects FILE says where")
    return exits.REFUSED if manifest.problems else exits.OK
