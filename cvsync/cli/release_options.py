"""Options of everything that makes a model: training, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.options import F

if TYPE_CHECKING:
    from cvsync.flows.export import ExportTarget
    from cvsync.flows.train import TrainOptions

_TRAINING = (
    click.option(
        "--training-type",
        type=click.Choice(["regular", "advanced"]),
        default="regular",
        show_default=True,
        help="How thorough the training is; an advanced one takes --hours.",
    ),
    click.option(
        "--hours",
        type=click.IntRange(1, 96),
        metavar="N",
        help="The budget of an advanced training, in hours that are paid for.",
    ),
    click.option(
        "--keep-iterations",
        envvar="CVSYNC_KEEP_ITERATIONS",
        type=click.IntRange(1),
        metavar="N",
        help="Where the project has no room for another iteration, remove the oldest but N; never one that "
        "is published or default.  [default: refuse to train]",
    ),
)

iteration_option = click.option(
    "--iteration", metavar="NAME|ID", help="Which model.  [default: the latest trained one]"
)
export_dir_option = click.option(
    "--export-dir",
    envvar="CVSYNC_EXPORT_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("exports"),
    show_default=True,
    help="Where exported models go.",
)
_ENDS = (
    click.option(
        "--export",
        "exports",
        multiple=True,
        metavar="PLATFORM[:FLAVOR]",
        help="Export the trained model; for instance onnx. May be repeated.",
    ),
    export_dir_option,
)


def training_options(command: F) -> F:
    """Add how to train; ``take_training`` takes it out again."""
    for option in reversed(_TRAINING):
        command = option(command)
    return command


def end_options(command: F) -> F:
    """Add what becomes of a trained model; ``take_ends`` takes it out again."""
    for option in reversed(_ENDS):
        command = option(command)
    return command


def take_training(options: dict[str, Any]) -> TrainOptions:
    """Take the options of a training out of a command's."""
    from cvsync.flows.train import TrainingType, TrainOptions

    type_ = TrainingType(options.pop("training_type").capitalize())
    hours, force = options.pop("hours"), options.pop("force")
    if type_ is TrainingType.ADVANCED and hours is None:
        raise click.UsageError("--training-type advanced takes as long as --hours says; give both")
    if type_ is TrainingType.REGULAR and hours is not None:
        raise click.UsageError("--hours is of --training-type advanced; a regular training has no budget")
    return TrainOptions(force=force, type=type_, hours=hours, keep_iterations=options.pop("keep_iterations"))


def take_ends(options: dict[str, Any]) -> dict[str, Any]:
    """Take what becomes of a model out of a command's options, as fields of ``ReleaseRequest``."""
    return {"exports": read_targets(options.pop("exports")), "export_folder": options.pop("export_dir")}


def read_targets(texts: tuple[str, ...]) -> tuple[ExportTarget, ...]:
    """Read the platforms to export to, each once."""
    from cvsync.flows.export import ExportTarget

    return tuple(dict.fromkeys(map(ExportTarget.parse, texts)))
