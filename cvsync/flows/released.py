"""What came of a release."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cvsync.flows.judge import Judgement
from cvsync.model import Iteration


@dataclass(slots=True)
class Released:
    """The model that a release was about, and what became of it."""

    iteration: Iteration
    judgement: Judgement | None = None
    """What it is like, where that was asked."""
    published: str | None = None
    """The name under which it answers now."""
    exports: list[Path] = field(default_factory=list)
    """The files, in the order that they were asked for."""
