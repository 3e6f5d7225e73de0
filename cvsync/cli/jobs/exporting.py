"""A project that a job makes is made such that later steps can export its models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from cvsync.cli.common import Common
from cvsync.cli.jobs.job import Step

CommonOf = Callable[[Step], Common]
"""Gives the common options that a step will have."""


def ready_to_export(steps: Sequence[Step], common_of: CommonOf) -> Iterator[Step]:
    """Have the steps that make a project make it such that later steps can export its models.

    What it starts from cannot be changed for a model that is trained already, and a step on its own does not
    know what comes after it.
    """
    for number, step in enumerate(steps, 1):
        later = [other for other in steps[number:] if _exports(other)]
        makes = step.options.get("create_project") or step.options.get("server_side")
        if makes and later:
            made = _target(step, common_of)
            is_needed = any(_target(other, common_of) == made for other in later)
            yield replace(step, options={"exportable": is_needed, **step.options})
        else:
            yield step


def _exports(step: Step) -> bool:
    return step.verb == "export" or bool(step.options.get("exports"))


def _target(step: Step, common_of: CommonOf) -> tuple[str | None, str | None]:
    """Give the endpoint and the project that a step works on."""
    common = common_of(step)
    if step.verb != "migrate":
        return common.endpoint, common.project
    to = step.options.get("to")
    return (common.at(to) if to else common).endpoint, next(reversed(step.arguments), None)
