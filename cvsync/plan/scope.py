"""Which tags a run is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from cvsync.labels import Labels, codes_of, fold
from cvsync.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class TagScope:
    """Some tags; labels of others are neither added nor removed, whatever the manifest says."""

    only: frozenset[str] = field(default_factory=frozenset)
    """Folded names; none: all tags but the excluded."""
    exclude: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, only: Iterable[str] = (), exclude: Iterable[str] = ()) -> TagScope:
        """Build from names as people write them."""
        return cls(frozenset(map(fold, only)), frozenset(map(fold, exclude)))

    @property
    def is_everything(self) -> bool:
        """Whether all tags are meant."""
        return not self.only and not self.exclude

    def holds(self, name: str | None) -> bool:
        """Tell whether a tag is meant; an image without a tag is only where all are."""
        if name is None:
            return self.is_everything
        return fold(name) not in self.exclude and (not self.only or fold(name) in self.only)

    def of_labels(self, labels: Labels) -> Labels:
        """Keep the labels that are meant."""
        if self.is_everything:
            return labels
        codes, values = codes_of(labels.table.column("tag"))
        meant = np.array([self.holds(value) for value in values.to_pylist()] + [self.holds(None)], bool)
        return labels.take(meant[codes])

    def of_snapshot(self, snapshot: Snapshot) -> pa.Array:
        """Tell for each label of a snapshot whether it is meant."""
        codes, values = codes_of(snapshot.labels.column("tag_id"))
        names = {tag.id: tag.name for tag in snapshot.tags}
        meant = np.array([self.holds(names[value]) for value in values.to_pylist()] + [False], bool)
        return meant[codes]
