"""Snapshot: what a project holds at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from cvsync.labels import TEXT
from cvsync.model import Project, ProjectType, Tag

IMAGES = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("width_px", pa.int32()),
        pa.field("height_px", pa.int32()),
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
    """Columns of ``IMAGES``."""
    labels: pa.Table
    """Columns of ``LABELS``."""

    @classmethod
    def empty(cls, project: Project, type_: ProjectType, tags: Sequence[Tag] = ()) -> Snapshot:
        """Give the snapshot of a project without images."""
        return cls(project, type_, tags, IMAGES.empty_table(), LABELS.empty_table())

    def __len__(self) -> int:
        return int(self.images.num_rows)
