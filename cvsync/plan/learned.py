"""What the planner sees that the ledger does not know yet."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.known import SCHEMA as KNOWN_SCHEMA
from cvsync.labels import one_chunk
from cvsync.parallel import together
from cvsync.plan.coded import Mask
from cvsync.plan.drift import known_fingerprints
from cvsync.plan.sides import Sides, apply_codes, as_positions


def learn(sides: Sides, *, untold: Mask) -> pa.Table:
    """Give what the ledger should know before the plan is applied: rows that differ from what it has.

    Args:
        sides: Both sides.
        untold: For each image whether the ledger keeps the fingerprint that it has.

    Returns:
        Columns of ``known.SCHEMA``, each key once.
    """
    keys = np.flatnonzero((sides.key_image >= 0) & ~sides.replaced)
    image, row = sides.key_image[keys], sides.known_row[keys]
    known = sides.known.table
    moved = apply_codes(sides.known_image, row) != image
    prints, is_told = known_fingerprints(sides.known)
    stale = ~np.append(is_told, False)[row] | (np.append(prints, 0)[row] != sides.fingerprints[image])
    retold = np.zeros(len(keys), bool)
    if sides.versions is not None:
        version = one_chunk(known.column("version")).take(as_positions(row))
        now = sides.versions.take(pa.array(keys)).cast(pa.string())
        retold = ~np.asarray(pc.fill_null(pc.equal(now, version), pc.is_null(now)))
    new = np.flatnonzero(moved | retold | (stale & ~untold[image]))
    at, key, row = image[new], pa.array(keys[new]), as_positions(row[new])
    before, version, *names = together(
        lambda: one_chunk(known.column("fingerprint")).take(row),
        lambda: one_chunk(known.column("version")).take(row),
        lambda: sides.desired.keys.take(key),
        lambda: sides.image_ids.take(pa.array(at)),
    )
    if sides.versions is not None:
        version = pc.coalesce(sides.versions.take(key).cast(pa.string()), version)
    columns = [*names, pc.if_else(pa.array(untold[at]), before, pa.array(sides.fingerprints[at])), version]
    arrays = [column.cast(f.type) for column, f in zip(columns, KNOWN_SCHEMA, strict=True)]
    return pa.concat_tables([_others(sides, untold), pa.Table.from_arrays(arrays, schema=KNOWN_SCHEMA)])


def _others(sides: Sides, untold: Mask) -> pa.Table:
    """Give what other keys of the same images should know: else they would take what we did for an edit."""
    prints, is_told = known_fingerprints(sides.known)
    image = sides.known_image
    stale = (image >= 0) & is_told & (np.append(sides.named & ~untold, False)[image])
    stale &= prints != np.append(sides.fingerprints, 0)[image]
    stale[sides.known_row[sides.known_row >= 0]] = False
    at = pa.array(np.flatnonzero(stale))
    table = sides.known.table.take(at)
    now = pa.array(sides.fingerprints[image[stale]])
    return table.set_column(2, KNOWN_SCHEMA.field("fingerprint"), now)
