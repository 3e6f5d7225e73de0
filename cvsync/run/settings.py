"""How a run goes about its work, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

GRACE = 10.0
ATTEMPTS = 5
BODY_BYTES = 64_000_000
DEFAULT_MAX_ERRORS = 1_000  # a wrong manifest should not burn a night
DEFAULT_MAX_ERRORS_SHARE = 0.05


class Adopt(Enum):
    """What becomes of the labels of an image that was in the project before its key was known."""

    ADD = "add"  # it gets those that it lacks, and keeps the others: the plan could not show them
    REPLACE = "replace"  # it gets those that it lacks, and loses the others


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What may be chosen about a run; times are seconds."""

    markers: bool = True
    """Whether new images carry their batch's marker as metadata (API v3.3 and later), so that a batch without
    an answer can be found again."""
    grace: float = GRACE
    """How long a request without an answer may still be at work in the service."""
    attempts: int = ATTEMPTS
    """How often a batch without an answer is sent at most."""
    item_tries: int = 3
    """How often an image is sent that the service failed on for a reason that may pass."""
    retry_wait: float = 1.0
    """Before such images are sent once more when nothing else is left to do; doubled each time."""
    max_errors: int | None = None
    """Refused images that end a run early; None: the larger of ``DEFAULT_MAX_ERRORS`` and
    ``DEFAULT_MAX_ERRORS_SHARE`` of the plan's images."""
    as_bytes: tuple[str, ...] = ()
    """Patterns of URLs that are downloaded here and sent as bytes."""
    fall_back: bool = True
    """Whether an image that the service could not download is downloaded here and sent as bytes."""
    backup: bool = True
    """Whether images are saved before they are deleted or replaced."""
    delete_despite_errors: bool = False
    """Whether images are deleted even though something else was refused."""
    adopt: Adopt = Adopt.ADD
    body_bytes: int = BODY_BYTES
    """Bytes of bodies with images that are in memory at once; they are there about three times over."""
    status_every: float = 60.0
    """Between two ``status`` events."""

    def error_limit(self, images: int) -> int:
        """Give the refusals after which a run over so many images ends."""
        if self.max_errors is not None:
            return self.max_errors
        return max(DEFAULT_MAX_ERRORS, int(images * DEFAULT_MAX_ERRORS_SHARE))
