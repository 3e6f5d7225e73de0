"""A job as it stands in `cvsync.toml`.

[job.nightly]
profile = "shop"                      common options, by name
project = "shelf"
steps = [
  { push = { manifests = "manifest.csv", delete = true } },
  { train = { keep_iterations = 3 } },
]

A step is a verb with its arguments and options, under the names that they have on the command line; what is
wrong with them, the verb itself says. Steps that make a model and follow each other are one release.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from cvsync.cli.config import Config, Table, nearest
from cvsync.cli.jobs.releases import MODEL, as_one_release
from cvsync.cli.profiles import cast, option_names, read_profile, typed
from cvsync.errors import SettingsError

STEPS = ("push", "pull", "migrate", "verify", "evaluate", *MODEL)
_OF_THE_JOB = {"config", "deadline", "json", "quiet", "verbose", "state_dir"}


@dataclass(frozen=True)
class Step:
    """One verb of a job, ready to be run."""

    verb: str
    place: str
    """Where it stands, for messages."""
    command: click.Command
    arguments: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    """By the names of parameters, in their types."""


@dataclass(frozen=True)
class Job:
    """Verbs in a row."""

    name: str
    file: Config
    settings: Mapping[str, Any]
    """Common options, by the names of parameters, in their types."""
    steps: tuple[Step, ...]


def read_job(file: Config, name: str) -> Job:
    """Read a job; paths in it are those of the current folder, which should be the file's.

    Raises:
        SettingsError: There is no such job, or something in it is wrong.
    """
    table = file.job(name)
    place = f"{file.path}: job.{name}"
    if not re.fullmatch(r"[\w-][\w.-]*", name):
        raise SettingsError(
            f"{place}: a job's name is of letters, digits, `.`, `-` and `_`: it names a folder"
        )
    own = {key: value for key, value in table.items() if key not in ("steps", "profile")}
    said = read_profile(file, f"job.{name}", own, name)
    if said.keys.is_said:
        raise SettingsError(f'{place}: where keys stand is said in a profile; name it: profile = "NAME"')
    chosen = {"profile": table["profile"]} if "profile" in table else {}
    for profile in chosen.values():
        file.profile(profile)
    written = table.get("steps")
    if not isinstance(written, list) or not written:
        raise SettingsError(f'{place}: write its steps as steps = [{{ push = {{ manifests = "FILE" }} }}]')
    parts = [_part(f"{place} step {number}", step) for number, step in enumerate(written, 1)]
    for part, verb, options in parts:  # told of the step where they stand, before some become one
        _require_names(part, _known(_command("train" if verb == "judge" else verb)), options)
    steps = tuple(_step(file, *part) for part in as_one_release(parts))
    return Job(name, file, {**said.values, **chosen}, steps)


def _part(place: str, written: Any) -> tuple[str, str, Table]:
    """Give a step's place, verb and options."""
    if not isinstance(written, dict) or len(written) != 1:
        raise SettingsError(f"{place}: write it as {{ VERB = {{ OPTION = VALUE }} }}, one verb a step")
    ((verb, options),) = written.items()
    if verb not in STEPS:
        raise SettingsError(f"{place}: {verb!r} is no step; {nearest(verb, STEPS)}")
    if not isinstance(options, dict):
        raise SettingsError(f"{place}: write the options of {verb} as a table, {verb} = {{ OPTION = VALUE }}")
    return f"{place} ({verb})", verb, options


def _command(verb: str) -> click.Command:
    from cvsync.cli.main import cli

    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    return command


def _known(command: click.Command) -> dict[str, click.Parameter]:
    """Give the arguments and options of a command by name."""
    return {**_arguments(command), **option_names(command)}


def _require_names(place: str, known: Mapping[str, click.Parameter], table: Table) -> None:
    """Refuse names that a step cannot have."""
    for written in table:
        where, key = f"{place}: {written}", written.replace("-", "_")
        if key in _OF_THE_JOB:
            raise SettingsError(f"{where} is the job's; write it above the steps")
        if key not in known:
            raise SettingsError(f"{where}: unknown name; {nearest(key, known.keys() - _OF_THE_JOB)}")


def _step(file: Config, place: str, verb: str, table: Table) -> Step:
    command = _command(verb)
    known = _known(command)
    _require_names(place, known, table)
    arguments: dict[str, tuple[str, ...]] = {}
    options: dict[str, Any] = {}
    for written, value in table.items():
        where, key = f"{place}: {written}", written.replace("-", "_")
        parameter = known[key]
        if isinstance(parameter, click.Argument):
            values = value if isinstance(value, list) else [value]
            arguments[key] = tuple(typed(one, where, is_flag=False) for one in values)
        else:
            options |= _option(file, where, parameter, value)
    words = tuple(word for name in _arguments(command) for word in arguments.get(name, ()))
    return Step(verb, place, command, words, options)


def _arguments(command: click.Command) -> dict[str, click.Argument]:
    """Give the arguments of a command by name, in order."""
    return {str(one.name): one for one in command.params if isinstance(one, click.Argument)}


def _option(file: Config, where: str, parameter: click.Parameter, value: Any) -> dict[str, Any]:
    assert isinstance(parameter, click.Option)
    if parameter.is_flag and not isinstance(value, bool):
        raise SettingsError(f"{where}: it is true or false")
    if parameter.multiple:
        value = [f"{k}={v}" for k, v in value.items()] if isinstance(value, dict) else value
        value = value if isinstance(value, list) else [value]
    return {str(parameter.name): cast(parameter, value, file, where)}
