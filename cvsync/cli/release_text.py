"""What came of a model, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cvsync.flows.released import Released


def released_lines(released: Released) -> Iterator[str]:
    """Tell which model a release was about, and what became of it."""
    yield f"model: {released.iteration.name} ({released.iteration.id})"
    for path in released.exports:
        yield f"exported {path}"
