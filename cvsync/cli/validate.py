"""`cvsync validate`: say all that is wrong with manifests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.options import PROJECT_TYPES, project_type
from cvsync.cli.reading_options import reading_options, take_reading
from cvsync.cli.writable import WritableFile, refuse_manifest

if TYPE_CHECKING:
    from cvsync.cli.offline import Output
    from cvsync.flows.validate import ValidateReport

SHOWN = 3  # rows of a code, before "and N more"


@click.command()
@click.argument("manifests", metavar="MANIFEST…", nargs=-1)
@click.option(
    "--project-type",
    type=click.Choice(PROJECT_TYPES),
    help="Of the project that it is for.  [default: what the manifest needs]",
)
@click.option("--strict", is_flag=True, help="Exit with 4 if a single row is bad.")
@click.option("--rejects", type=WritableFile(), metavar="FILE", help="Write bad rows there.")
@click.option(
    "--preview",
    type=WritableFile(),
    metavar="FILE.png",
    help="Draw some images of this machine with their boxes.",
)
@click.option("--files/--no-files", "check_files", default=True, help="Look whether files are there.")
@click.option("--schema", is_flag=True, help="Print the schema of manifests as JSON Schema, and stop.")
@click.option("--json", is_flag=True, envvar="CVSYNC_JSON", help="Print events as JSON, one a line.")
@reading_options
def validate(manifests: tuple[str, ...], schema: bool, **options: Any) -> int:
    """Look through manifests, and say every problem with its row, its column and what to do.

    \b
    Example:
      cvsync validate manifest.csv --project-type detection
    """
    from cvsync.cli import exits

    if schema:
        import orjson

        from cvsync.manifest.schema import json_schema

        click.echo(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode())
        return exits.OK
    if not manifests:
        raise click.UsageError("which manifest? Name a file or a folder, or - for stdin")
    return _validate(manifests, options)


def _validate(manifests: tuple[str, ...], options: dict[str, Any]) -> int:
    from cvsync.cli import exits
    from cvsync.cli.offline import run_offline
    from cvsync.cli.showing import show_lines
    from cvsync.flows.validate import ValidateRequest
    from cvsync.flows.validate import validate as flow

    json = options["json"]
    refuse_manifest("--rejects", options["rejects"], manifests)
    refuse_manifest("--preview", options["preview"], manifests)
    request = ValidateRequest(
        manifests=manifests,
        reading=take_reading(options, check_files=options["check_files"], now=datetime.now(UTC)),
        type=project_type(options["project_type"]),
        rejects=options["rejects"],
        preview=options["preview"],
    )

    def work(output: Output) -> int:
        report = flow(request)
        if json:
            _tell(report, output)
        else:
            show_lines(text_lines(report))
            if request.rejects and report.problems:
                show_lines([f"rejects: {request.rejects}"])
        if not report.problems:
            return exits.OK
        return exits.MANIFEST if options["strict"] else exits.REFUSED

    return run_offline(work, command="validate", json=json)


def _tell(report: ValidateReport, output: Output) -> None:
    from cvsync.events import Event, without_query

    facts = report.counts | {"convention": report.manifest.convention, "type": str(report.type)}
    output(Event("validated", facts))
    for p in report.problems:
        output(
            Event(
                "problem",
                {
                    "code": p.code, "source": p.source, "row": p.row, "column": p.column,
                    "value": None if p.value is None else without_query(p.value), "message": p.message,
                    "remedy": p.remedy,
                },
            )
        )  # fmt: skip
    for odd in report.warnings:
        rows = [{"source": p.source, "row": p.row, "column": p.column} for p in (odd.problems or ())[:SHOWN]]
        output(
            Event(
                "oddity",
                {
                    "code": odd.code, "count": odd.count, "message": odd.message, "example": odd.example,
                    "remedy": odd.remedy, "rows": rows,
                },
            )
        )  # fmt: skip


def text_lines(report: ValidateReport) -> Iterator[str]:
    """Say what was found: counts, then each code with the first few of its rows."""
    yield report.manifest.convention
    yield _counted(report)
    for code in sorted(report.problems.counts()):
        of_code = report.problems.of(code)
        yield ""
        yield f"{code} {of_code[0].message}: {_number(len(of_code), 'row')}"
        yield from _rows(of_code)
        yield f"    {of_code[0].remedy}"
    for odd in report.warnings:
        yield ""
        yield str(odd)
        yield from _rows(odd.problems or ())
        if odd.remedy:
            yield f"    {odd.remedy}"


def _rows(problems: Any) -> Iterator[str]:
    from cvsync.events import without_query

    for problem in problems[:SHOWN]:
        value = "" if problem.value is None else f" {without_query(problem.value)!r}"
        yield f"  {problem.source} row {problem.row}: {problem.column}{value}"
    if len(problems) > SHOWN:
        yield f"  … and {len(problems) - SHOWN:,} more"


def _counted(report: ValidateReport) -> str:
    counts = report.counts
    parts = [
        _number(counts["rows"], "row"),
        _number(counts["images"], "image"),
        _number(counts["tags"], "tag"),
        counts["boxes"] and _number(counts["boxes"], "box", "boxes"),
        counts["image_tags"] and f"{_number(counts['image_tags'], 'tag')} of whole images",
        counts["unlabelled"] and f"{_number(counts['unlabelled'], 'image')} without a label",
        report.problems and f"{_number(report.problems.row_count, 'row')} refused",
    ]
    return ", ".join(part for part in parts if part) + f"; for a {report.type} project"


def _number(count: int, noun: str, several: str | None = None) -> str:
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"
