from __future__ import annotations

from typing import Any

import pytest

from cvsync.cli.text import TextOutput
from cvsync.events import Event

RATE = Event("rate", {"lane": "writes", "old": 10.0, "new": 20.0, "reason": "start"})
FIRST_RATE = Event("rate", {"lane": "writes", "old": None, "new": 10.0, "reason": "start"})
THROTTLE = Event("throttle", {"operation": "CreateTag", "wait": 1.0, "reason": "429"})
OPEN = Event("circuit", {"state": "open", "reason": "CreateTag answered 503"})
CLOSED = Event("circuit", {"state": "closed", "reason": None})
WARNING = Event("warning", {"text": "the service asks to wait 3600 s"})


def shown(capsys: Any, *events: Event, **options: bool) -> list[str]:
    output = TextOutput(**options)
    for event in events:
        output(event)
    return list(capsys.readouterr().err.splitlines())


def test_rates_are_for_those_who_ask(capsys: Any) -> None:
    assert shown(capsys, FIRST_RATE, RATE, THROTTLE) == []
    assert shown(capsys, FIRST_RATE, RATE, THROTTLE, verbose=True) == [
        "rate of writes: 20.0/s (start)",
        "rate limit: CreateTag waits 1.0 s",
    ]


@pytest.mark.parametrize(("quiet", "lines"), [(False, 3), (True, 0)])
def test_outage_is_said_unless_only_errors_are_wanted(capsys: Any, *, quiet: bool, lines: int) -> None:
    assert len(shown(capsys, OPEN, CLOSED, WARNING, quiet=quiet)) == lines
