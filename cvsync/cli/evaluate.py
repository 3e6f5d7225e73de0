"""`cvsync evaluate`: hold a model against a labelled manifest."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import common_options, split_common
from cvsync.cli.model_options import model_options, take_model
from cvsync.cli.number import Number
from cvsync.cli.one_line import one_line
from cvsync.cli.reading_options import reading_options, take_reading
from cvsync.cli.release_text import share
from cvsync.cli.writable import WritableFile, refuse_manifest
from cvsync.errors import SettingsError
from cvsync.whole import open_named

if TYPE_CHECKING:
    from cvsync.flows.evaluate import Evaluation, Mistake
    from cvsync.flows.service import Service
    from cvsync.scores import Score

SHOWN = 10  # mistakes, before "and N more"


@click.command()
@click.argument("manifests", metavar="MANIFEST…", nargs=-1, required=True)
@click.option(
    "--threshold", type=Number(0, 1), default=0.5, show_default=True, metavar="P",
    help="Predictions that are less probable do not count, but for AP they do.",
)  # fmt: skip
@click.option(
    "--overlap", type=Number(0, 1, min_open=True), default=0.3, show_default=True, metavar="IOU",
    help="How much a predicted box and the labelled one overlap at least, for it to be found.",
)  # fmt: skip
@click.option(
    "--mistakes", type=WritableFile(), metavar="FILE.csv",
    help="Write down what was missed and what was wrong.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Ask for nothing if a single row is bad.")
@click.option("--store", is_flag=True, help="Have the service keep pictures and answers.")
@model_options
@reading_options
@common_options
def evaluate(manifests: tuple[str, ...], **options: Any) -> int:
    """Hold a model against a labelled manifest: precision, recall and average precision, tag by tag.

    The images should be such that the model did not learn from. All figures are computed here. Asks by quick
    test; with --published the prediction endpoint.

    \b
    Example:
      cvsync evaluate held-out.csv -p shelf --mistakes mistakes.csv
      cvsync evaluate held-out.csv -p shelf --published production --threshold 0.8
    """
    from cvsync.cli import exits
    from cvsync.cli.session import execute
    from cvsync.cli.showing import show_lines
    from cvsync.flows.evaluate import EvaluateRequest
    from cvsync.flows.evaluate import evaluate as flow

    common, options = split_common(options)
    mistakes: Path | None = options["mistakes"]
    refuse_manifest("--mistakes", mistakes, manifests)
    options["store"] = None if options["store"] or not _may_choose(common.api_version, options) else False
    request = EvaluateRequest(
        manifests=manifests, model=take_model(common, options), reading=take_reading(options),
        threshold=options["threshold"], overlap=options["overlap"], strict=options["strict"],
    )  # fmt: skip

    async def run(service: Service, _: object) -> int:
        found = await flow(service, request)
        if found is None:
            return exits.UNEXPECTED  # the command says what ended it
        if not common.json:
            show_lines(evaluation_lines(found, everything=common.verbose))
        if mistakes is not None:
            write_mistakes(found.mistakes, mistakes)
        return exits.REFUSED if found.refused else exits.OK

    keys = replace(common.keys, is_training_needed=request.model.published is None)
    return execute(common, run, command="evaluate", manifests=manifests, keys=keys)


def _may_choose(api_version: str, options: dict[str, Any]) -> bool:
    """Tell whether it can be said that nothing is to be kept: of quick tests only later versions take it."""
    from cvsync.api.versions import STORE_SINCE, is_at_least

    return bool(options["published"]) or is_at_least(api_version, STORE_SINCE)


def evaluation_lines(found: Evaluation, *, everything: bool = False) -> Iterator[str]:
    """Show a table with a line a tag, and the first few mistakes unless ``everything``."""
    overlap = "" if found.overlap is None else f", overlap from {found.overlap:g}"
    yield f"{found.model}: {found.images:,} images, probability from {found.threshold:g}{overlap}"
    names = [*map(one_line, found.tags), "overall"]
    width = max(len("tag"), *map(len, names))
    yield f"  {'tag':<{width}}  {'labels':>7}  {'said':>7}  {'right':>7}  precision  recall      AP"
    for name, one in zip(names, [*found.tags.values(), found.overall], strict=True):
        yield f"  {name:<{width}}  {_figures(one)}"
    for tag in found.unknown:
        yield f"the model does not know {tag!r}: all its labels are missed"
    yield f"{len(found.mistakes):,} mistakes"
    for mistake in found.mistakes if everything else found.mistakes[:SHOWN]:
        yield f"  {_mistake(mistake)}"
    if len(found.mistakes) > SHOWN and not everything:
        yield f"  … and {len(found.mistakes) - SHOWN:,} more (-v lists all, --mistakes FILE.csv writes them)"
    if found.refused:
        yield f"{found.refused:,} images were not judged"


def _figures(one: Score) -> str:
    counts = f"{one.labels:>7,}  {one.predictions:>7,}  {one.hits:>7,}"
    return f"{counts}  {share(one.precision):>9}  {share(one.recall):>6}  {share(one.average_precision):>6}"


def _mistake(mistake: Mistake) -> str:
    chance = "" if mistake.probability is None else f" {mistake.probability:.1%}"
    place = "" if mistake.box is None else " at {:.3f} {:.3f}, {:.3f} x {:.3f}".format(*mistake.box)
    return f"{mistake.image}: {mistake.kind} {mistake.tag}{chance}{place}"


def write_mistakes(mistakes: tuple[Mistake, ...], path: Path) -> None:
    """Write mistakes as a table, a row each; a file appears whole, and links and devices are written to.

    Raises:
        SettingsError: The file cannot be written.
        OSError: The disk is full.
    """
    from cvsync.cli import exits

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_named(path) as sink, TextIOWrapper(sink, encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image", "mistake", "tag", "probability", "left", "top", "width", "height"])
            for one in mistakes:
                writer.writerow([one.image, one.kind, one.tag, one.probability, *(one.box or (None,) * 4)])
    except OSError as error:
        if exits.is_full(error):
            raise
        raise SettingsError(f"--mistakes {path}: {error.strerror}") from error
