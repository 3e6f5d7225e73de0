"""KnownImages: which key is which image, as the ledger remembers it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("fingerprint", pa.int64()),  # of the labels that the image was left with; null: not known
        pa.field("version", pa.string()),  # the manifest's `version` cell at that time
    ]
)

PULLED = pa.schema(
    [pa.field("key", pa.string(), nullable=False), pa.field("image_id", pa.string(), nullable=False)]
)


@dataclass(frozen=True, eq=False)
class KnownImages:
    """The ledger's image id for each key; several keys may be one image (twins)."""

    table: pa.Table
    """Columns of ``SCHEMA``, each key once."""
    unsettled: frozenset[str] = frozenset()
    """Ids of images that a request without an answer may have changed: they are not edited by others."""
    doomed: frozenset[str] = frozenset()
    """Ids of images that a replacement has made superfluous and that are still to be deleted."""
    pulled: pa.Table = field(default_factory=PULLED.empty_table)
    """Columns of ``PULLED``: which images keys of pulled manifests are; hints, as ``image_id``s are."""

    @classmethod
    def empty(cls) -> KnownImages:
        """Give what a new ledger knows."""
        return cls(SCHEMA.empty_table())

    @classmethod
    def of(cls, image_ids: dict[str, str]) -> KnownImages:
        """Build from key → image id."""
        keys = pa.array(list(image_ids), pa.string())
        ids = pa.array(list(image_ids.values()), pa.string())
        blank = pa.nulls(len(keys))
        return cls(
            pa.Table.from_arrays([keys, ids, blank.cast(pa.int64()), blank.cast(pa.string())], schema=SCHEMA)
        )

    def count_images(self, keys: pa.Array) -> int:
        """Count the images that some distinct keys are; a key that is not known stands for one of its own."""
        at = pc.index_in(keys, self.table.column("key"))
        ids = self.table.column("image_id").take(at)
        return int(pc.count_distinct(ids).as_py()) + int(ids.null_count)

    def __len__(self) -> int:
        return int(self.table.num_rows)
