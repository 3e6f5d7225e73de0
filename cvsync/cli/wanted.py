"""Options that say which images of a project are meant."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import F, add_options

if TYPE_CHECKING:
    from cvsync.flows.wanted import Wanted

_OPTIONS = (
    click.option(
        "--iteration", metavar="NAME|ID", help="The images and labels that an iteration was trained on."
    ),
    click.option(
        "--tag", "tags", multiple=True, metavar="TAG", help="Only images with this tag. May be repeated."
    ),
    click.option("--tagged/--untagged", default=None, help="Only images with labels, or only those without."),
    click.option(
        "--since", type=click.DateTime(), metavar="DATE", help="Only images created then (UTC) or later."
    ),
    click.option("--until", type=click.DateTime(), metavar="DATE", help="Only images created before (UTC)."),
    click.option(
        "--filter",
        "filter_",
        metavar="CONDITION",
        help="Only images whose metadata match, as the service puts it: \"metadata=batch eq 'x'\".",
    ),
)


def wanted_options(command: F) -> F:
    """Add the options that say which images are meant; ``take_wanted`` reads them."""
    return add_options(_OPTIONS, command)


def take_wanted(options: dict[str, Any]) -> Wanted:
    """Say which images a command's options mean.

    Raises:
        click.UsageError: Images without labels are asked for by a tag.
    """
    from cvsync.flows.wanted import Wanted

    if options["tags"] and options["tagged"] is False:
        raise click.UsageError("--untagged images have no --tag")
    times = {name: options[name] and options[name].replace(tzinfo=UTC) for name in ("since", "until")}
    return Wanted(**{name: options[name] for name in ("iteration", "tags", "tagged", "filter_")}, **times)
