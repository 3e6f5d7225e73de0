"""`cvsync verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import common_options, split_common
from cvsync.cli.options import tag_map_option, take_renames
from cvsync.cli.reading_options import reading_options, take_reading
from cvsync.cli.source import open_source, source_options, split_source
from cvsync.cli.writable import WritableFile, refuse_manifest

if TYPE_CHECKING:
    from cvsync.flows.service import Service


@click.command()
@click.argument("manifests", metavar="[MANIFEST]…", nargs=-1)
@click.option("--source", metavar="NAME|ID", help="Compare with this project instead of manifests.")
@tag_map_option
@click.option(
    "--sample",
    type=click.IntRange(0),
    metavar="N",
    help="Compare the bytes of N images too, picked at random.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Picks another sample.")
@click.option(
    "--all-bytes", is_flag=True, help="Compare the bytes of all images; unknown ones are found by them."
)
@click.option("--extra-is-fine", is_flag=True, help="The project may hold images that are not named.")
@click.option(
    "--report",
    type=WritableFile(),
    metavar="FILE",
    help="Write the report to a file: .json, .md or .txt.",
)
@source_options()
@reading_options
@common_options
def verify(
    manifests: tuple[str, ...], source: str | None, sample: int | None, all_bytes: bool, **options: Any
) -> int:
    """Prove that a project holds what manifests, a pulled folder or another project say.

    Nothing is changed. Exits with 10 if anything differs: an image, a tag, a box, metadata or, where bytes
    are compared, a single byte.

    \b
    Example:
      cvsync verify manifest.parquet -p shelf --all-bytes --report shelf.md
      cvsync verify --source shelf -p shelf-copy --sample 100
      cvsync verify --source shelf -p shelf-copy --tag-map fork=Fork
      cvsync verify --from-endpoint https://old.example.com --source shelf -p shelf --all-bytes
    """
    from cvsync.cli import exits
    from cvsync.cli.report import SUFFIXES, report_lines, write_report
    from cvsync.cli.session import execute
    from cvsync.cli.showing import show_done
    from cvsync.flows.verify import VerifyRequest
    from cvsync.flows.verify import verify as flow

    if bool(manifests) == (source is not None):
        raise click.UsageError("compare with manifests or with --source PROJECT: give the one or the other")
    if all_bytes and sample is not None:
        raise click.UsageError("--all-bytes compares every image; leave out --sample")
    common, options = split_common(options)
    other, options = split_source(options)
    report: Path | None = options["report"]
    if report is not None and report.suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"--report {report}: the name ends in none of {', '.join(SUFFIXES)}")
    refuse_manifest("--report", report, manifests)
    request = VerifyRequest(
        project=common.required_project(), manifests=manifests, reading=take_reading(options), source=source,
        tag_map=take_renames("--tag-map", options["tag_map"]),
        sample=None if all_bytes else sample or 0, seed=options["seed"],
        extra_is_fine=options["extra_is_fine"],
    )  # fmt: skip

    async def run(service: Service, _: object) -> int:
        async with open_source(other, common, service, common) as reference:
            found = await flow(service, request, source=reference)
        code = exits.OK if found.is_equal else exits.DIFFERENT
        show_done(common, code, report_lines(found, everything=common.verbose))
        if report is not None:
            write_report(found, report)
        return code

    return execute(common, run, command="verify", manifests=manifests)
