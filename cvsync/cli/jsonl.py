"""Events for programs: one JSON object a line on stdout, of the schema ``events.schema.json``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from cvsync.cli.one_line import one_line
from cvsync.events import Event, as_line
from cvsync.odd_names import dump_json


def _now() -> datetime:
    return datetime.now(UTC)


class JsonOutput:
    """Prints every event."""

    def __init__(self, *, run: str, destination: str | None, clock: Callable[[], datetime] = _now) -> None:
        self._run, self._destination, self._clock = run, destination, clock

    def __call__(self, event: Event) -> None:
        """Print one event."""
        line = as_line(event, moment=self._clock(), run=self._run, destination=self._destination)
        sys.stdout.write(dump_json(line).decode() + "\n")
        sys.stdout.flush()

    def error(self, message: str) -> None:
        """Say on stderr what went wrong; ``run_end`` says it on stdout."""
        sys.stderr.write(f"cvsync: {one_line(message)}\n")

    def until_then(self, totals: Mapping[str, object]) -> None:
        """Nothing: ``run_end`` has the totals."""

    def close(self) -> None:
        """Nothing is held."""
