"""Labels image by image, for formats that write them so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from cvsync.labels import BOX, METADATA, OPTIONAL, Labels

_STEP = 1 << 15
_OF_IMAGE = ("key", "own_key", "url", "path", *(name for name in OPTIONAL.names if name != "tag_type"))

Four = tuple[float, float, float, float]


@dataclass(slots=True)
class OneLabel:
    """A label of an image."""

    tag: str
    box: Four | None
    """Left, top, width, height; single precision."""


@dataclass(slots=True)
class OneImage:
    """An image and its labels."""

    cells: dict[str, Any]
    """Its key, place, version, size and metadata: what there is."""
    labels: list[OneLabel] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels, if both are known."""
        width, height = self.cells.get("image_width"), self.cells.get("image_height")
        return (width, height) if width and height else None


def images_of(labels: Labels) -> Iterator[OneImage]:
    """Give the images in the order in which their keys are met, a few thousand rows at a time."""
    codes = labels.key_codes
    first = np.full(len(labels.keys), len(codes), np.int64)
    np.minimum.at(first, codes, np.arange(len(codes)))
    order = np.argsort(first[codes], kind="stable")
    names = [n for n in labels.table.column_names if n in _OF_IMAGE or n.startswith(METADATA)]
    table = labels.table.select([*names, "tag", *BOX])
    image: OneImage | None = None
    for start in range(0, len(order), _STEP):
        rows = order[start : start + _STEP]
        for row in table.take(pa.array(rows)).to_pylist():
            cells = {name: row[name] for name in names if row[name] is not None}
            if image is None or image.cells["key"] != cells["key"]:
                if image is not None:
                    yield image
                image = OneImage(cells)
            else:
                image.cells = cells | image.cells
            if row["tag"] is not None:
                box = None if row["left"] is None else tuple(row[side] for side in BOX)
                image.labels.append(OneLabel(row["tag"], box))
    if image is not None:
        yield image


def tag_names(labels: Labels) -> list[str]:
    """Give the tags, each once, in the order in which they are met."""
    names = labels.table.column("tag").unique().to_pylist()
    return [*dict.fromkeys(name for name in names if name is not None)]
