"""A verification on paper: text, JSON or Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cvsync.cli.one_line import one_line
from cvsync.cli.plan_text import count
from cvsync.cli.text import SHOWN
from cvsync.whole import open_named

if TYPE_CHECKING:
    from cvsync.flows.verify import Verification


def report_lines(found: Verification, *, everything: bool = False) -> Iterator[str]:
    """Tell what was found, for people; of each kind only the first few differences unless ``everything``."""
    named, there = found.images
    labels = found.labels
    yield f"compared {found.reference}"
    yield f"with project {found.project} ({found.project_id})"
    yield f"  images  {named:,} named, {there:,} there"
    yield f"  labels  {labels[0]:,} named, {labels[1]:,} there"
    yield f"  bytes   of {found.compared:,} images"
    if found.is_equal:
        yield "equal"
        return
    for kind, number in found.counts.items():
        yield f"{kind}: {number:,}"
        listed = [d for d in found.differences if str(d.kind) == kind]
        for difference in listed if everything else listed[:SHOWN]:
            detail = f": {difference.detail}" if difference.detail else ""
            yield f"  {difference.image}{detail}"
        if len(listed) > SHOWN and not everything:
            yield f"  … and {len(listed) - SHOWN:,} more"
    yield count(len(found.differences), "difference")


def _text(found: Verification) -> str:
    return "\n".join([f"{_now()} UTC", *map(one_line, report_lines(found, everything=True)), ""])


def _json(found: Verification) -> str:
    content = {"at": _now(), "equal": found.is_equal, "counts": found.counts} | asdict(found)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _markdown(found: Verification) -> str:
    verdict = count(len(found.differences), "difference") or "Equal"
    lines = [
        f"# Verification of project {escape(found.project)}", "",
        f"{verdict}. {_now()} UTC.", "",
        f"- compared: {escape(found.reference)}",
        f"- with: project {escape(found.project)} ({found.project_id})",
        f"- images: {found.images[0]:,} named, {found.images[1]:,} there",
        f"- bytes compared: of {found.compared:,} images", "",
        "| tag | labels named | labels there |", "|---|---:|---:|",
        *(f"| {escape(name)} | {named:,} | {there:,} |" for name, (named, there) in found.tags.items()),
    ]  # fmt: skip
    if found.differences:
        lines += ["", "| difference | image, tag or project | image id | detail |", "|---|---|---|---|"]
        lines += [
            f"| {d.kind} | {escape(d.image)} | {d.image_id or ''} | {escape(d.detail)} |"
            for d in found.differences
        ]
    return "\n".join([*lines, ""])


def escape(text: str) -> str:
    """Make a text fit into a cell of a Markdown table."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


_FORMS: dict[str, Callable[[Verification], str]] = {".json": _json, ".md": _markdown, ".txt": _text}
SUFFIXES = tuple(_FORMS)


def write_report(found: Verification, path: Path) -> None:
    """Write a report in the form that the file's name ends with; raises as ``open_named`` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_named(path) as file:
        file.write(_FORMS[path.suffix.lower()](found).encode())
