"""What became of the actions of a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cvsync.plan.actions import Action


@dataclass(frozen=True, slots=True)
class Refusal:
    """An action that the service, or cvsync on its behalf, refused for good."""

    action: Action
    code: str
    message: str


@dataclass(slots=True)
class Outcomes:
    """Everything that a run did, as it goes along."""

    counts: Counter[str] = field(default_factory=Counter)
    """``tags_created``, ``tags_renamed``, ``images_created``, ``images_adopted``, ``images_replaced``,
    ``labels_added``, ``labels_removed``, ``images_deleted``, ``metadata_set``, ``deletions_held_back``,
    ``refused``; added up from the ledger's rows when the run ends."""
    refusals: list[Refusal] = field(default_factory=list)
    """About 1 kB each; ``RunSettings.max_errors`` bounds them."""

    def refuse(self, action: Action, code: str, message: str) -> None:
        """Note a refusal; whoever does so counts it in the ledger."""
        self.refusals.append(Refusal(action, code, message))
