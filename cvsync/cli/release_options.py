"""Options of everything that makes a model: training, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import LOCAL, Common, F, add_options
from cvsync.cli.number import Number
from cvsync.cli.writable import WritableFolder, require_folder
from cvsync.errors import SettingsError

if TYPE_CHECKING:
    from cvsync.flows.export import ExportTarget
    from cvsync.flows.judge import Gate
    from cvsync.flows.publish import Publication
    from cvsync.flows.train import TrainOptions

LOCAL_RESOURCE = (  # the emulator takes any
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers"
    "/Microsoft.CognitiveServices/accounts/local"
)
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
    type=WritableFolder(),
    default=Path("exports"),
    show_default=True,
    help="Where exported models go.",
)
_GATE = (
    *(
        click.option(
            f"--min-{measure}",
            f"min_{measure}",
            multiple=True,
            metavar="[TAG=]FRACTION",
            help=f"The least {words}, of the model or of a tag, for it to be published and exported. "
            "May be repeated.",
        )
        for measure, words in (("precision", "precision"), ("recall", "recall"), ("ap", "average precision"))
    ),
    click.option(
        "--no-worse-than",
        type=click.Choice(["published"]),
        help="Publish and export nothing that is worse, by any of the three, than what is published.",
    ),
    click.option(
        "--tolerance",
        type=Number(0, 1),
        default=0.0,
        metavar="FRACTION",
        help="With --no-worse-than: how much worse it may be all the same.  [default: 0]",
    ),
    click.option(
        "--threshold",
        type=Number(0, 1),
        metavar="FRACTION",
        help="Predictions below it do not count.  [default: as the service has it]",
    ),
    click.option(
        "--overlap",
        type=Number(0, 1),
        metavar="FRACTION",
        help="How much of a box must be met for it to count.  [default: as the service has it]",
    ),
)
_RESOURCE = (
    click.option(
        "--prediction-resource-id",
        envvar=["CVSYNC_PREDICTION_RESOURCE_ID", "VISION_PREDICTION_RESOURCE_ID"],
        metavar="ID",
        help="Where to publish: the prediction resource's id, /subscriptions/…/accounts/NAME.",
    ),
)
_ENDS = (
    click.option(
        "--publish",
        metavar="NAME",
        help="Publish the trained model (push trains first) under this name; it is taken from the one "
        "that has it.",
    ),
    *_RESOURCE,
    click.option(
        "--export",
        "exports",
        multiple=True,
        metavar="PLATFORM[:FLAVOR]",
        help="Export the trained model (push trains first); for instance onnx. May be repeated.",
    ),
    export_dir_option,
)


def training_options(command: F) -> F:
    """Add how to train; ``take_training`` takes it out again."""
    return add_options(_TRAINING, command)


def gate_options(command: F) -> F:
    """Add what a model must be like; ``take_gate`` takes it out again."""
    return add_options(_GATE, command)


def resource_option(command: F) -> F:
    """Add where to publish; ``take_publication`` takes it out again."""
    return add_options(_RESOURCE, command)


def end_options(command: F) -> F:
    """Add what a model must be like and what becomes of it; ``take_ends`` takes it out again."""
    return gate_options(add_options(_ENDS, command))


def take_training(options: dict[str, Any]) -> TrainOptions:
    """Take the options of a training out of a command's.

    Raises:
        click.UsageError: The budget is not that of the type.
    """
    from cvsync.flows.train import TrainingType, TrainOptions

    type_ = TrainingType(options.pop("training_type").capitalize())
    hours, force = options.pop("hours"), options.pop("force")
    if type_ is TrainingType.ADVANCED and hours is None:
        raise click.UsageError("--training-type advanced takes as long as --hours says; give both")
    if type_ is TrainingType.REGULAR and hours is not None:
        raise click.UsageError("--hours is of --training-type advanced; a regular training has no budget")
    return TrainOptions(force=force, type=type_, hours=hours, keep_iterations=options.pop("keep_iterations"))


def take_ends(common: Common, options: dict[str, Any]) -> dict[str, Any]:
    """Take what becomes of a model out of a command's options, as fields of ``ReleaseRequest``."""
    name, resource = options.pop("publish"), options.pop("prediction_resource_id")
    exports, folder = read_targets(options.pop("exports")), options.pop("export_dir")
    if exports:
        require_folder("--export-dir", folder)
    return {
        "gate": take_gate(options),
        "publish": take_publication(common, name, resource) if name is not None else None,
        "exports": exports,
        "export_folder": folder,
    }


def take_gate(options: dict[str, Any]) -> Gate:
    """Take what a model must be like out of a command's options.

    Raises:
        click.UsageError: A tolerance goes with nothing.
        SettingsError: A least share is no fraction.
    """
    from cvsync.flows.judge import Gate, Least, Measure

    least = [Least.parse(m, text) for m in Measure for text in options.pop(f"min_{m}")]
    compares, tolerance = bool(options.pop("no_worse_than")), options.pop("tolerance")
    if tolerance and not compares:
        raise click.UsageError("--tolerance is of --no-worse-than published; give both")
    return Gate(
        least=tuple(least), no_worse_than_published=compares, tolerance=tolerance,
        threshold=options.pop("threshold"), overlap=options.pop("overlap"),
    )  # fmt: skip


def take_publication(common: Common, name: str, resource: str | None) -> Publication:
    """Say where a model is to answer, or how to say it.

    Raises:
        SettingsError: Nothing says it.
    """
    from cvsync.flows.publish import Publication

    if common.endpoint == LOCAL:
        resource = resource or LOCAL_RESOURCE
    if not resource:
        raise SettingsError(
            "where to publish? Give --prediction-resource-id, or set CVSYNC_PREDICTION_RESOURCE_ID: the id "
            "of the prediction resource, which the portal shows among its properties"
        )
    return Publication(name, resource)


def read_targets(texts: tuple[str, ...]) -> tuple[ExportTarget, ...]:
    """Read the platforms to export to, each once.

    Raises:
        SettingsError: The service has no such platform.
    """
    from cvsync.flows.export import ExportTarget

    return tuple(dict.fromkeys(map(ExportTarget.parse, texts)))
