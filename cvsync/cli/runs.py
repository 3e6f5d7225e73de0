"""`cvsync runs`."""

from __future__ import annotations

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
    from cvsync.events import tell

    common, _ = split_common(options)
    found = [record for folder in _folders(common, job) for record in history(folder)[:last]]
    found = [record for record in found if job in (None, record.job)]
    entries = [_entry(record) for record in sorted(found, key=lambda r: r.started, reverse=True)]

    def show(output: Output) -> int:
        for entry in entries:
            tell(output, "job_run", **entry)
        if not common.json:
            for line in table_lines(entries) if entries else ["no job has run yet"]:
                click.echo(line)
        return exits.OK

    return run_offline(show, command="runs", json=common.json)


def _folders(common: Common, job: str | None) -> list[Path]:
    """Give the folders of jobs that may have run; of those in the file, in what their profile says."""
    from cvsync.cli.config import load_config
    from cvsync.cli.jobs.job import read_job
    from cvsync.cli.jobs.place import in_folder_of
    from cvsync.cli.jobs.record import history, jobs_folder
    from cvsync.cli.jobs.running import settings_of

    folders = set((common.state.resolve() / "jobs").glob("*"))
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
                state = settings_of(read_job(file, name)).state.resolve()
                folders.add(jobs_folder(state, name, file.path))
    if job is not None and job not in known | {run.job for folder in folders for run in history(folder)}:
        raise SettingsError(f"no job {job!r} has run with its state in {common.state}")
    return sorted(folders)


def _entry(record: JobRecord) -> dict[str, Any]:
    from cvsync.cli.jobs.markdown import verdict
    from cvsync.cli.jobs.record import changes

    totals = [changes(step.facts.get("totals", {})) for step in record.steps]
    return {
        "run_id": record.run_id,
        "job": record.job,
        "seconds": record.seconds,
        "exit_code": record.exit_code,
        "verdict": verdict(record.exit_code),
        "changes": sum(sum(n for name, n in t.items() if not name.endswith("refused")) for t in totals),
        "refused": sum(step.refused_count for step in record.steps),
    }
