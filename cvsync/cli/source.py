"""The other resource: where the project is that a verb copies, or compares with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import LOCAL, Common, F, add_options
from cvsync.cli.endpoints import endpoint_url
from cvsync.cli.keys import SOURCE, KeyNames
from cvsync.cli.session import open_resource
from cvsync.errors import SettingsError
from cvsync.settings import API_VERSIONS

if TYPE_CHECKING:
    from cvsync.flows.service import Service

_OPTIONS = (
    click.option(
        "--from-endpoint",
        envvar="CVSYNC_FROM_ENDPOINT",
        metavar="URL",
        help=f"The source's resource, its key in {SOURCE[0]} (or _FILE).  [default: --endpoint's]",
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

    from_profile: str | None
    from_endpoint: str | None
    from_api_version: str | None


def source_options(*names: str) -> Callable[[F], F]:
    """Add the options that name the other resource; ``split_source`` takes them out again.

    Args:
        names: Further names of ``--from-profile``.
    """
    profile = click.option(
        "--from-profile",
        *names,
        metavar="PROFILE",
        help="The source's resource, as a profile of cvsync.toml says it.  [default: --endpoint's]",
    )

    def add(command: F) -> F:
        return add_options((profile, *_OPTIONS), command)

    return add


def split_source(options: dict[str, Any]) -> tuple[Source, dict[str, Any]]:
    """Take the other resource out of a command's options."""
    names = Source.__dataclass_fields__
    own = {name: value for name, value in options.items() if name not in names}
    return Source(**{name: options[name] for name in names}), own


@asynccontextmanager
async def open_source(
    source: Source, common: Common, service: Service, opened: Common
) -> AsyncIterator[Service]:
    """Open the other resource for as long as the block lasts, unless it is the one that is open already.

    Args:
        source: What names it.
        common: The resource that it is where nothing names it.
        service: Is open.
        opened: Whose service that is.

    Raises:
        SettingsError: There is no such profile, the endpoint is no URL, or the key is missing.
    """
    resource = _resource(source, common)
    if resource == opened or _is_one_emulator(resource, opened):
        yield service
        return
    async with open_resource(resource, service.observer, service.stop) as (other, _):
        yield other


def _resource(source: Source, common: Common) -> Common:
    """Give the other resource."""
    if source.from_profile is not None:
        if source.from_endpoint is not None:
            raise SettingsError(
                "--from-profile and --from-endpoint both name the source's resource: give one"
            )
        if source.from_api_version is not None:
            raise SettingsError(
                "--from-api-version goes with --from-endpoint; with --from, the profile says api_version"
            )
        return common.at(source.from_profile)
    if source.from_endpoint is None:
        if source.from_api_version not in (None, common.api_version):
            raise SettingsError("--from-api-version is of another resource; give its --from-endpoint too")
        return common
    endpoint = endpoint_url("--from-endpoint", source.from_endpoint)
    return replace(
        common, endpoint=endpoint, api_version=source.from_api_version or common.api_version,
        endpoint_name="--from-endpoint", auth="key", key_names=KeyNames(training=SOURCE, prediction=()),
    )  # fmt: skip


def _is_one_emulator(one: Common, other: Common) -> bool:
    return one.endpoint == other.endpoint == LOCAL and one.local_folder == other.local_folder
