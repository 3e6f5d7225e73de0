"""`cvsync runs`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvsync.cli.common import Common, common_options, split_common
from cvsync.errors import SettingsError

if TYPE_CHECKING:
    from cvsync.cli.jobs.record import JobRecord


@click.command()
@click.argument("job", metavar="[JOB]", required=False)
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="How many of each job.")
@common_options
def runs(job: str | None, last: int, **options: Any) -> int:
    """List the past runs of jobs, the latest first, with what became of them.

    A run without an exit code is at work, or was killed; the next run of its job goes on from there.

    \b
    Example:
      cvsync runs
      cvsync runs nightly --last 5
    """
    from cvsync.cli import exits
    from cvsync.cli.jobs.record import history
    from cvsync.cli.listing import table_lines
    from cvsync.cli.offline import Output, run_offline
    from cvsync.cli.showing import show_lines
    from cvsync.events import tell

    common, _ = split_common(options)
    unreadable: list[str] = []
    folders, known = _folders(common, unreadable.append)
    found = [[r for r in history(folder, unreadable.append) if job in (None, r.job)] for folder in folders]
    if job is not None and job not in known and not any(found):
        raise SettingsError(
            "; ".join([f"no job {job!r} has run with its state in {common.state}", *unreadable])
        )
    latest = sorted((r for of_job in found for r in of_job[:last]), key=lambda r: r.started, reverse=True)
    entries = [_entry(record) for record in latest]

    def show(output: Output) -> int:
        for reason in unreadable:
            tell(output, "warning", text=f"cannot be read: {reason}")
        for entry in entries:
            tell(output, "job_run", **entry)
        if not common.json:
            show_lines(table_lines(entries) if entries else ["no job has run yet"])
        return exits.OK

    return run_offline(show, command="runs", json=common.json)


def _folders(common: Common, unreadable: Callable[[str], object]) -> tuple[list[Path], set[str]]:
    """Give the folders of jobs that may have run, and the names of those in the file.

    Those of the file have their state where their profile says; a job that is wrong there may have run all
    the same, before it was changed.
    """
    from cvsync.cli.config import load_config
    from cvsync.cli.jobs.job import read_job
    from cvsync.cli.jobs.place import in_folder_of
    from cvsync.cli.jobs.record import jobs_folder
    from cvsync.cli.jobs.running import settings_of

    jobs = common.state.resolve() / "jobs"
    folders = set(jobs.iterdir()) if jobs.is_dir() else set()
    known: set[str] = set()
    try:
        file = load_config(common.config)
    except SettingsError:
        if common.config is not None:
            raise
    else:
        known = set(file.jobs)
        with in_folder_of(file):
            for name in known:
                try:
                    state = settings_of(read_job(file, name)).state.resolve()
                except SettingsError as error:
                    unreadable(str(error))
                else:
                    folders.add(jobs_folder(state, name, file.path))
    return sorted(folders), known


def _entry(record: JobRecord) -> dict[str, Any]:
    from cvsync.cli.jobs.markdown import verdict

    return {
        "run_id": record.run_id,
        "job": record.job,
        "seconds": record.seconds,
        "exit_code": record.exit_code,
        "verdict": verdict(record.exit_code),
        "changes": record.changed,
        "refused": record.refused_count,
    }
