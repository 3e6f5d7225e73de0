"""What a run tells its watchers: frozen events.

An event is a name and its facts; ``events.schema.json`` beside this file lists them all. Observers must not
raise and must be quick; they are called on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime

from cvsync.lean import lean_dataclass

VERSION = 1  # of the schema: facts may be added to an event, but never change their meaning
_WARNINGS = frozenset(
    {
        "item_refused",
        "deletions_held_back",
        "batch_in_doubt",
        "throttle",
        "retry",
        "circuit",
        "warning",
        "lock",
    }
)


@lean_dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    name: str
    """``run_start``, ``plan_summary``, ``batch_sent``, ``batch_done``, ``item_refused``, ``run_end``, …"""
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def level(self) -> str:
        """How much it matters: ``info``, ``warning`` or ``error``."""
        if self.name == "run_end" and "reason" in self.facts:
            return "error"
        return "warning" if self.name in _WARNINGS else "info"


Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Watch nothing."""


def tell(observer: Observer, name: str, /, **facts: object) -> None:
    """Give an observer an event."""
    observer(Event(name, facts))


def as_line(event: Event, *, moment: datetime, run: str, destination: str | None) -> dict[str, object]:
    """Give an event as programs get it: an object of the published schema.

    Args:
        event: What happened.
        moment: When.
        run: The run's name.
        destination: The resource, as the user named it.
    """
    return {
        "v": VERSION,
        "ts": moment.isoformat(timespec="milliseconds"),
        "lvl": event.level,
        "ev": event.name,
        "run": run,
        "dest": destination,
        **event.facts,
    }


def without_query(url: str) -> str:
    """Give a URL, or any other key, as it may be shown: signatures stand in queries, passwords before hosts.

    It need not be a URL that anything can connect to.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    host, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
