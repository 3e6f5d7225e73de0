"""Tables as Markdown, with what has to be said about them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be."""

    what: str
    goal: float
    measured: float
    at_least: bool = False
    """Whether more is better."""

    @property
    def is_met(self) -> bool:
        """Tell whether it is."""
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal

    def row(self) -> list[object]:
        """Give it as a row: what, goal, measured, verdict."""
        bound = "at least" if self.at_least else "at most"
        distance = abs(self.measured - self.goal)
        verdict = "met" if self.is_met else f"missed by {show(distance)}"
        return [self.what, f"{bound} {self.goal:g}", self.measured, verdict]


@dataclass(frozen=True)
class Table:
    """Figures of one comparison."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[object]]
    notes: Sequence[str] = ()
    bars: Mapping[str, float] = field(default_factory=dict)
    """What a picture shows of it: name -> length."""
    unit: str = ""
    picture: str | None = None
    """The picture's file name; None: it has none."""
    goals: Sequence[Goal] = ()

    def lines(self) -> Iterator[str]:
        """Give the Markdown."""
        yield f"### {self.title}"
        yield ""
        yield f"| {' | '.join(self.columns)} |"
        yield f"|{'---|' * len(self.columns)}"
        for row in self.rows:
            yield f"| {' | '.join(map(show, row))} |"
        for note in self.notes:
            yield ""
            yield note


def show(value: object) -> str:
    """Show a figure with as many digits as it deserves."""
    if value is None:
        return ""
    if isinstance(value, float):
        if abs(value) >= 100:
            return f"{value:,.0f}"
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def median(values: Sequence[float]) -> float:
    """Give the middle one, a whole number if they all are."""
    found = statistics.median(values)
    return int(found) if all(isinstance(v, int) for v in values) and found == int(found) else found
