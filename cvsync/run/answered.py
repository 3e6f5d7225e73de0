"""What became of a batch of new images, gathered to be written at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cvsync.api.created import Posted
from cvsync.lean import lean_dataclass, tuples
from cvsync.model import Image, ProjectType
from cvsync.plan.actions import Action, Kind, Label
from cvsync.plan.images import Images, SentLabels, first_tags
from cvsync.run.ledger import Stored
from cvsync.run.ledger_runs import STEPS
from cvsync.run.relabel import labels_of_image, sums_of_images
from cvsync.run.settle import Duplicate, relabel

Placed = tuple[int, str]
"""A stored image: its place in the batch, and its id."""


@lean_dataclass(frozen=True, slots=True)
class Sent:
    """A batch that was answered."""

    outcomes: tuple[Posted, ...]
    labels: SentLabels
    is_whole: bool
    """Whether all their labels did."""


@dataclass(slots=True, kw_only=True)
class Answered:
    """What an answer says, gathered to be written at once."""

    images: Images
    labels: SentLabels
    type: ProjectType
    made: Mapping[str, Image]
    """Images that an earlier attempt made, by id."""
    fresh: list[Placed] = field(default_factory=list)
    """Images that were made with their labels."""
    duplicates: list[Placed] = field(default_factory=list)
    """Images that were there: an earlier attempt made them, or they are others' and may have got labels."""
    refused: int = 0
    is_full: bool = False
    unread: int = 0
    """Images that the service could not download."""

    @property
    def placed(self) -> list[Placed]:
        """All stored images."""
        return self.fresh + self.duplicates

    @property
    def strangers(self) -> list[str]:
        """Ids of the images that were there before the first attempt."""
        return [image_id for _, image_id in self.duplicates if image_id not in self.made]

    @property
    def replaced(self) -> list[str]:
        """Ids of the images that others stand for now."""
        if self.images.common.kind is not Kind.REPLACE_IMAGE:
            return []
        found = [(self.images[place].image_id, new) for place, new in self.placed]
        return [old for old, new in found if old not in (None, new)]

    def counts(self) -> dict[str, int]:
        """Count what was done, for the ledger."""
        images = len(self.placed)
        if self.images.common.kind is Kind.REPLACE_IMAGE:
            counts = {"images_replaced": len(self.replaced)}
        else:
            adopted = len(self.strangers)
            counts = {"images_created": images - adopted, "images_adopted": adopted}
        ours = [self.made[image_id] for _, image_id in self.duplicates if image_id in self.made]
        starts = self.labels.starts
        labels = sum([starts[place + 1] - starts[place] for place, _ in self.fresh])
        labels += sum([len(labels_of_image(image, self.type)) for image in ours])
        return counts | {"labels_added": labels, "refused": self.refused, STEPS: images + self.refused}

    def missing(self) -> Iterator[Action]:
        """Give the labels of new images that did not go along, to be added."""
        for place, image_id in self.fresh:
            action, went = self.images[place], self._went(place)
            if len(went) < len(action.labels):
                yield relabel(
                    action, image_id, [n for n, label in enumerate(action.labels) if label not in went]
                )

    def found(self) -> Iterator[Duplicate]:
        """Give the images that were there, to be compared with what their keys want."""
        for place, image_id in self.duplicates:
            yield Duplicate(self.images[place], image_id, self._went(place), image_id in self.made)

    def _went(self, place: int) -> tuple[Label, ...]:
        """Give what went along with an image as the plan has it."""
        return first_tags(self.images[place].labels) if self.labels.count(place) else ()

    def stored(self, fingerprints: Sequence[int]) -> list[Stored]:
        """Give the rows for the ledger.

        Args:
            fingerprints: Of what went along with each image of the batch.
        """
        places = [place for place, _ in self.placed]
        known = sums_of_images([*self.made.values()], self.type) if self.duplicates else {}
        sums: list[int | None] = [fingerprints[place] for place, _ in self.fresh]
        sums += [known.get(image_id) for _, image_id in self.duplicates]
        ids = [image_id for _, image_id in self.placed]
        keys, versions = self.images.keys, self.images.versions
        return [*tuples(Stored, [keys[n] for n in places], ids, sums, [versions[n] for n in places])]
