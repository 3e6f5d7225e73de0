"""Plan: all intended changes, in the order in which they are applied."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.known import SCHEMA as KNOWN_SCHEMA
from cvsync.labels import TEXT
from cvsync.model import ProjectType
from cvsync.plan.actions import Action, Conflict, Kind, NewTag, TagRename
from cvsync.plan.images import Images
from cvsync.plan.unrolled import as_actions, as_images

SCHEMA = pa.schema(
    [
        pa.field("kind", pa.int8(), nullable=False),
        pa.field("item", pa.int64(), nullable=False),  # rows of one image and kind share it and lie together
        pa.field("key", TEXT),  # null: no key of the manifest or the ledger is this image
        pa.field("url", TEXT),
        pa.field("path", TEXT),
        pa.field("image_id", pa.string()),  # null: the image is yet to be created
        pa.field("tag", TEXT),  # its name; null: an image without labels
        pa.field("region_id", pa.string()),  # of a box to remove
        pa.field("left", pa.float32()),
        pa.field("top", pa.float32()),
        pa.field("width", pa.float32()),
        pa.field("height", pa.float32()),
        pa.field("source", TEXT),
        pa.field("row", pa.int64()),
        pa.field("version", TEXT),  # of a new image's content, where the manifest tells it
    ]
)  # columns of METADATA follow, for new images, where the manifest has some


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a project holds of what the service limits."""

    images: int
    tags: int


@dataclass(frozen=True, eq=False)
class Plan:
    """The changes that make a project match a manifest.

    Held whole as columns, about 80 bytes a changed label; what stays as it is costs nothing.
    """

    project_id: str
    type: ProjectType
    new_tags: tuple[NewTag, ...]
    """The tags to create, in the order of the manifest."""
    table: pa.Table
    """Columns of ``SCHEMA`` and metadata, in apply order."""
    unchanged: int
    """Images of the manifest that the project holds with the same labels."""
    unknown: int
    """Keys that the ledger does not know: new images, or images to adopt."""
    unmanaged: int
    """Images of the project that no key is known to be; they are never touched."""
    before: Extent
    """What the project held when the plan was made."""
    adopted: int = 0
    """Images that were unmanaged and that the manifest does not name: the ledger will know them by id."""
    twins: int = 0
    """Keys that are the same image to the service as another key."""
    renames: tuple[TagRename, ...] = ()
    """Tags that get another name or description, before anything else."""
    drifted: int = 0
    """Images of the manifest that others edited or deleted since the last run."""
    conflicts: tuple[Conflict, ...] = ()
    """Rows that are left out because they contradict others."""
    learned: pa.Table = field(default_factory=KNOWN_SCHEMA.empty_table)
    """What the ledger should know before anything is applied, in this order: columns of ``known.SCHEMA``."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.new_tags and not self.renames and self.table.num_rows == 0

    @property
    def after(self) -> Extent:
        """What the project will hold."""
        counts = self.counts
        images = self.before.images + counts[Kind.CREATE_IMAGE] - counts[Kind.DELETE_IMAGE]
        return Extent(images, self.before.tags + len(self.new_tags))

    @property
    def doomed(self) -> int:
        """How many images will be gone for good: deleted, or replaced."""
        return self.counts[Kind.DELETE_IMAGE] + self.counts[Kind.REPLACE_IMAGE]

    @property
    def creates_bare(self) -> bool:
        """Whether new keys are first sent without labels.

        An unknown key may turn out to be an unmanaged image, and labels that ride along with a duplicate
        would be merged into it before anyone could compare.
        """
        return self.unmanaged + self.adopted > 0

    @cached_property
    def counts(self) -> dict[Kind, int]:
        """How many actions of each kind; an image counts once a kind."""
        kinds, items = (np.asarray(self.table.column(c)) for c in ("kind", "item"))
        is_first = np.append(True, (items[1:] != items[:-1]) | (kinds[1:] != kinds[:-1]))
        firsts = kinds[is_first] if len(items) else kinds
        found = {kind: int((firsts == kind).sum()) for kind in Kind}
        return found | {Kind.CREATE_TAG: len(self.new_tags), Kind.RENAME_TAG: len(self.renames)}

    def actions(self, *kinds: Kind) -> Iterator[Action]:
        """Give the actions of some kinds (default: all) one by one, in apply order."""
        return chain.from_iterable(self._parts(kinds or tuple(Kind)))

    def _parts(self, kinds: Collection[Kind]) -> Iterator[Iterator[Action]]:
        for kind, tags in ((Kind.RENAME_TAG, self.renames), (Kind.CREATE_TAG, self.new_tags)):
            if kind in kinds:
                yield (Action(kind, str(tag)) for tag in tags)
        for kind in kinds:
            if rows := self._rows(kind):
                yield as_actions(rows)

    def images(self, kind: Kind, ids: Mapping[str, str]) -> Iterator[Images]:
        """Give the new images, or those that replace others, some at a time.

        Args:
            kind: ``CREATE_IMAGE`` or ``REPLACE_IMAGE``.
            ids: The id of each tag by its name.
        """
        rows = self._rows(kind)
        return as_images(rows, ids) if rows else iter(())

    def images_of(self, keys: Collection[str]) -> Iterator[Action]:
        """Give the new images of some keys, and those that replace others."""
        wanted = pa.array([*keys], pa.string())
        for kind in (Kind.CREATE_IMAGE, Kind.REPLACE_IMAGE):
            rows = self._rows(kind)
            if rows := rows.filter(pc.is_in(rows.column("key").cast(pa.string()), wanted)):
                yield from as_actions(rows)

    def _rows(self, kind: Kind) -> pa.Table:
        rows = np.flatnonzero(np.asarray(self.table.column("kind")) == kind)
        return self.table.slice(int(rows[0]), len(rows)) if len(rows) else self.table.slice(0, 0)
