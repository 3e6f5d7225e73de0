"""What came of a model, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cvsync.cli.one_line import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from cvsync.flows.released import Released

MEASURES = ("precision", "recall", "ap")


def released_lines(released: Released) -> Iterator[str]:
    """Tell which model a release was about, and what became of it."""
    yield f"model: {released.iteration.name} ({released.iteration.id})"
    if released.published is not None:
        yield published_line(released.published)
    for path in released.exports:
        yield exported_line(path)


def published_line(name: str) -> str:
    """Tell the name under which a model answers."""
    return f"published as {name}"


def exported_line(path: Path | str) -> str:
    """Tell where an exported model is."""
    return f"exported {path}"


def judgement_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Show what a model is like, a line a tag; takes the facts of the event ``judge``."""
    tags = [{**tag, "tag": one_line(tag["tag"])} for tag in facts["tags"]]
    width = max([len("tag"), len("all"), *(len(tag["tag"]) for tag in tags)])
    yield f"  {'tag':<{width}}  precision  recall      AP"
    for row in [*tags, {"tag": "all", **facts}]:
        precision, recall, ap = (share(row[measure]) for measure in MEASURES)
        yield f"  {row['tag']:<{width}}  {precision:>9}  {recall:>6}  {ap:>6}"


def share(value: float | None) -> str:
    """Give a fraction 0 to 1 in percent, or a dash where there is none."""
    return "-" if value is None else f"{value:.1%}"
