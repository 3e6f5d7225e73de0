"""Options that say how a run goes about its work."""

from __future__ import annotations

from typing import Any

import click

from cvsync.cli.common import F, add_options
from cvsync.cli.number import Number
from cvsync.run.settings import BODY_BYTES, GRACE, Adopt, RunSettings

_MB = 1_000_000

_RUN = (
    click.option(
        "--adopt",
        type=click.Choice(["add", "replace"]),
        default="add",
        show_default=True,
        help="What happens to other labels of an image that turns out to be in the project already: kept "
        "until the next run, or replaced by the manifest's at once.",
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
        type=Number(0),
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
