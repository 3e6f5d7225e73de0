"""Images of a project that no key is known to be, made the manifest's own under their ids."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.known import SCHEMA as KNOWN_SCHEMA
from cvsync.known import KnownImages
from cvsync.plan.sides import Sides


class Unmanaged(Enum):
    """What happens to images that no key is known to be."""

    LEAVE = "leave"  # nothing, ever
    ADOPT = "adopt"  # the ledger knows them from now on, their ids as keys, as manifests that were pulled do


def adopt(sides: Sides) -> pa.Table:
    """Give what the ledger should know of the unmanaged images: columns of ``known.SCHEMA``.

    An id that is the key of another image already stays that, and its image unmanaged.
    """
    taken = [sides.known.table.column("key"), sides.desired.keys.filter(pa.array(sides.key_image >= 0))]
    free = ~np.any([pc.is_in(sides.image_ids, keys) for keys in taken], axis=0)
    images = np.flatnonzero(~sides.managed & free)
    ids = sides.image_ids.take(pa.array(images))
    prints = pa.array(sides.fingerprints[images])
    return pa.Table.from_arrays([ids, ids, prints, pa.nulls(len(ids), pa.string())], schema=KNOWN_SCHEMA)


def with_adopted(known: KnownImages, adopted: pa.Table) -> KnownImages:
    """Give what the ledger will know."""
    table = pa.concat_tables([known.table, adopted]).combine_chunks()
    return replace(known, table=table)
