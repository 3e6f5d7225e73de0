"""Events for programs: one JSON object a line on stdout."""

from __future__ import annotations

import sys

import orjson

from cvsync.events import Event


class JsonOutput:
    """Prints every event."""

    def __call__(self, event: Event) -> None:
        """Print one event."""
        sys.stdout.write(orjson.dumps({"event": event.name, **event.facts}, default=str).decode() + "\n")
        sys.stdout.flush()

    def error(self, message: str) -> None:
        """Say on stderr what went wrong; ``run_end`` says it on stdout."""
        sys.stderr.write(f"cvsync: {message}\n")

    def close(self) -> None:
        """Nothing is held."""
