"""What a training needs."""

from __future__ import annotations

import pytest

from cvsync.flows.trainable import why_not_trainable
from cvsync.model import ProjectType, Tag

CLASSES, BOXES = ProjectType.MULTICLASS, ProjectType.DETECTION


def tags(type_: str | None = None, **counts: int) -> list[Tag]:
    return [Tag(name, name, type=type_, image_count=count) for name, count in counts.items()]


@pytest.mark.parametrize(
    ("type_", "there", "why"),
    [
        (CLASSES, tags(fork=5, spoon=5), None),
        (CLASSES, tags(fork=5, spoon=5, unused=0), None),
        (BOXES, tags(fork=15), None),
        (CLASSES, tags(fork=50), "needs images of 2 tags at least, and this one has fork"),
        (CLASSES, [], "and this one has none"),
        (BOXES, [], "needs images of 1 tag at least, and this one has none"),
        (CLASSES, tags(spoon=4, fork=1, knife=9), "5 images of each tag, but fork has 1, spoon has 4"),
        (BOXES, tags(fork=14, spoon=15), "15 images of each tag, but fork has 14"),
        (BOXES, tags("Negative", none=20) + tags(fork=15), "images of a negative tag (none)"),
    ],
)
def test_tags_that_fall_short_are_named(type_: ProjectType, there: list[Tag], why: str | None) -> None:
    found = why_not_trainable(there, type_)

    assert (found is None) if why is None else (found is not None and why in found)
