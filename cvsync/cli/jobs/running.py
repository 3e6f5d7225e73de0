"""Running a job: its steps in order, until one fails."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from cvsync.cli import exits
from cvsync.cli.common import Common, common_options, split_common
from cvsync.cli.jobs.exporting import ready_to_export
from cvsync.cli.jobs.job import Job, Step
from cvsync.cli.jobs.listening import listen
from cvsync.cli.jobs.markdown import markdown, verdict
from cvsync.cli.jobs.record import (
    KEPT,
    JobRecord,
    StepRecord,
    history,
    jobs_folder,
    now,
    remove,
    room,
    set_damaged_aside,
    write_private,
)
from cvsync.cli.offline import Output, run_offline
from cvsync.cli.showing import show_done
from cvsync.cli.terminating import Terminated, terminate, terminating
from cvsync.errors import CvsyncError
from cvsync.events import tell
from cvsync.odd_names import as_text
from cvsync.plan.quota import Tier
from cvsync.run.failpoints import failpoint
from cvsync.run.lock import hold_lock
from cvsync.run.names import new_run_id

_BETWEEN = "{how} between two steps; run again to go on"
_COMES_LATER = "the deadline came before step {number} ({verb}); the next run of the job goes on from there"


def run_job(job: Job, words: Sequence[str]) -> int:
    """Run a job and give its exit code.

    The first step that fails ends it, with its code; one that refused some rows does not, but the job ends
    with its code. Every verb can be repeated after any end, so the next run begins at the first step again.

    Args:
        job: What to run.
        words: Common options of the command line, which go before all that stands in the file.
    """
    began = time.monotonic()
    common = settings_of(job, words)
    steps = ready_to_export(job.steps, lambda step: settings_of(job, words, step.options))
    job = replace(job, steps=tuple(steps))
    run_id = new_run_id()
    folder = jobs_folder(common.state, job.name, job.file.path)

    wait = common.lock_timeout if common.deadline is None else min(common.lock_timeout, common.deadline)

    def work(output: Output) -> int:
        with hold_lock(folder, run_id=run_id, what=f"job {job.name}", timeout=wait):
            record = JobRecord(job.name, run_id, now(), str(job.file.path))
            return _Run(job, words, common, record, output, began).to_the_end()

    return run_offline(work, command=f"run {job.name}", json=common.json, quiet=common.quiet, run_id=run_id)


def settings_of(job: Job, words: Sequence[str] = (), options: Mapping[str, Any] | None = None) -> Common:
    """Give the common options of a job as its steps will have them, or the one that has these options."""

    @click.command()
    @common_options
    def settings(**options: Any) -> Common:
        return split_common(options)[0]

    made = _invoke(settings, job, words, options or {})
    assert isinstance(made, Common)
    return made


def _invoke(command: click.Command, job: Job, words: Sequence[str], options: Mapping[str, Any]) -> Any:
    """Have a command take its options from the command line, the environment and the job, in this order."""
    whole = [f"--config={job.file.path}", *words]
    context = command.make_context(command.name, whole, default_map={**job.settings, **options})
    with context:
        return command.invoke(context)


@dataclass
class _Run:
    job: Job
    words: Sequence[str]
    common: Common
    record: JobRecord
    output: Output
    began: float
    """By the clock, before the lock was waited for; the deadline counts from here."""
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.folder = jobs_folder(self.common.state, self.job.name, self.job.file.path)

    def to_the_end(self) -> int:
        """Run the steps, and report whatever happens."""
        tell(self.output, "job_start", job=self.job.name, steps=[step.verb for step in self.job.steps])
        self.record.save(self.folder)
        code = exits.UNEXPECTED
        try:
            with terminating():
                code = self._steps()
        except KeyboardInterrupt:
            code = exits.INTERRUPTED
            self._say(_BETWEEN.format(how="interrupted"))
        except Terminated:
            code = exits.TERMINATED
            self._say(_BETWEEN.format(how="terminated"))
        finally:
            self._report(code)
        return code

    def _steps(self) -> int:
        worst = exits.OK
        for number, step in enumerate(self.job.steps, 1):
            failpoint("before-step")
            left = self._left()
            if left is not None and left <= 0:
                self._say(_COMES_LATER.format(number=number, verb=step.verb))
                return exits.LATER
            code = self._step(number, step, left)
            failpoint("after-step")
            if code == exits.REFUSED:
                worst = code
            elif code != exits.OK:
                self._fail(f"step {number} ({step.verb})", self.record.steps[-1].reason, code)
                return code
        return worst

    def _fail(self, step: str, reason: str | None, code: int) -> None:
        if reason is None:  # else it has been said
            self._say(f"{step}: {verdict(code)}")
        else:
            self.record.reason = f"{step}: {reason}"

    def _say(self, reason: str) -> None:
        """Note why the job ends early, and say it even to who wants to hear of nothing else."""
        self.record.reason = reason
        self.output.error(reason)

    def _left(self) -> float | None:
        if self.common.deadline is None:
            return None
        return self.common.deadline - (self.clock() - self.began)

    def _step(self, number: int, step: Step, left: float | None) -> int:
        tell(self.output, "step_start", step=step.verb, number=number, of=len(self.job.steps))
        record = StepRecord(step.verb, now())
        self.record.steps.append(record)
        start = self.clock()
        code = exits.UNEXPECTED
        try:
            code = self._code_of(step, record, left)
        finally:
            record.exit_code, record.seconds = code, round(self.clock() - start, 3)
            tier = Tier(step.options.get("quota", Tier.S0))
            record.quota = room(record.facts, tier.extent)
            self.record.save(self.folder)
            facts = {"step": step.verb, "number": number, "exit_code": code, "seconds": record.seconds}
            tell(self.output, "step_end", **facts)
        return code

    def _code_of(self, step: Step, record: StepRecord, left: float | None) -> int:
        words = [*self.words] if left is None else [*self.words, f"--deadline={left}"]
        words += ["--", *step.arguments] if step.arguments else []
        try:
            with listen(record):
                code = _invoke(step.command, self.job, words, step.options)
        except click.ClickException as error:
            record.reason, code = f"{step.place}: {error.format_message()}", error.exit_code
            self.output.error(record.reason)
        except CvsyncError as error:  # of options, before the verb began
            record.reason, code = f"{step.place}: {error}", exits.exit_code(error)
            self.output.error(record.reason)
        finally:
            signal.signal(signal.SIGTERM, terminate)  # a verb's event loop leaves it as Python has it
        assert isinstance(code, int)
        return code

    def _report(self, code: int) -> None:
        record = self.record
        record.exit_code, record.ended = code, now()
        for path, aside in set_damaged_aside(self.folder):
            text = f"{path} is no report of a job, or it is damaged; it stands aside as {aside.name}"
            tell(self.output, "warning", text=text)
        earlier = [run for run in history(self.folder) if run.run_id != record.run_id]
        # A run that judged none tells what it was before it: the one that did may be long removed.
        models = (run.model or run.model_before for run in earlier)
        record.model_before = next((model for model in models if model is not None), None)
        before = next((run for run in earlier if run.ended is not None), None)
        path = record.save(self.folder)
        page = path.with_suffix(".md")
        write_private(page, as_text(markdown(record, before)).encode())
        reason = {} if record.reason is None else {"reason": record.reason}
        tell(self.output, "job_end", job=record.job, exit_code=code, report=str(page), **reason)
        show_done(self.common, code, [f"report: {page}"])
        remove(self.folder, earlier[KEPT - 1 :])
