"""The other resource: where the project is that a verb copies, or compares with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cvsync.cli.keys import SOURCE, training_key
from cvsync.cli.options import Common
from cvsync.errors import SettingsError
from cvsync.settings import API_VERSIONS

if TYPE_CHECKING:
    from cvsync.flows.service import Service

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--from-endpoint",
        envvar="CVSYNC_FROM_ENDPOINT",
        metavar="URL",
        help=f"The source's resource, its key in {SOURCE[0]} (or _FILE).  [default: the same resource]",
    ),
    click.option(
        "--from-api-version",
        envvar="CVSYNC_FROM_API_VERSION",
        type=click.Choice(API_VERSIONS),
        help="With --from-endpoint: the version of its API.  [default: the same]",
    ),
)


@dataclass(frozen=True)
class Source:
    """The values of the options that name the other resource."""

    from_endpoint: str | None
    from_api_version: str | None


def source_options(command: F) -> F:
    """Add the options that name the other resource; ``split_source`` takes them out again."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def split_source(options: dict[str, Any]) -> tuple[Source, dict[str, Any]]:
    """Take the other resource out of a command's options."""
    names = Source.__dataclass_fields__
    own = {name: value for name, value in options.items() if name not in names}
    return Source(**{name: options[name] for name in names}), own


@asynccontextmanager
async def open_source(source: Source, common: Common, service: Service) -> AsyncIterator[Service]:
    """Open the other resource for as long as the block lasts; by default it is the one that is open already.

    Raises:
        SettingsError: The endpoint is no URL, or its key is missing.
    """
    from cvsync.api.retry import RetryPolicy
    from cvsync.flows.service import open_service
    from cvsync.settings import Settings

    if source.from_endpoint is None:
        if source.from_api_version not in (None, common.api_version):
            raise SettingsError("--from-api-version is of another resource; give its --from-endpoint too")
        yield service
        return
    if not source.from_endpoint.startswith(("http://", "https://")):
        raise SettingsError(f"--from-endpoint {source.from_endpoint!r} is no http(s) URL")
    settings = Settings(
        endpoint=source.from_endpoint, training_key=training_key(SOURCE), concurrency=common.concurrency,
        api_version=source.from_api_version or common.api_version, tps=common.tps, tps_max=common.tps_max,
    )  # fmt: skip
    async with open_service(
        settings, state=common.state, observer=service.observer, stop=service.stop,
        policy=RetryPolicy(max_outage=common.max_outage),
    ) as other:  # fmt: skip
        yield other
