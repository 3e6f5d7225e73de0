"""Events for people: results on stdout, progress (tqdm, on a terminal only) and messages on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cvsync.events import Event

if TYPE_CHECKING:
    from tqdm import tqdm

    from cvsync.plan import Plan

SHOWN = 20  # refused rows, and actions of a kind, before "and N more"


class TextOutput:
    """Shows a run."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: tqdm[Any] | None = None
        self._refused = 0

    def __call__(self, event: Event) -> None:
        """Show one event, if it is for people."""
        show = getattr(self, f"_on_{event.name}", None)
        if show is not None:
            show(event.facts)

    def error(self, message: str) -> None:
        """Say what went wrong and what to do."""
        self._say(f"cvsync: {message}", always=True)

    def close(self) -> None:
        """Put the progress bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _say(self, text: str, *, always: bool = False) -> None:
        if self._quiet and not always:
            return
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            sys.stderr.write(text + "\n")

    def _on_manifest(self, facts: Mapping[str, Any]) -> None:
        self._say(f"manifest: {facts['rows']:,} rows, {facts['images']:,} images ({facts['convention']})")
        for warning in facts["warnings"]:
            self._say(f"warning: {warning}")

    def _on_project_created(self, facts: Mapping[str, Any]) -> None:
        self._say(f"created {facts['type']} project {facts['title']} ({facts['project']})")

    def _on_plan_summary(self, facts: Mapping[str, Any]) -> None:
        self._say(f"plan: {plan_line(facts)}")
        changes = sum(facts[name] for name in _CHANGES)
        if changes and sys.stderr.isatty() and not self._quiet:
            from tqdm import tqdm

            self._bar = tqdm(total=changes, unit="image", file=sys.stderr, smoothing=0.1)

    def _on_batch_done(self, facts: Mapping[str, Any]) -> None:
        if self._bar is not None:
            self._bar.update(facts["items"])

    def _on_item_refused(self, facts: Mapping[str, Any]) -> None:
        self._refused += 1
        if self._refused > SHOWN:
            return
        where = f"{facts['source']} row {facts['row']}" if facts.get("row") else facts.get("image")
        what = (
            f" {facts['column']}={facts['value']!r}"
            if facts.get("column")
            else f" {facts.get('image') or ''}"
        )
        self._say(f"refused: {where}{what}: {facts['code']} {facts['reason']}", always=True)

    def _on_deletions_held_back(self, facts: Mapping[str, Any]) -> None:
        self._say(f"{facts['images']} deletions held back, since something was refused", always=True)

    def _on_lock(self, facts: Mapping[str, Any]) -> None:
        self._say(f"{facts['reason']}; waiting {facts['wait']:.0f} s")

    def _on_throttle(self, facts: Mapping[str, Any]) -> None:
        self._say(f"rate limit: {facts['operation']} waits {facts['wait']:.1f} s")

    def _on_retry(self, facts: Mapping[str, Any]) -> None:
        self._say(f"{facts['reason']}; trying again in {facts['wait']:.1f} s")

    def _on_status(self, facts: Mapping[str, Any]) -> None:
        if sys.stderr.isatty():
            return  # the bar shows it
        done, total = facts["done"], facts["total"]
        if done in (facts["unchanged"], total):
            return  # the beginning and the end are said otherwise
        left = f", about {facts['eta'] / 60:.0f} minutes left" if facts["eta"] else ""
        self._say(
            f"{done:,} of {total:,} ({done / total:.0%}), {facts['per_second']:.1f} a second, "
            f"{facts['in_flight']} requests in flight, {facts['in_doubt']} in doubt, "
            f"{facts['refused']:,} refused{left}"
        )

    def _on_train(self, facts: Mapping[str, Any]) -> None:
        self.close()
        if facts["status"] == "NotNeeded":
            self._say("nothing changed since the last training")
        elif facts["status"] == "Completed":
            self._say(f"trained {facts['iteration']}")

    def _on_run_end(self, _facts: Mapping[str, Any]) -> None:
        self.close()
        if self._refused > SHOWN:
            self._say(f"… and {self._refused - SHOWN:,} more refused", always=True)


_CHANGES = ("create_image", "add_label", "remove_label", "delete_image")


def plan_line(facts: Mapping[str, Any]) -> str:
    """Sum a plan up in a line."""
    parts = [
        _count(facts["create_tag"], "tag", "to create"),
        _count(facts["create_image"], "image", "to create"),
        _count(facts["add_label"], "image", "to get labels"),
        _count(facts["remove_label"], "image", "to lose labels"),
        _count(facts["delete_image"], "image", "to delete"),
        f"{facts['unchanged']:,} unchanged",
        facts["unmanaged"] and f"{facts['unmanaged']:,} unmanaged, left alone",
    ]
    return ", ".join(part for part in parts if part)


def result_line(counts: Mapping[str, int]) -> str:
    """Sum up what a run did in a line."""
    parts = [
        _count(counts.get("tags_created", 0), "tag", "created"),
        _count(counts.get("images_created", 0), "image", "created"),
        _count(counts.get("images_adopted", 0), "image", "already there"),
        _count(counts.get("images_replaced", 0), "image", "replaced"),
        _count(counts.get("labels_added", 0), "label", "added"),
        _count(counts.get("labels_removed", 0), "label", "removed"),
        _count(counts.get("images_deleted", 0), "image", "deleted"),
        _count(counts.get("refused", 0), "image", "refused"),
        _count(counts.get("rows_refused", 0), "row", "refused"),
    ]
    return ", ".join(part for part in parts if part) or "nothing to do"


def _count(number: int, noun: str, what: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'} {what}" if number else ""


def plan_lines(plan: Plan, *, everything: bool = False) -> Iterable[str]:
    """List a plan's actions, the first few of each kind."""
    from cvsync.plan import Kind

    for kind in Kind:
        for number, action in enumerate(plan.actions(kind)):
            if number == SHOWN and not everything:
                yield f"… and {plan.counts[kind] - SHOWN:,} more to {kind.words} (-v lists all)"
                break
            yield str(action)
