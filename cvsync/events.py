"""What a run tells its watchers: frozen events.

An event is a name from the list in DESIGN section 9 and its facts. Observers must not raise and must be
quick; they are called on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    name: str
    """``run_start``, ``plan_summary``, ``batch_sent``, ``batch_done``, ``item_refused``, ``run_end``, …"""
    facts: Mapping[str, object] = field(default_factory=dict)


Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Watch nothing."""


def tell(observer: Observer, name: str, **facts: object) -> None:
    """Give an observer an event."""
    observer(Event(name, facts))


def without_query(url: str) -> str:
    """Give a URL, or any other key, as it may be shown: signatures stand in queries."""
    if "://" not in url:
        return url
    return urlsplit(url)._replace(query="", fragment="").geturl()
