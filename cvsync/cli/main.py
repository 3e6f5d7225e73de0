"""The `cvsync` command."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module

import click

from cvsync import __version__
from cvsync.cli import exits, streams

VERBS = {
    "apply": "push",
    "convert": "convert",
    "domain": "domain",
    "emulate": "emulate",
    "evaluate": "evaluate",
    "export": "model",
    "iteration": "iteration",
    "ledger": "ledger",
    "migrate": "migrate",
    "plan": "push",
    "pull": "pull",
    "publish": "model",
    "project": "project",
    "push": "push",
    "run": "run",
    "runs": "runs",
    "status": "ledger",
    "tag": "tag",
    "test": "test",
    "train": "model",
    "undo": "undo",
    "unpublish": "model",
    "validate": "validate",
    "verify": "verify",
}
"""The module of each verb; the command there has the verb's name."""


class Verbs(click.Group):
    """Loads a verb when it is asked for, so that `--version` waits for none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Give the names of all verbs."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a verb; None: there is no such one."""
        module = VERBS.get(cmd_name)
        if module is None:
            return None
        if cmd_name != "emulate":  # which learns; no other verb multiplies matrices
            # numpy's threads for that wait for work awake when they start: 0.07 s of every command's time.
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        command: click.Command = getattr(import_module(f"cvsync.cli.{module}"), cmd_name)
        return command


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cvsync")
def cli() -> None:
    """Keep Azure Custom Vision projects equal to manifests.

    \b
    cvsync plan manifest.csv -p shelf      shows what would change
    cvsync push manifest.csv -p shelf      makes it so
    cvsync emulate                         runs the service on this machine
    """


def run() -> None:
    """Run the command line and exit with its code."""
    # Arrow looks when it is loaded, which the first verb does; `process` says why.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    streams.repair()
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
        _tell_end(code, error.format_message())
    except click.Abort:
        code = exits.INTERRUPTED
    except Exception as error:  # of options, before anything began
        reason = exits.explain(error)
        if reason is None:
            raise
        from cvsync.cli.one_line import one_line

        click.echo(one_line(f"cvsync: {reason}"), err=True)
        code = exits.exit_code(error)
        _tell_end(code, reason)
    for number in (signal.SIGINT, signal.SIGTERM):  # the work is over: one more has nothing to end
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)


def _tell_end(code: int, reason: str) -> None:
    """Tell programs of a command that did not come to its first event how it ended, if they can be told."""
    if "--json" not in sys.argv and not os.environ.get("CVSYNC_JSON"):
        return
    from cvsync.cli.jsonl import JsonOutput
    from cvsync.events import Event
    from cvsync.run.names import new_run_id

    output = JsonOutput(run=new_run_id(), destination=None)
    with suppress(OSError):  # stdout may be what failed; the exit code says it, too
        output(Event("run_end", {"exit_code": code, "totals": {}, "reason": reason}))
