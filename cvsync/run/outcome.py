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
    """``tags_created``, ``images_created``, ``images_adopted``, ``labels_added``, ``labels_removed``,
    ``images_deleted``, ``refused``."""
    refusals: list[Refusal] = field(default_factory=list)

    def refuse(self, action: Action, code: str, message: str) -> None:
        """Note a refusal."""
        self.refusals.append(Refusal(action, code, message))
        self.counts["refused"] += 1
