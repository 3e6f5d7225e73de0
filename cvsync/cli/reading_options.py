"""Options that say how manifests are to be read, and the formats that there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import F, add_options

if TYPE_CHECKING:
    from cvsync.manifest import Reading

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
    """Take the options of ``reading_options`` out of a command's.

    Raises:
        click.UsageError: One of --map is not FIELD=COLUMN.
    """
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
