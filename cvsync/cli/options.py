"""Options that commands share, and the settings that they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cvsync.settings import API_VERSIONS, DEFAULT_API_VERSION

if TYPE_CHECKING:
    from cvsync.manifest import Reading

F = TypeVar("F", bound=Callable[..., Any])


LOCAL = "local"


@dataclass(frozen=True, kw_only=True)
class Common:
    """The values of the shared options."""

    endpoint: str | None
    project: str | None
    auth: str
    api_version: str
    state_dir: Path | None
    local_data: Path | None
    concurrency: int
    max_outage: float
    json: bool
    quiet: bool
    verbose: bool

    @property
    def state(self) -> Path:
        """The root of all state."""
        from platformdirs import user_state_path

        return self.state_dir or user_state_path("cvsync", appauthor=False)

    @property
    def local_folder(self) -> Path:
        """Where the emulator of ``--endpoint local`` keeps its projects."""
        from platformdirs import user_data_path

        return (self.local_data or user_data_path("cvsync", appauthor=False) / "local").resolve()

    def required_project(self) -> str:
        """Give the project, or say how to name it."""
        if not self.project:
            raise click.UsageError("which project? Give -p/--project NAME, or set CVSYNC_PROJECT")
        return self.project


_COMMON = (
    click.option("-p", "--project", envvar="CVSYNC_PROJECT", metavar="NAME|ID", help="The project."),
    click.option(
        "-e",
        "--endpoint",
        envvar=["CVSYNC_ENDPOINT", "VISION_TRAINING_ENDPOINT"],
        metavar="URL|local",
        help="The resource's endpoint; `local` is an emulator on this machine, without any account.",
    ),
    click.option(
        "--auth",
        envvar="CVSYNC_AUTH",
        type=click.Choice(["key", "azure"]),
        default="key",
        show_default=True,
        help="Sign in with CVSYNC_TRAINING_KEY, or as Azure knows you (Entra ID).",
    ),
    click.option(
        "--api-version",
        envvar="CVSYNC_API_VERSION",
        type=click.Choice(API_VERSIONS),
        default=DEFAULT_API_VERSION,
        show_default=True,
        help="The version of the service's API.",
    ),
    click.option(
        "--state-dir",
        envvar="CVSYNC_STATE_DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where cvsync remembers what it did.  [default: the user's state folder]",
    ),
    click.option(
        "--local-data",
        envvar="CVSYNC_LOCAL_DATA",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where `--endpoint local` keeps its projects.  [default: the user's data folder]",
    ),
    click.option(
        "-c",
        "--concurrency",
        envvar="CVSYNC_CONCURRENCY",
        type=click.IntRange(1, 64),
        default=8,
        show_default=True,
        help="Requests in flight at most.",
    ),
    click.option(
        "--max-outage",
        envvar="CVSYNC_MAX_OUTAGE",
        type=click.FloatRange(0),
        default=300.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to go on trying while the service fails.",
    ),
    click.option("--json", is_flag=True, envvar="CVSYNC_JSON", help="Print events as JSON, one a line."),
    click.option("-q", "--quiet", is_flag=True, help="Say only what went wrong."),
    click.option("-v", "--verbose", is_flag=True, help="List everything."),
)


def common_options(command: F) -> F:
    """Add the shared options to a command; it is given them as ``common``."""
    for option in reversed(_COMMON):
        command = option(command)
    return command


READABLE = (
    "csv", "tsv", "parquet", "jsonl", "json", "azureml", "vertex", "rekognition", "coco", "yolo", "voc",
    "folders",
)  # fmt: skip
WRITTEN = tuple(name for name in READABLE if name != "json")

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
    """Add the options that say how manifests are to be read."""
    for option in reversed(_READING):
        command = option(command)
    return command


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


_MANIFEST = (
    click.argument(
        "manifests", metavar="MANIFEST…", nargs=-1, required=True, type=click.Path(path_type=Path)
    ),
    click.option("--create-project", is_flag=True, help="Create the project if it does not exist."),
    click.option(
        "--type",
        "type_",
        type=click.Choice(["multiclass", "multilabel", "detection", "classification"]),
        help="Of a new project.  [default: what the manifest needs]",
    ),
    click.option("--domain", metavar="NAME|ID", help="Of a new project.  [default: General]"),
    click.option(
        "--delete",
        is_flag=True,
        help="Delete images that left the manifest (only those that cvsync put there).",
    ),
    click.option(
        "--max-delete",
        type=click.IntRange(0),
        metavar="N",
        help="Refuse to delete more images.  [default: the smaller of 100 and 10 %]",
    ),
    click.option("--strict", is_flag=True, help="Send nothing if a single row is bad."),
)


def manifest_options(command: F) -> F:
    """Add what ``push`` and ``plan`` have in common."""
    for option in reversed(_MANIFEST):
        command = option(command)
    return reading_options(command)
