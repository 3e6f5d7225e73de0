"""What the emulator saw: calls by operation, status and version."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any


class Counters:
    def __init__(self) -> None:
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        self._by_operation: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._by_version: Counter[str] = Counter()
        self._max_in_flight = self.in_flight

    def begin(self) -> None:
        self.in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self.in_flight)

    def end(self, operation: str, version: str, status: int | str) -> None:
        """Count an answer; a connection that was reset counts as `reset`."""
        self.in_flight -= 1
        self._by_operation[operation][str(status)] += 1
        self._by_version[version] += 1

    def shape(self) -> dict[str, Any]:
        return {
            "total": sum(counts.total() for counts in self._by_operation.values()),
            "by_operation": self._by_operation,
            "by_version": self._by_version,
            "max_in_flight": self._max_in_flight,
        }
