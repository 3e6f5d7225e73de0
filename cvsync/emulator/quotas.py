"""How many of each thing a pricing tier allows. docs: the limits-and-quotas page, 2025-01."""

from __future__ import annotations

from dataclasses import dataclass

NO_LIMIT = 1 << 60


@dataclass(frozen=True)
class Quota:
    projects: int
    images: int
    tags: int
    iterations: int
    predictions: int = NO_LIMIT
    """In a month."""


QUOTAS = {
    "F0": Quota(projects=2, images=5_000, tags=50, iterations=20, predictions=10_000),
    "S0": Quota(projects=100, images=100_000, tags=500, iterations=20),
    "none": Quota(projects=NO_LIMIT, images=NO_LIMIT, tags=NO_LIMIT, iterations=NO_LIMIT),
}
