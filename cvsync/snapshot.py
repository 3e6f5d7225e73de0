"""Snapshot: what a project holds at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.labels import BOX, METADATA, TEXT, Labels, codes_of, one_chunk
from cvsync.model import REGULAR, Project, ProjectType, Tag

IMAGES = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("width_px", pa.int32()),
        pa.field("height_px", pa.int32()),
    ]
)
DETAILS = pa.schema(
    [
        *IMAGES,
        pa.field("created", pa.timestamp("us", "UTC")),
        pa.field("link", pa.string()),  # to the original; a secret, for a day
        pa.field("metadata", pa.map_(pa.string(), pa.string())),
    ]
)
LABELS = pa.schema(
    [
        pa.field("image", pa.int32(), nullable=False),  # position in the images table
        pa.field("tag_id", TEXT, nullable=False),
        pa.field("region_id", pa.string()),  # null: a whole-image tag
        pa.field("left", pa.float32()),
        pa.field("top", pa.float32()),
        pa.field("width", pa.float32()),
        pa.field("height", pa.float32()),
    ]
)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A project, its tags, its images and their labels, each image and label a row.

    In a detection project the whole-image tags that follow from regions are not labels and are left out.
    """

    project: Project
    type: ProjectType
    tags: Sequence[Tag]
    images: pa.Table
    """Columns of ``IMAGES``, or of ``DETAILS`` where they were asked for."""
    labels: pa.Table
    """Columns of ``LABELS``."""

    @classmethod
    def empty(cls, project: Project, type_: ProjectType, tags: Sequence[Tag] = ()) -> Snapshot:
        """Give the snapshot of a project without images."""
        return cls(project, type_, tags, IMAGES.empty_table(), LABELS.empty_table())

    def __len__(self) -> int:
        return int(self.images.num_rows)

    def keep(self, images: NDArray[np.bool_]) -> Snapshot:
        """Keep some images and their labels: one truth value an image."""
        position = np.asarray(self.labels.column("image")).astype(np.int64)
        labels = self.labels.filter(pa.array(images[position])).combine_chunks()
        moved = (np.cumsum(images) - 1)[position[images[position]]].astype(np.int32)
        labels = labels.set_column(0, LABELS.field("image"), pa.array(moved))
        return replace(self, images=self.images.filter(pa.array(images)).combine_chunks(), labels=labels)

    def to_labels(self, of_images: Mapping[str, pa.Array] | None = None) -> Labels:
        """Give what the project holds as a manifest says it: one row a label, in the images' order.

        Rows carry the image's size, type of tag where it is not ``Regular``, and metadata where it is known;
        neither a place nor a version.

        Args:
            of_images: More columns of ``Labels``, with a value for each image. Where its ``key`` is null, and
                by default, an image has its id as key.
        """
        owner = np.asarray(self.labels.column("image"))
        bare = np.setdiff1d(np.arange(len(self), dtype=np.int32), owner)
        image = np.concatenate([owner, bare])
        order = np.argsort(image, kind="stable")
        image = pa.array(image[order], pa.int32())
        label = pa.array(order, mask=order >= len(owner))
        ids = one_chunk(self.images.column("image_id"))
        more = {**(of_images or {})}
        key = more.pop("key", ids)
        columns: dict[str, object] = {
            "key": _of_images(pc.coalesce(key, ids) if key.null_count else key, image),
            "image_id": _of_images(ids, image),
            "image_width": self.images.column("width_px").take(image),
            "image_height": self.images.column("height_px").take(image),
        }
        columns |= {name: self.labels.column(name).take(label) for name in BOX}
        codes, tag_ids = codes_of(self.labels.column("tag_id").take(label))
        tags = {tag.id: tag for tag in self.tags}
        worn = [tags[tag_id] for tag_id in tag_ids.to_pylist()]
        columns["tag"] = _coded(codes, [tag.name for tag in worn])
        if any(tag.type not in (None, REGULAR) for tag in worn):
            columns["tag_type"] = _coded(codes, [tag.type for tag in worn])
        columns |= {name: _of_images(values, image) for name, values in (more | self._metadata()).items()}
        return Labels.from_columns(columns)

    def _metadata(self) -> dict[str, pa.Array]:
        if "metadata" not in self.images.column_names:
            return {}
        found = one_chunk(self.images.column("metadata"))
        names = pc.unique(found.keys).to_pylist()
        return {METADATA + name: pc.map_lookup(found, name, "last") for name in names}


def _of_images(values: pa.Array, image: pa.Array) -> pa.Array:
    """Give a column of labels of what their images have; texts are not repeated."""
    if not pa.types.is_string(values.type):
        return values.take(image)
    if values.null_count:
        return values.dictionary_encode().take(image)
    return pa.DictionaryArray.from_arrays(image, values)


def _coded(codes: NDArray[np.integer[Any]], values: Sequence[str | None]) -> pa.Array:
    """Give a text column by the position of each row's value; -1, or a value that is None, is null."""
    listed = pa.array([*values, None], pa.string()).dictionary_encode()
    return listed.take(pa.array(codes % (len(values) + 1)))
