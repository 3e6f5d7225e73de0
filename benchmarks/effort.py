"""How much work a report does."""

from __future__ import annotations

from enum import Enum


class Effort(Enum):
    """Which of three reports is asked for."""

    QUICK = "quick"  # a look at everything, in minutes: small work, one run of each, no verdict
    USUAL = "usual"  # the published figures
    FULL = "full"  # every setting with every other, in hours
