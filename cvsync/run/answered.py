"""What became of a batch of new images, gathered for one commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cvsync.api.created import Posted
from cvsync.lean import tuples
from cvsync.model import Image, ProjectType
from cvsync.plan.actions import Action, Kind
from cvsync.run.ledger import Stored
from cvsync.run.ledger_runs import STEPS
from cvsync.run.relabel import labels_of_image, sums_of_images
from cvsync.run.sums import TagAndBox, fingerprints

Confirmed = tuple[Action, str, list[TagAndBox]]
"""An action whose image is stored, the image's id, and the labels that went along."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that was answered."""

    outcomes: tuple[Posted, ...]
    labels: list[list[TagAndBox]]
    """What went along with each image of the batch."""


@dataclass(slots=True, kw_only=True)
class Answered:
    """What an answer says, gathered for one commit."""

    kind: Kind
    type: ProjectType
    made: Mapping[str, Image]
    """Images that an earlier attempt made, by id."""
    fresh: list[Confirmed] = field(default_factory=list)
    """Images that were made with their labels."""
    duplicates: list[Confirmed] = field(default_factory=list)
    """Images that were there: an earlier attempt made them, or they are others' and may have got labels."""
    refused: int = 0
    is_full: bool = False
    unread: int = 0
    """Images that the service could not download."""

    @property
    def strangers(self) -> list[str]:
        """Ids of the images that were there before the first attempt."""
        return [image_id for _, image_id, _ in self.duplicates if image_id not in self.made]

    @property
    def replaced(self) -> list[str]:
        """Ids of the images that others stand for now."""
        if self.kind is not Kind.REPLACE_IMAGE:
            return []
        found = self.fresh + self.duplicates
        return [action.image_id for action, image_id, _ in found if action.image_id not in (None, image_id)]

    def counts(self) -> dict[str, int]:
        """Count what was done, for the ledger."""
        images = len(self.fresh) + len(self.duplicates)
        if self.kind is Kind.REPLACE_IMAGE:
            counts = {"images_replaced": len(self.replaced)}
        else:
            adopted = len(self.strangers)
            counts = {"images_created": images - adopted, "images_adopted": adopted}
        ours = [self.made[image_id] for _, image_id, _ in self.duplicates if image_id in self.made]
        labels = sum([len(went) for _, _, went in self.fresh])
        labels += sum([len(labels_of_image(image, self.type)) for image in ours])
        return counts | {"labels_added": labels, "refused": self.refused, STEPS: images + self.refused}

    def stored(self, *, is_told: bool) -> list[Stored]:
        """Give the rows for the ledger; ``is_told``: whether the actions know their fingerprints."""
        known = sums_of_images([*self.made.values()], self.type)
        sums = [a.fingerprint if len(went) == len(a.labels) else None for a, _, went in self.fresh]
        if not is_told or None in sums:
            sums = [*fingerprints([went for _, _, went in self.fresh])]
        sums += [known.get(image_id) for _, image_id, _ in self.duplicates]
        found = self.fresh + self.duplicates
        keys, versions = [a.key for a, _, _ in found], [a.version for a, _, _ in found]
        return [*tuples(Stored, keys, [image_id for _, image_id, _ in found], sums, versions)]
