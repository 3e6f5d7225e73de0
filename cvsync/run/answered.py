"""What became of a batch of new images, gathered for one commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from cvsync.api.created import Posted
from cvsync.model import Image
from cvsync.plan.actions import Action
from cvsync.run.ledger import Stored
from cvsync.run.settle import Duplicate
from cvsync.run.sums import TagAndBox, fingerprints


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that was answered."""

    outcomes: tuple[Posted, ...]
    labels: list[list[TagAndBox]]
    """What went along with each image of the batch."""


@dataclass(slots=True, kw_only=True)
class Answered:
    """What an answer says, gathered for one commit."""

    made: Mapping[str, Image]
    """Images that an earlier attempt made, by id."""
    counts: Counter[str] = field(default_factory=Counter)
    rows: list[tuple[Action, str]] = field(default_factory=list)
    """Actions whose image is stored, with its id."""
    sums: dict[str, int] = field(default_factory=dict)
    """Image id -> fingerprint, where it is known."""
    fresh: dict[str, list[TagAndBox]] = field(default_factory=dict)
    """Image id -> its labels, of images that were made with them."""
    replaced: list[str] = field(default_factory=list)
    ours: list[Duplicate] = field(default_factory=list)
    unsure: set[str] = field(default_factory=set)
    """Ids of images that were there, and may have got more labels."""
    is_full: bool = False
    unread: int = 0
    """Images that the service could not download."""

    def stored(self) -> list[Stored]:
        """Give the rows for the ledger."""
        sums = self.sums | dict(zip(self.fresh, fingerprints(list(self.fresh.values())), strict=True))
        return [Stored(a.key, i, sums.get(i), a.version) for a, i in self.rows if a.key is not None]
