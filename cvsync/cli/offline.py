"""Commands that need no service: work on files, show, and give the exit code."""

from __future__ import annotations

from collections.abc import Callable

from cvsync.cli import exits, process
from cvsync.cli.jsonl import JsonOutput
from cvsync.cli.terminating import Terminated, terminating
from cvsync.cli.text import TextOutput
from cvsync.events import Event
from cvsync.run.names import new_run_id

Output = TextOutput | JsonOutput


def run_offline(
    work: Callable[[Output], int],
    *,
    command: str,
    json: bool,
    quiet: bool = False,
    run_id: str | None = None,
) -> int:
    """Do some work that needs no service of its own; ``run_end`` is told whatever happens."""
    output: Output = TextOutput(quiet=quiet)
    if json:
        output = JsonOutput(run=run_id or new_run_id(), destination=None)
    output(Event("run_start", {"command": command, "project": None}))
    process.arrange()
    code, reason = exits.UNEXPECTED, None
    try:
        with terminating():
            code = work(output)
    except Exception as error:
        reason = exits.explain(error)
        if reason is None:
            raise
        code = exits.exit_code(error)
    except KeyboardInterrupt:
        code, reason = exits.INTERRUPTED, "interrupted"
        raise
    except Terminated:
        code, reason = exits.TERMINATED, "terminated"
    finally:
        output(Event("run_end", {"exit_code": code, "totals": {}} | ({"reason": reason} if reason else {})))
        output.close()
        if reason:
            output.error(reason)
    return code
