"""Which tags a run is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvsync.labels import Labels, codes_of, fold
from cvsync.snapshot import Snapshot

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TagScope:
    """Some tags; labels of others are neither added nor removed, whatever the manifest says.

    An image of which no label is meant is not created. A tag that is renamed in the same run counts by its
    new name, as it will in the next.
    """

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

    def unknown(self, labels: Labels, snapshot: Snapshot) -> list[str]:
        """Give the folded names that neither side has: most likely they are misspelt."""
        if self.is_everything:
            return []
        names = [*pc.unique(labels.table.column("tag")).to_pylist(), *(tag.name for tag in snapshot.tags)]
        return sorted(self.only.union(self.exclude).difference(fold(name) for name in names if name))

    def wanted(self, labels: Labels) -> list[str]:
        """Give the names of the tags of a manifest that are meant."""
        names = pc.unique(labels.table.column("tag")).to_pylist()
        return [name for name in names if name is not None and self.holds(name)]

    def of_labels(self, labels: Labels) -> Mask:
        """Tell for each label of a manifest whether it is meant."""
        return self._meant(labels.table.column("tag"), lambda name: name)

    def of_snapshot(self, snapshot: Snapshot, names: Sequence[str]) -> Mask:
        """Tell for each label of a project whether it is meant, by the names that its tags will have."""
        name_of = {tag.id: name for tag, name in zip(snapshot.tags, names, strict=True)}
        return self._meant(snapshot.labels.column("tag_id"), name_of.__getitem__)

    def _meant(self, column: pa.ChunkedArray, name_of: Callable[[str], str]) -> Mask:
        if self.is_everything:
            return np.ones(len(column), bool)
        codes, values = codes_of(column)
        meant = [self.holds(name_of(value)) for value in values.to_pylist()]
        return np.array([*meant, self.holds(None)], bool)[codes]
