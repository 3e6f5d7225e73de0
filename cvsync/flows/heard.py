"""Labels and predictions of the same images, as columns that can be scored."""

from __future__ import annotations

import numpy as np

from cvsync.labels import BOX, Labels, codes_of, fold
from cvsync.predictions import ImagePrediction
from cvsync.scores import Ints, Reals, Said, Truth

_NO_NUMBERS, _NO_SHARES, _NO_BOXES = np.empty(0, np.int64), np.empty(0), np.empty((0, 4))


class Heard:
    """What a model said of the images of some labels, in columns, beside those labels."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.tags: list[str] = []
        """By their numbers."""
        self.iteration: str | None = None
        self.has_boxes: bool | None = None
        """Whether predictions are of boxes; None: there was none yet."""
        self._numbers: dict[str, int] = {}
        self._images = {key: n for n, key in enumerate(labels.keys.to_pylist())}
        self._parts: list[tuple[int, Ints, Reals, Reals]] = []

    @property
    def count(self) -> int:
        """How many images it knows an answer for."""
        return len(self._parts)

    def number(self, tag: str) -> int:
        """Give a tag its number; spellings that fold to one are one."""
        folded = fold(tag)
        if folded not in self._numbers:
            self._numbers[folded] = len(self.tags)
            self.tags.append(tag)
        return self._numbers[folded]

    def put(self, key: str, said: ImagePrediction) -> None:
        """Take what was said of an image."""
        self.iteration = said.iteration or self.iteration
        tags = np.array([self.number(one.tag_name or one.tag_id) for one in said.predictions], np.int64)
        boxes = [one.bounding_box for one in said.predictions]
        if boxes:
            self.has_boxes = any(boxes)
        self._parts.append(
            (
                self._images[key],
                tags,
                np.array([one.probability for one in said.predictions]),
                np.array([(b.left, b.top, b.width, b.height) for b in boxes if b]).reshape(-1, 4),
            )
        )

    def said(self, *, has_boxes: bool) -> Said:
        """Give the predictions, about 60 bytes each."""
        return Said(
            np.concatenate([_NO_NUMBERS, *(np.full(len(tags), image) for image, tags, *_ in self._parts)]),
            np.concatenate([_NO_NUMBERS, *(tags for _, tags, *_ in self._parts)]),
            np.concatenate([_NO_SHARES, *(probabilities for *_, probabilities, _ in self._parts)]),
            np.concatenate([_NO_BOXES, *(boxes for *_, boxes in self._parts)]) if has_boxes else None,
        )

    def truth(self, *, has_boxes: bool) -> Truth:
        """Give the labels of the images that have an answer."""
        codes, values = codes_of(self.labels.table.column("tag"))
        numbers = np.array([*map(self.number, values.to_pylist()), -1])
        answered = np.isin(self.labels.key_codes, [image for image, *_ in self._parts])
        rows = np.flatnonzero(answered & (codes >= 0))
        image, tag = self.labels.key_codes[rows].astype(np.int64), numbers[codes[rows]]
        if has_boxes:
            columns = [np.asarray(self.labels.table.column(side), float)[rows] for side in BOX]
            return Truth(image, tag, np.stack(columns, axis=1))
        first = np.unique(np.stack([image, tag]), axis=1)
        return Truth(first[0], first[1])
