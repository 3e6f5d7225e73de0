"""Labels as numbers, and the fingerprints of their images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.labels import BOX, Codes, codes_of
from cvsync.parallel import each, slices
from cvsync.plan.fingerprint import NO_BOX, Hashes, add_sums, label_hashes, tag_hashes
from cvsync.plan.match import Rows
from cvsync.snapshot import Snapshot

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Coded:
    """Labels of one side, as they are hashed."""

    table: pa.Table
    images: Codes
    codes: Codes
    """Of the tags."""
    tags: NDArray[np.uint64]
    """For each code the tag's hash."""

    def fingerprints(self, count: int, rows: Mask | None) -> NDArray[np.int64]:
        """Sum the hashes of some rows (default: all) by image."""
        total = np.zeros(count, np.int64)
        tags = np.append(self.tags, np.uint64(0))  # for a row without one, which does not count

        def sums(part: slice) -> tuple[Codes, Hashes]:
            images, hashes = self.images[part], label_hashes(tags[self.codes[part]], boxes(self.table, part))
            if rows is not None and not rows[part].all():
                images, hashes = images[rows[part]], hashes[rows[part]]
            # The labels of an image mostly lie together: few sums are left to be added one by one.
            starts = np.flatnonzero(np.append(True, images[1:] != images[:-1])[: len(images)])
            return images[starts], np.add.reduceat(hashes, starts) if len(starts) else hashes

        for images, hashes in each(sums, slices(len(self.images))):
            add_sums(total, images, hashes)
        return total


def fingerprints(snapshot: Snapshot, rows: Mask | None = None) -> NDArray[np.int64]:
    """Give each image of a snapshot the fingerprint of its labels, or of some of them."""
    codes, tag_ids = codes_of(snapshot.labels.column("tag_id"))
    images = np.asarray(snapshot.labels.column("image"))
    labels = Coded(snapshot.labels, images, codes, tag_hashes(tag_ids.to_pylist()))
    return labels.fingerprints(len(snapshot), rows)


def boxes(table: pa.Table, rows: Rows | slice) -> NDArray[np.float32]:
    """Give the boxes of some rows as n × 4, ``NO_BOX`` where there is none."""
    part = table.select(BOX)
    part = part[rows] if isinstance(rows, slice) else part.take(pa.array(rows))
    columns = (pc.fill_null(c, NO_BOX) if c.null_count else c for c in part.columns)
    return np.stack([np.asarray(column) for column in columns], axis=1)
