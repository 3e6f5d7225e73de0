"""Which images are to get other metadata than they have."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa

from cvsync.labels import METADATA
from cvsync.plan.match import Rows
from cvsync.plan.sides import Sides


def metadata_changes(sides: Sides, names: Collection[str]) -> Rows:
    """Find the keys whose image has some metadata otherwise than is wanted.

    Pairs that nobody wants stay: others may have put them there.

    Args:
        sides: Both sides; where the snapshot was read without metadata, nothing is found.
        names: Of the metadata that counts.
    """
    wanted = {name: sides.first_of_key(METADATA + name) for name in names}
    if not wanted or "metadata" not in sides.snapshot.images.column_names:
        return np.empty(0, np.int64)
    keys = np.flatnonzero((sides.key_image >= 0) & ~sides.replaced)
    present = sides.snapshot.images.column("metadata").take(pa.array(sides.key_image[keys])).to_pylist()
    columns = {n: c.take(pa.array(keys)).to_pylist() for n, c in wanted.items() if c is not None}
    differs = [
        any(values[at] is not None and values[at] != found.get(name) for name, values in columns.items())
        for at, found in enumerate(map(dict, (pairs or () for pairs in present)))
    ]
    changed: Rows = keys[np.array(differs, bool)]
    return changed
