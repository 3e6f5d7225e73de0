"""Options that say which model answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import Common, F, add_options

if TYPE_CHECKING:
    from cvsync.flows.models import ModelChoice

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
    """Take the options of ``model_options``, and ``store``, out of a command's.

    Raises:
        click.UsageError: They name two models, or no project is named.
    """
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
