"""Events for people: results on stdout, progress (tqdm, on a terminal only) and messages on stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cvsync.cli.one_line import one_line
from cvsync.cli.plan_text import count, plan_line
from cvsync.cli.release_text import exported_line, judgement_lines, published_line
from cvsync.cli.waiting import Waiting
from cvsync.events import Event

if TYPE_CHECKING:
    from tqdm import tqdm

_ON = "_on_"  # and an event's name: the method that shows it
SHOWN = 20  # refused rows, and differences of a kind, before "and N more"


class TextOutput:
    """Shows a run."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._bar: tqdm[Any] | None = None
        self._refused = 0
        self._shows_plan = False
        self._released: list[str] = []
        self._waiting = Waiting(self._say)
        self._shows = {
            name.removeprefix(_ON): getattr(self, name) for name in dir(self) if name.startswith(_ON)
        }

    def __call__(self, event: Event) -> None:
        """Show one event, if it is for people."""
        if event.name in self._shows:
            self._shows[event.name](event.facts)

    def error(self, message: str) -> None:
        """Say what went wrong and what to do."""
        self._say(f"cvsync: {message}", always=True)

    def until_then(self, totals: Mapping[str, Any]) -> None:
        """Say what was done by a command that did not come to show its result."""
        if any(totals.get(name) for name in _DONE):
            self._say(f"until then: {result_line(totals)}")
        for line in self._released:
            self._say(f"until then: {line}")

    def close(self) -> None:
        """Put whatever shows progress away."""
        self._put_bar_away()
        self._waiting.close()

    def _put_bar_away(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _say(self, text: str, *, always: bool = False) -> None:
        if self._quiet and not always:
            return
        line = one_line(text)
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            sys.stderr.write(line + "\n")

    def _on_manifest(self, facts: Mapping[str, Any]) -> None:
        self._say(f"manifest: {facts['rows']:,} rows, {facts['images']:,} images ({facts['convention']})")
        for warning in facts["warnings"]:
            self._say(f"warning: {warning}")

    def _on_source(self, facts: Mapping[str, Any]) -> None:
        self._say(
            f"source: {facts['type']} project {facts['title']} ({facts['project']}), "
            f"{facts['images']:,} images, {facts['labels']:,} labels, {facts['tags']:,} tags"
        )

    def _on_import(self, facts: Mapping[str, Any]) -> None:
        guess = f", about {facts['estimate']:.0f} s" if facts.get("estimate") else ""
        self._say(f"copy by the services: {facts['status']} ({facts['project']}){guess}")

    def _on_project_created(self, facts: Mapping[str, Any]) -> None:
        self._say(f"created {facts['type']} project {facts['title']} ({facts['project']})")

    def _on_removed(self, facts: Mapping[str, Any]) -> None:
        self._say(f"removed {facts['what']} {facts['name']} ({facts['id']})")

    def _on_renamed(self, facts: Mapping[str, Any]) -> None:
        self._say(f"renamed {facts['what']} {facts['old']} to {facts['name']}")

    def _on_step_start(self, facts: Mapping[str, Any]) -> None:
        self._say(f"step {facts['number']} of {facts['of']}: {facts['step']}")

    def _on_run_start(self, facts: Mapping[str, Any]) -> None:
        self._shows_plan = facts["command"] in ("plan", "push --dry-run", "migrate --dry-run")

    def _on_plan_summary(self, facts: Mapping[str, Any]) -> None:
        if self._shows_plan:
            return  # it is the result, on stdout
        self._say(f"plan: {plan_line(facts)}")
        self._begin(sum(facts[name] for name in _CHANGES))

    def _begin(self, images: int) -> None:
        if images and sys.stderr.isatty() and not self._quiet:
            from tqdm import tqdm

            self._bar = tqdm(total=images, unit="image", file=sys.stderr, smoothing=0.1)

    def _on_pull_summary(self, facts: Mapping[str, Any]) -> None:
        self._say(
            f"pull: {facts['images']:,} images, {facts['labels']:,} labels; {facts['there']:,} there, "
            f"{facts['to_fetch']:,} to fetch"
        )
        self._begin(facts["to_fetch"])

    def _on_batch_done(self, facts: Mapping[str, Any]) -> None:
        if self._bar is not None:
            self._bar.update(facts["items"])

    _on_images_fetched = _on_batch_done

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

    def _on_warning(self, facts: Mapping[str, Any]) -> None:
        self._say(f"warning: {facts['text']}")

    def _on_lock(self, facts: Mapping[str, Any]) -> None:
        self._say(f"{facts['reason']}; waiting {facts['wait']:.0f} s")

    def _on_throttle(self, facts: Mapping[str, Any]) -> None:
        if self._verbose:
            self._say(f"rate limit: {facts['operation']} waits {facts['wait']:.1f} s")

    def _on_rate(self, facts: Mapping[str, Any]) -> None:
        if self._verbose and facts["old"] is not None:
            self._say(f"rate of {facts['lane']}: {facts['new']:.1f}/s ({facts['reason']})")

    def _on_circuit(self, facts: Mapping[str, Any]) -> None:
        if facts["state"] == "open":
            self._say(f"the service fails ({facts['reason']}); everything waits until it answers")
        else:
            self._say("the service answers again")

    def _on_retry(self, facts: Mapping[str, Any]) -> None:
        self._say(f"{facts['reason']}; trying again in {facts['wait']:.1f} s")

    def _on_status(self, facts: Mapping[str, Any]) -> None:
        if self._bar is not None:
            return  # it shows it
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
        status, name = facts["status"], facts["iteration"]
        if status == "Training" and not self._quiet:
            self._put_bar_away()
            self._waiting.show(f"training {name}", facts["seconds"])
            return
        self.close()
        if status == "NotNeeded":
            self._say(f"nothing changed since the training of {name}")
        elif status == "Resumed":
            self._say(f"an earlier run asked for the training of {name}")
        elif status == "Completed":
            self._say(f"trained {name}")

    def _on_judge(self, facts: Mapping[str, Any]) -> None:
        self.close()
        compared = f", compared with {facts['baseline']}" if facts["baseline"] else ""
        self._say(f"{facts['iteration']}, on images that it did not learn from{compared}:")
        for line in judgement_lines(facts):
            self._say(line)

    def _on_publish(self, facts: Mapping[str, Any]) -> None:
        if facts["status"] == "Resumed":
            self._say(
                f"published {facts['iteration']} as {facts['publish_name']}, as an earlier run was about to"
            )
        elif facts.get("before"):
            self._say(f"{facts['publish_name']} is {facts['iteration']} now, after {facts['before']}")
        if facts["status"] in ("Published", "AlreadyPublished"):
            self._released.append(published_line(facts["publish_name"]))

    def _on_export(self, facts: Mapping[str, Any]) -> None:
        if facts["status"] == "Exporting" and not self._quiet:
            self._waiting.show(f"exporting for {facts['platform']}", facts["seconds"])
        elif facts["status"] != "Exporting":
            self.close()
            self._released.append(exported_line(facts["path"]))

    def _on_iteration_removed(self, facts: Mapping[str, Any]) -> None:
        self._say(f"removed {facts['iteration']}, to make room")

    def _on_run_end(self, _facts: Mapping[str, Any]) -> None:
        self.close()
        if self._refused > SHOWN:
            self._say(f"… and {self._refused - SHOWN:,} more refused", always=True)


_CHANGES = (
    "create_image",
    "make_room",
    "add_label",
    "replace_image",
    "remove_label",
    "delete_image",
    "set_metadata",
)


_DONE = {
    "tags_renamed": ("tag", "renamed or described"),
    "tags_created": ("tag", "created"),
    "images_created": ("image", "created"),
    "images_adopted": ("image", "already there"),
    "images_replaced": ("image", "replaced"),
    "labels_added": ("label", "added"),
    "labels_removed": ("label", "removed"),
    "images_deleted": ("image", "deleted"),
    "metadata_set": ("image", "given metadata"),
    "refused": ("image", "refused"),
    "rows_refused": ("row", "refused"),
}
"""What a run counts, and how it is said."""


def result_line(counts: Mapping[str, int]) -> str:
    """Sum up what a run did in a line."""
    parts = (count(counts.get(name, 0), *words) for name, words in _DONE.items())
    return ", ".join(part for part in parts if part) or "nothing to do"
