"""`cvsync run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cvsync.cli.common import common_options, split_common
from cvsync.errors import SettingsError

if TYPE_CHECKING:
    from cvsync.cli.config import Config


@click.command()
@click.argument("job", metavar="[JOB]", required=False)
@common_options
@click.pass_context
def run(context: click.Context, /, job: str | None, **options: Any) -> int:
    """Run a job of cvsync.toml: its steps in order, until one fails; without a name, list the jobs.

    A step that refused some rows does not end the job, but its exit code (3) is the job's. Each run leaves a
    report, as JSON and as Markdown, in the state folder. Repeat it after any end: what is done is not done
    again. One run of a job is at work at a time; a second one exits with 8.

    \b
    Example:
      cvsync run
      cvsync run nightly --deadline 06:30
    """
    from cvsync.cli.config import load_config
    from cvsync.cli.jobs.job import read_job
    from cvsync.cli.jobs.place import in_folder_of
    from cvsync.cli.jobs.running import run_job

    common, _ = split_common(options)
    words = _given(context)
    file = load_config(common.config)
    with in_folder_of(file):
        return run_job(read_job(file, job), words) if job else _list(file, json=common.json)


def _list(file: Config, *, json: bool) -> int:
    from cvsync.cli import exits
    from cvsync.cli.jobs.job import read_job
    from cvsync.cli.jobs.running import settings_of
    from cvsync.cli.listing import table_lines
    from cvsync.cli.offline import Output, run_offline
    from cvsync.cli.showing import show_lines
    from cvsync.events import tell

    entries, wrong = [], []
    for name in file.jobs:
        try:
            job = read_job(file, name)
            project = settings_of(job).project
        except SettingsError as error:
            wrong.append(str(error))
        else:
            entries.append({
                "job": job.name, "profile": job.settings.get("profile"), "project": project,
                "steps": [step.verb for step in job.steps],
            })  # fmt: skip

    def show(output: Output) -> int:
        for entry in entries:
            tell(output, "job", **entry)
        if not json:
            show_lines(table_lines(entries))
        if wrong:
            raise SettingsError("; ".join(wrong))
        return exits.OK

    return run_offline(show, command="run", json=json)


def _given(context: click.Context) -> list[str]:
    """Give the common options of the command line as words, each whole, as are paths."""
    words = []
    for parameter in context.command.params:
        is_given = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        if isinstance(parameter, click.Option) and is_given and parameter.name != "config":
            name, value = max(parameter.opts, key=len), context.params[str(parameter.name)]
            whole = value.absolute() if isinstance(value, Path) else value
            words.append(name if parameter.is_flag else f"{name}={whole}")
    return words
