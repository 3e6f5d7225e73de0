"""Options that commands share, and the settings that they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import LOCAL, Common, F, add_options, common_options, split_common
from cvsync.cli.writable import WritableFile
from cvsync.run.settings import BODY_BYTES, GRACE, Adopt, RunSettings

if TYPE_CHECKING:
    from cvsync.flows.models import ModelChoice
    from cvsync.manifest import Reading
    from cvsync.model import ProjectType

__all__ = [
    "LOCAL",
    "PROJECT_TYPES",
    "READABLE",
    "WRITTEN",
    "Common",
    "common_options",
    "create_project_option",
    "manifest_options",
    "model_options",
    "project_type",
    "quota_option",
    "reading_options",
    "rejects_option",
    "run_options",
    "split_common",
    "split_run",
    "tag_map_option",
    "take_model",
    "take_reading",
    "take_renames",
    "yes_option",
]


_MB = 1_000_000

PROJECT_TYPES = ("multiclass", "multilabel", "detection", "classification")
READABLE = (
    "csv", "tsv", "parquet", "jsonl", "json", "azureml", "vertex", "rekognition", "coco", "yolo", "voc",
    "folders",
)  # fmt: skip
WRITTEN = tuple(name for name in READABLE if name != "json")
PULLED = tuple(name for name in WRITTEN if name != "folders")  # whose images lie in folders of their own

_READING = (
    click.option(
        "--from",
        "from_",
        type=click.Choice(READABLE),
        help="The manifests' format.  [default: what they are]",
    ),
    click.option(
        "--map",
        "map_",
        multiple=True,
        metavar="FIELD=COLUMN",
        help="Which column is a field: --map url=link --map tag=name. May be repeated.",
    ),
    click.option(
        "--box",
        type=click.Choice(["ltwh", "xyxy", "cxcywh"]),
        help="What a box's numbers are: left, top, width, height; corners; or centre and size.",
    ),
    click.option("--units", type=click.Choice(["fraction", "pixel", "percent"]), help="What they count."),
    click.option("--probe-size", is_flag=True, help="Read the sizes of images from their files."),
    click.option(
        "--images",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        metavar="FOLDER",
        help="Where paths start.  [default: the manifest's folder]",
    ),
    click.option("--negative", metavar="NAME", help="The tag that says: none of the others."),
    click.option(
        "--metadata",
        multiple=True,
        metavar="COLUMN",
        help="Carry a column as image metadata. May be repeated.",
    ),
)


def reading_options(command: F) -> F:
    """Add the options that say how manifests are to be read; ``take_reading`` takes them out again."""
    return add_options(_READING, command)


def take_reading(options: dict[str, Any], **more: Any) -> Reading:
    """Take the options of ``reading_options`` out of a command's."""
    from cvsync.manifest import Box, Reading, Units

    pairs = [pair.partition("=") for pair in options.pop("map_")]
    wrong = [field for field, mark, _ in pairs if not mark]
    if wrong:
        raise click.UsageError(f"--map {wrong[0]}: write it as --map FIELD=COLUMN")
    box, units = options.pop("box"), options.pop("units")
    return Reading(
        format=options.pop("from_"),
        columns={field.strip(): column for field, _, column in pairs},
        box=Box(box) if box else None,
        units=Units(units) if units else None,
        probe_size=options.pop("probe_size"),
        images=options.pop("images"),
        negative=options.pop("negative"),
        metadata=options.pop("metadata"),
        **more,
    )


create_project_option = click.option(
    "--create-project", is_flag=True, help="Create the project if it does not exist."
)
max_delete_option = click.option(
    "--max-delete",
    type=click.IntRange(0),
    metavar="N",
    help="Refuse to delete more images.  [default: the smaller of 100 and 10 %]",
)
quota_option = click.option(
    "--quota",
    type=click.Choice(["S0", "F0", "none"]),
    default="S0",
    show_default=True,
    help="Whose limits the plan is checked against: the tier of the resource.",
)
rejects_option = click.option(
    "--rejects",
    type=WritableFile(),
    metavar="FILE",
    help="Where refused rows go.  [default: a file in the run's folder, named at the end]",
)

tag_map_option = click.option(
    "--tag-map",
    "tag_map",
    multiple=True,
    metavar="OLD=NEW",
    help="The source's tag OLD is named NEW in the project. May be repeated.",
)

# Without a variable, so that neither environment nor profile agrees to what nobody was asked.
yes_option = click.option("-y", "--yes", is_flag=True, help="Remove without asking.")


def project_type(text: str | None) -> ProjectType | None:
    """Read the type of a project as options say it; None: nothing is said."""
    from cvsync.model import ProjectType

    return ProjectType("multiclass" if text == "classification" else text) if text else None


_MANIFEST = (
    # Texts, no paths: a path would fold the double slash of s3://.
    click.argument("manifests", metavar="MANIFEST…", nargs=-1, required=True),
    create_project_option,
    click.option(
        "--type",
        "type_",
        type=click.Choice(PROJECT_TYPES),
        help="Of a new project.  [default: what the manifest needs]",
    ),
    click.option("--domain", metavar="NAME|ID", help="Of a new project.  [default: General]"),
    click.option(
        "--delete",
        is_flag=True,
        help="Delete images that left the manifest (only those that cvsync put there).",
    ),
    max_delete_option,
    click.option(
        "--delete-unmanaged",
        is_flag=True,
        help="With --delete: also images that cvsync never put there.",
    ),
    click.option(
        "--adopt-unmanaged",
        is_flag=True,
        help="Know images that cvsync never put there by their ids from now on, as pulled manifests do.",
    ),
    click.option(
        "--on-drift",
        type=click.Choice(["manifest", "project", "stop"]),
        default="manifest",
        show_default=True,
        help="Who is right about images that were edited in the project since the last run.",
    ),
    click.option(
        "--rename", "renames", multiple=True, metavar="OLD=NEW", help="Rename a tag of the project first."
    ),
    click.option("--only", multiple=True, metavar="TAG", help="Leave all other tags alone. May be repeated."),
    click.option("--exclude", multiple=True, metavar="TAG", help="Leave this tag alone. May be repeated."),
    quota_option,
    click.option("--strict", is_flag=True, help="Send nothing if a single row is bad."),
)


def take_renames(option: str, texts: tuple[str, ...]) -> dict[str, str]:
    """Read what an option says of tags and their other names, as ``OLD=NEW``.

    Raises:
        click.UsageError: It is not written so.
    """
    pairs = {}
    for text in texts:
        old, equals, new = (part.strip() for part in text.partition("="))
        if not equals or not old or not new:
            raise click.UsageError(f"{option} {text!r} is not OLD=NEW")
        pairs[old] = new
    return pairs


def manifest_options(command: F) -> F:
    """Add what ``push`` and ``plan`` have in common."""
    return reading_options(add_options(_MANIFEST, command))


_RUN = (
    click.option(
        "--adopt",
        type=click.Choice(["add", "replace"]),
        default="add",
        show_default=True,
        help="What happens to other labels of an image that turns out to be in the project already: kept, "
        "or replaced by the manifest's.",
    ),
    click.option(
        "--as-bytes",
        multiple=True,
        metavar="GLOB",
        help="Download URLs like this here and send their bytes; for hosts that the service cannot reach.",
    ),
    click.option(
        "--no-bytes-fallback",
        is_flag=True,
        envvar="CVSYNC_NO_BYTES_FALLBACK",
        help="Do not download images here that the service cannot download; refuse them.",
    ),
    click.option(
        "--max-body-mb",
        envvar="CVSYNC_MAX_BODY_MB",
        type=click.IntRange(1),
        default=BODY_BYTES // _MB,
        show_default=True,
        metavar="MB",
        help="Megabytes of images in requests at once; they take about three times that of memory.",
    ),
    click.option(
        "--settle-grace",
        envvar="CVSYNC_SETTLE_GRACE",
        type=click.FloatRange(0),
        default=GRACE,
        show_default=True,
        metavar="SECONDS",
        help="How long a request without an answer may still be at work in the service; then its outcome is "
        "looked up.",
    ),
    click.option(
        "--max-errors",
        type=click.IntRange(0),
        metavar="N",
        help="End early when more images are refused.  [default: the larger of 1,000 and 5 %]",
    ),
    click.option("--no-markers", is_flag=True, help="Do not mark new images with their batch's id."),
    click.option("--no-backup", is_flag=True, help="Do not save images before they are deleted."),
    click.option(
        "--delete-despite-errors",
        is_flag=True,
        help="Delete even if something else was refused in the same run.",
    ),
)
_RUN_FIELDS = (
    "adopt", "as_bytes", "no_bytes_fallback", "max_body_mb", "settle_grace", "max_errors", "no_markers",
    "no_backup", "delete_despite_errors",
)  # fmt: skip


def run_options(command: F) -> F:
    """Add how a run goes about its work; ``split_run`` takes it out again."""
    return add_options(_RUN, command)


def split_run(options: dict[str, Any]) -> tuple[RunSettings, dict[str, Any]]:
    """Take a run's settings out of a command's options."""
    own = {name: value for name, value in options.items() if name not in _RUN_FIELDS}
    settings = RunSettings(
        adopt=Adopt(options["adopt"]),
        as_bytes=options["as_bytes"],
        fall_back=not options["no_bytes_fallback"],
        body_bytes=options["max_body_mb"] * _MB,
        grace=options["settle_grace"],
        max_errors=options["max_errors"],
        markers=not options["no_markers"],
        backup=not options["no_backup"],
        delete_despite_errors=options["delete_despite_errors"],
    )
    return settings, own


_MODEL = (
    click.option(
        "--iteration", metavar="NAME|ID", help="The iteration that answers.  [default: the last one trained]"
    ),
    click.option(
        "--published", metavar="NAME", help="Ask the prediction endpoint for what is published as NAME."
    ),
)


def model_options(command: F) -> F:
    """Add the options that say which model answers; ``take_model`` takes them out again."""
    return add_options(_MODEL, command)


def take_model(common: Common, options: dict[str, Any]) -> ModelChoice:
    """Take the options of ``model_options``, and ``store``, out of a command's."""
    from cvsync.flows.models import ModelChoice

    iteration, published = options.pop("iteration"), options.pop("published")
    if iteration and published:
        raise click.UsageError(
            "--iteration asks by quick test, --published the prediction endpoint: give one"
        )
    return ModelChoice(
        project=common.required_project(), iteration=iteration, published=published,
        store=options.pop("store"),
    )  # fmt: skip
