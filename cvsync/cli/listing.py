"""Things of a resource in a list: a table for people, an event each for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from cvsync.cli.one_line import one_line
from cvsync.cli.showing import show_lines
from cvsync.events import tell

if TYPE_CHECKING:
    from cvsync.cli.common import Common
    from cvsync.flows.service import Service

Facts = Mapping[str, object]


def show_list(common: Common, service: Service, kind: str, entries: Sequence[Facts]) -> None:
    """Show entries that have the same facts: a column for each, or an event of a kind for each entry."""
    if common.json:
        for facts in entries:
            tell(service.observer, kind, **facts)
        return
    show_lines(table_lines(entries))


def table_lines(entries: Sequence[Facts]) -> Iterator[str]:
    """Lay entries out in columns, numbers to the right; nothing for no entries."""
    if not entries:
        return
    names = list(entries[0])
    rows = [[name.replace("_", " ") for name in names]]
    rows += [[cell(facts[name]) for name in names] for facts in entries]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [isinstance(entries[0][name], int) and not isinstance(entries[0][name], bool) for name in names]
    for row in rows:
        cells = [
            text.rjust(width) if to_the_right else text.ljust(width)
            for text, width, to_the_right in zip(row, widths, right, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def cell(value: object) -> str:
    """Say a fact to people."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M")
        case tuple() | list():
            return one_line(", ".join(map(str, value)))
        case _:
            return one_line(str(value))
