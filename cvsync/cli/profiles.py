"""Profiles: settings of a resource by name, under those of options and environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from cvsync.cli.config import Config, Table, load_config, nearest
from cvsync.cli.keys import LIKE_A_KEY, KeyNames
from cvsync.errors import SettingsError

_KEYS = ("training_key_file", "training_key_env", "prediction_key_file", "prediction_key_env")
_SECRET = re.compile(r"(^|_)(key|token|secret|password)$")
_NO_PLACE = (
    "a key has no place in a file that others read and that ends up in version control; say where it stands: "
    'training_key_file = "FILE" or training_key_env = "VARIABLE"'
)
_CHOOSING = ("profile", "config")


@dataclass(frozen=True)
class Profile:
    """What a profile says."""

    values: Mapping[str, Any]
    """By the names of parameters, in their types; paths are whole."""
    keys: KeyNames
    """Where the keys of its resource stand."""


def load_profile(config: Path | None, name: str) -> Profile:
    """Read a profile.

    Args:
        config: The file; None: search for it.
        name: Which profile of it.

    Raises:
        SettingsError: There is no such file or profile, or it holds a key, an unknown name or a wrong value.
    """
    file = load_config(config)
    return read_profile(file, f"profile.{name}", file.profile(name), name)


def read_profile(file: Config, place: str, table: Table, name: str) -> Profile:
    """Read the settings that stand in a table of the file; ``load_profile`` says what is raised."""
    options = settable()
    values: dict[str, Any] = {}
    keys: dict[str, Any] = {}
    for written, value in table.items():
        key = written.replace("-", "_")
        where = f"{file.path}: {place}.{written}"
        if key in _KEYS:
            keys[key] = _key_place(file, where, key, value)
        elif _SECRET.search(key.casefold()):
            raise SettingsError(f"{where}: {_NO_PLACE}")
        elif key not in options:
            raise SettingsError(f"{where}: unknown name; {nearest(key, [*options, *_KEYS])}")
        else:
            values[str(options[key].name)] = cast(options[key], value, file, where)
    return Profile(values, KeyNames(profile=name, **keys))


def settable() -> dict[str, click.Option]:
    """Give the options that a profile may set: all that have an environment variable, by name."""
    from cvsync.cli.main import cli

    found: dict[str, click.Option] = {}
    for command in _commands(cli):
        for name, option in option_names(command).items():
            if option.envvar and name not in _CHOOSING:
                found.setdefault(name, option)
    return found


def option_names(command: click.Command) -> dict[str, click.Option]:
    """Give the options of a command by the names that they are typed with, with underscores."""
    return {
        name.removeprefix("--").replace("-", "_"): option
        for option in command.params
        if isinstance(option, click.Option)
        for name in option.opts
        if name.startswith("--")
    }


def _commands(command: click.Command) -> Iterator[click.Command]:
    if not isinstance(command, click.Group):
        yield command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        member = command.get_command(context, name)
        assert member is not None
        yield from _commands(member)


def cast(parameter: click.Parameter, value: Any, file: Config, where: str) -> Any:
    """Give a value of the file in the type of the parameter that it is for.

    Raises:
        SettingsError: It is not one.
    """
    try:
        made = parameter.type_cast_value(
            click.Context(click.Command("cvsync")), _as_typed(parameter, value, where)
        )
    except click.BadParameter as error:
        raise SettingsError(f"{where}: {error.message}") from error
    return _whole(made, file) if isinstance(made, Path) else made


def _as_typed(parameter: click.Parameter, value: Any, where: str) -> Any:
    if isinstance(value, list) and parameter.multiple:
        return [typed(one, where, is_flag=False) for one in value]
    return typed(value, where, is_flag=isinstance(parameter, click.Option) and parameter.is_flag)


def typed(value: Any, where: str, *, is_flag: bool) -> Any:
    """Give a value of the file as it would be typed on the command line; a flag's stays what it is.

    Raises:
        SettingsError: It could not be typed there.
    """
    if isinstance(value, list | dict):
        raise SettingsError(f"{where}: it takes one value, neither a list nor a table")
    if isinstance(value, bool) and not is_flag:
        raise SettingsError(f"{where}: it takes a value; true and false are for flags")
    if is_flag:
        return value
    if isinstance(value, datetime):
        value = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _key_place(file: Config, where: str, key: str, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{where}: name a {'file' if key.endswith('file') else 'variable'}")
    if LIKE_A_KEY.fullmatch(value):  # and would be shown, as a variable or a file that is not there
        raise SettingsError(f"{where}: {_NO_PLACE}")
    return _whole(Path(value), file) if key.endswith("file") else value


def _whole(path: Path, file: Config) -> Path:
    return file.path.parent / path.expanduser()


def overruled(context: click.Context, names: Iterable[str]) -> Iterator[str]:
    """Give those of some settings that the environment says otherwise than the profile."""
    said = context.default_map or {}
    for name in names:
        is_environment = context.get_parameter_source(name) is ParameterSource.ENVIRONMENT
        if is_environment and said.get(name) not in (None, context.params[name]):
            yield name


def configure(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Let the chosen profile give defaults, once both ``--config`` and ``--profile`` are known.

    Both are eager options with this callback, and come in either order.
    """
    chosen = context.params | {str(parameter.name): value}
    if all(name in chosen for name in _CHOOSING) and chosen["profile"] is not None:
        values = load_profile(chosen["config"], chosen["profile"]).values
        context.default_map = {**values, **(context.default_map or {})}
    return value
