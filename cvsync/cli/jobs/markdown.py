"""The report of a run of a job, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from cvsync.cli import exits
from cvsync.cli.jobs.record import JobRecord, changes
from cvsync.cli.release_text import MEASURES
from cvsync.cli.report import escape

MEANINGS = {
    exits.OK: "done",
    exits.USAGE: "the configuration is wrong",
    exits.REFUSED: "finished, but something was refused",
    exits.MANIFEST: "a manifest cannot be read; nothing was sent",
    exits.LATER: "a temporary fault, or the deadline; the next run goes on",
    exits.GUARD: "a guard refused",
    exits.NOT_FOUND: "not allowed or not found",
    exits.LOCKED: "another run was at work",
    exits.MODEL: "training, the gate or an export failed; the data is in",
    exits.DIFFERENT: "differences found",
    exits.INTERRUPTED: "interrupted; the next run goes on",
    exits.TERMINATED: "terminated; the next run goes on",
}
_SHOWN = 20  # refused rows

Rows = Sequence[Sequence[object]]
Facts = Mapping[str, Any]


def markdown(record: JobRecord, before: JobRecord | None) -> str:
    """Write the report of a run.

    Args:
        record: The run.
        before: The one before it that came to an end, for comparison.
    """
    sections = (
        _head(record, before),
        _steps(record),
        _changed(record),
        _refused(record),
        _quota(record),
        _model(record),
        _warnings(record),
    )
    return "\n".join(line for section in sections for line in section) + "\n"


def verdict(code: int | None) -> str:
    """Say what an exit code means; None: the run has not ended."""
    return "unfinished" if code is None else MEANINGS.get(code, "an unexpected error")


def _head(record: JobRecord, before: JobRecord | None) -> Iterator[str]:
    code = record.exit_code
    yield f"# Job {escape(record.job)}: {verdict(code)}"
    yield ""
    yield f"- run: {record.run_id}"
    yield f"- started: {_time(record.started)}"
    if record.seconds is not None:
        yield f"- took: {_duration(record.seconds)}"
    yield f"- exit code: {code}"
    if record.reason:
        yield f"- reason: {escape(record.reason)}"
    if before is not None:
        yield f"- the run before: {before.run_id}, {_time(before.started)}, {verdict(before.exit_code)}"


def _steps(record: JobRecord) -> Iterator[str]:
    rows = [
        [n, s.verb, s.project or "", _duration(s.seconds), s.exit_code, s.run_id or ""]
        for n, s in enumerate(record.steps, 1)
    ]
    yield from _table(
        "Steps", ["step", "verb", "project", "took", "exit code", "run, for `cvsync undo`"], rows
    )


def _changed(record: JobRecord) -> Iterator[str]:
    rows = [
        [s.verb, name.replace("_", " "), number]
        for s in record.steps
        for name, number in changes(s.facts.get("totals", {})).items()
        if not name.endswith("refused")
    ]
    yield from _table("What changed", ["step", "what", "how many"], rows, otherwise="Nothing changed.")


def _refused(record: JobRecord) -> Iterator[str]:
    number = record.refused_count
    rows = [
        [s.verb, facts.get("source") or facts.get("image"), facts.get("row"), facts["code"], facts["reason"]]
        for s in record.steps
        for facts in s.refused
    ][:_SHOWN]
    heading = ["step", "of", "row", "code", "reason"]
    yield from _table(f"Refused: {number:,}", heading, rows, otherwise="Nothing was refused.")
    if number > len(rows):
        yield f"\n… and {number - len(rows):,} more; the rejects file of the run has them all."


def _quota(record: JobRecord) -> Iterator[str]:
    rows = [
        [step.project or "", noun, *of.values()] for step in record.steps for noun, of in step.quota.items()
    ]
    if rows:
        yield from _table("Quota", ["project", "of", "there", "limit", "left"], rows)


def _model(record: JobRecord) -> Iterator[str]:
    now, before = record.model, record.model_before
    if now is not None:
        heading = ["", "iteration", *MEASURES]
        rows = [["this run", now["iteration"], *(_figure(now, name, before) for name in MEASURES)]]
        if before is not None:
            rows.append(
                ["the last one judged", before["iteration"], *(_figure(before, name) for name in MEASURES)]
            )
        yield from _table("Model", heading, rows)
        yield from _tags(now, before)
        for failure in now["failures"]:
            yield f"\nNot good enough: {escape(failure)}."
    yield from _use(record)
    names = ("model", "images", "precision", "recall", "average_precision")
    evaluated = [
        [s.facts["evaluated"][name] for name in names] for s in record.steps if "evaluated" in s.facts
    ]
    if evaluated:
        yield from _table("Evaluation", [name.replace("_", " ") for name in names], evaluated)


def _tags(now: Facts, before: Facts | None) -> Iterator[str]:
    then = {tag["tag"]: tag for tag in (before or {}).get("tags", ())}
    rows = [
        [tag["tag"], *(_figure(tag, name, then.get(tag["tag"])) for name in MEASURES)] for tag in now["tags"]
    ]
    if rows:
        yield from _table("Model, tag by tag", ["tag", *MEASURES], rows)


def _figure(facts: Facts, name: str, before: Facts | None = None) -> str:
    """Show a figure, and by how much it changed."""
    value, old = facts[name], (before or {}).get(name)
    if value is None:
        return ""
    return f"{value:.4f}" + (f" ({value - old:+.4f})" if old is not None else "")


def _use(record: JobRecord) -> Iterator[str]:
    """Tell what became of models: trained, published, exported, removed."""
    rows: list[list[object]] = []
    for step in record.steps:
        facts = step.facts
        if "train" in facts:
            rows.append(["training", facts["train"].get("iteration"), facts["train"]["status"]])
        rows += [["removal", one["iteration"], "made room"] for one in facts.get("iteration_removed", ())]
        if "publish" in facts:
            one = facts["publish"]
            rows.append(["publication", one["iteration"], f"{one['status']} as {one['publish_name']}"])
        rows += [["export", one["platform"], one.get("path")] for one in facts.get("export", ())]
    if rows:
        yield from _table("What became of models", ["what", "of", "how"], rows)


def _warnings(record: JobRecord) -> Iterator[str]:
    rows = [[s.verb, facts["text"]] for s in record.steps for facts in s.facts.get("warning", ())]
    if rows:
        yield from _table("Warnings", ["step", "warning"], rows)


def _table(title: str, heading: Sequence[str], rows: Rows, *, otherwise: str | None = None) -> Iterator[str]:
    yield f"\n## {title}\n"
    if not rows and otherwise:
        yield otherwise
        return
    yield f"| {' | '.join(heading)} |"
    yield f"|{'---|' * len(heading)}"
    for row in rows:
        yield f"| {' | '.join(_cell(value) for value in row)} |"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
