"""Options that commands share about projects, and about what a push does to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cvsync.cli.common import F, add_options
from cvsync.cli.reading_options import reading_options
from cvsync.cli.writable import WritableFile

if TYPE_CHECKING:
    from cvsync.model import ProjectType

PROJECT_TYPES = ("multiclass", "multilabel", "detection", "classification")

create_project_option = click.option(
    "--create-project", is_flag=True, help="Create the project if it does not exist."
)
exportable_option = click.option(
    "--exportable",
    is_flag=True,
    help="Of a new project: only such that its models can be exported.  [default: with --export]",
)
max_delete_option = click.option(
    "--max-delete",
    type=click.IntRange(0),
    metavar="N",
    help="Refuse to delete more images.  [default: the smaller of 100 and 10 %, at least 1]",
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
    exportable_option,
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
