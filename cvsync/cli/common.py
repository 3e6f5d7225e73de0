"""The options that all verbs of the service share, and the settings that they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from cvsync.cli.deadline import Deadline
from cvsync.cli.keys import KeyNames
from cvsync.cli.number import Number
from cvsync.cli.odd_texts import refuse_odd_texts
from cvsync.cli.profiles import configure, load_profile, overruled
from cvsync.settings import API_VERSIONS, DEFAULT_API_VERSION

F = TypeVar("F", bound=Callable[..., Any])

LOCAL = "local"
_OF_A_RESOURCE = ("endpoint", "prediction_endpoint", "project", "auth", "api_version")
_TAKEN = (*_OF_A_RESOURCE, "local_data")


@dataclass(frozen=True, kw_only=True)
class Common:
    """The values of the shared options."""

    endpoint: str | None
    prediction_endpoint: str | None
    project: str | None
    auth: str
    api_version: str
    state_dir: Path | None
    local_data: Path | None
    concurrency: int
    tps: float | None
    tps_max: float | None
    max_outage: float
    deadline: float | None
    lock_timeout: float
    json: bool
    quiet: bool
    verbose: bool
    config: Path | None = None
    """The file of profiles; None: it is searched for."""
    profile: str | None = None
    endpoint_name: str = "--endpoint"
    """What says the endpoint, for messages."""
    key_names: KeyNames | None = None
    """Where the keys stand; None: in the environment, or where the profile says."""
    overruled: tuple[str, ...] = ()
    """What the environment says otherwise than the profile, of what decides where a run goes."""

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
        """Give the project, or say how to name it.

        Raises:
            click.UsageError: Nothing names it.
        """
        if not self.project:
            raise click.UsageError("which project? Give -p/--project NAME, or set CVSYNC_PROJECT")
        return self.project

    @property
    def keys(self) -> KeyNames:
        """Where the keys of the resource stand."""
        if self.key_names is not None:
            return self.key_names
        return KeyNames() if self.profile is None else load_profile(self.config, self.profile).keys

    def at(self, profile: str) -> Common:
        """Give the settings of a second resource: its profile, and how this run goes about its work.

        What options and environment say of endpoint, project, sign-in and keys is of the first; what the
        profile says of anything but these is of runs of its own.

        Raises:
            SettingsError: There is no such profile, or it is wrong.
        """
        own = dict.fromkeys(_OF_A_RESOURCE) | {"auth": "key", "api_version": DEFAULT_API_VERSION}
        found = load_profile(self.config, profile)
        said = {name: value for name, value in found.values.items() if name in _TAKEN}
        keys = replace(found.keys, training=(), prediction=())
        of_profile = {"profile": profile, "key_names": keys, "endpoint_name": f"profile {profile}: endpoint"}
        return replace(self, **{**own, **said, **of_profile})


_COMMON = (
    click.option(
        "--config",
        envvar="CVSYNC_CONFIG",
        type=click.Path(dir_okay=False, exists=True, path_type=Path),
        is_eager=True,
        callback=configure,
        metavar="FILE",
        help="The file of profiles and jobs.  [default: ./cvsync.toml, or in the user's settings folder]",
    ),
    click.option(
        "--profile",
        envvar="CVSYNC_PROFILE",
        is_eager=True,
        callback=configure,
        metavar="NAME",
        help="Take what options and environment leave open from [profile.NAME] of cvsync.toml.",
    ),
    click.option("-p", "--project", envvar="CVSYNC_PROJECT", metavar="NAME|ID", help="The project."),
    click.option(
        "-e",
        "--endpoint",
        envvar=["CVSYNC_ENDPOINT", "VISION_TRAINING_ENDPOINT"],
        metavar="URL|local",
        help="The resource's endpoint; `local` is an emulator on this machine, without any account.",
    ),
    click.option(
        "--prediction-endpoint",
        envvar=["CVSYNC_PREDICTION_ENDPOINT", "VISION_PREDICTION_ENDPOINT"],
        metavar="URL",
        help="The prediction resource's endpoint.  [default: the same]",
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
        type=click.IntRange(1, 256),
        default=16,
        show_default=True,
        help="Requests in flight at most.",
    ),
    click.option(
        "--tps",
        envvar="CVSYNC_TPS",
        type=Number(0, min_open=True),
        metavar="N",
        help="Requests a second, of each kind.  [default: as many as the service takes]",
    ),
    click.option(
        "--tps-max",
        envvar="CVSYNC_TPS_MAX",
        type=Number(0, min_open=True),
        metavar="N",
        help="Requests a second at most, of what the service takes.",
    ),
    click.option(
        "--max-outage",
        envvar="CVSYNC_MAX_OUTAGE",
        type=Number(0),
        default=1800.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for the service to come back while it fails.",
    ),
    click.option(
        "--deadline",
        envvar="CVSYNC_DEADLINE",
        type=Deadline(),
        help="End the run by then: requests in flight finish, the rest waits for the next run.",
    ),
    click.option(
        "--lock-timeout",
        envvar="CVSYNC_LOCK_TIMEOUT",
        type=Number(0),
        default=0.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait while another run is at work on the project.",
    ),
    click.option("--json", is_flag=True, envvar="CVSYNC_JSON", help="Print events as JSON, one a line."),
    click.option(
        "-q",
        "--quiet",
        is_flag=True,
        envvar="CVSYNC_QUIET",
        help="Say only what went wrong, and show only what is asked for.",
    ),
    click.option("-v", "--verbose", is_flag=True, envvar="CVSYNC_VERBOSE", help="List everything."),
)


def add_options(options: Sequence[Callable[[F], F]], command: F) -> F:
    """Add options to a command; its help lists them in this order, before those that it has."""
    for option in reversed(options):
        command = option(command)
    return command


def common_options(command: F) -> F:
    """Add the shared options to a command; ``split_common`` takes them out again."""
    return add_options(_COMMON, command)


def split_common(options: dict[str, Any]) -> tuple[Common, dict[str, Any]]:
    """Take the shared options out of a command's, while it is invoked.

    Raises:
        click.BadParameter: An option or argument that is a text is none.
    """
    refuse_odd_texts(click.get_current_context())
    names = Common.__dataclass_fields__.keys() - {"key_names", "overruled", "endpoint_name"}
    own = {name: value for name, value in options.items() if name not in names}
    told = tuple(overruled(click.get_current_context(), ("endpoint", "project")))
    return Common(**{name: options[name] for name in names}, overruled=told), own
