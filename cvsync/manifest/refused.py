"""Which images refused rows are of, as far as they say it: what those hold must not count as gone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.labels import TEXT, Labels
from cvsync.manifest.columns import box_fields
from cvsync.manifest.identity import url_keys
from cvsync.manifest.reading import Reading
from cvsync.manifest.rows import Lost, Rows
from cvsync.manifest.texts import Positions, Texts
from cvsync.manifest.where import keys_of_paths

ASTRAY = pa.schema(
    [
        pa.field("key", pa.string()),  # null: the row does not say its image
        pa.field("tag", pa.string()),  # empty: it names none; null: what it names is not known
    ]
)
SAID = pa.schema(  # what refused rows say that their project must hold once they are mended
    [
        pa.field("key", TEXT),  # null: the row does not say its image
        pa.field("tag", TEXT),
        pa.field("left", pa.float32()),  # null: it has no box; else anything
    ]
)
_PLACE = frozenset(  # problems of rows that do not say where their image is, or where it is not
    {"E002", "E003", "E004", "E005", "E006", "E007", "E008", "E009", "E038", "E039", "E048"}
)
_NO_TAG = frozenset({"E015", "E016"})  # of those that have a label and do not say which


def lost_keys(rows: Rows, reading: Reading, common: Path) -> list[str | None]:
    """Name the image of each row that could not be read; None where it says none."""
    urls = url_keys(Texts.of(pa.array([row.url for row in rows.lost], pa.string())))
    written = Texts.of(pa.array([row.path for row in rows.lost], pa.string()))
    paths = keys_of_paths(written, rows, reading, common)
    own = pa.array([row.key for row in rows.lost], pa.string())
    keys: list[str | None] = pc.coalesce(
        own, *(t.column.cast(pa.string()) for t in (urls, paths))
    ).to_pylist()
    return keys


def may_have_boxes(rows: Rows) -> bool:
    """Tell whether rows that could not be read may have had boxes: by their problems, columns or format."""
    codes = {row.code for row in rows.lost}
    if rows.box is None and box_fields(rows.table.column_names) is None:
        codes &= {"E041", "E051"}
    elif rows.box is not None:
        codes -= {"E040"}  # of formats for tags or boxes, broken lines tell nothing
    return bool(codes)


def astray_of(
    having: Callable[[Collection[str]], Positions],
    key: Texts,
    tag: Texts,
    lost: Iterable[tuple[Lost, str | None]],
) -> pa.Table:
    """Gather the refused rows of a file whose image is in doubt: columns of ``ASTRAY``, each pair once.

    Args:
        having: Gives the positions of the rows that have one of some problems.
        key: Of each row.
        tag: Of each row.
        lost: The rows that could not be read, with the images that they name.
    """
    at = having(_PLACE)
    is_told = pa.array(~np.isin(at, having(_NO_TAG)))
    tags = pc.if_else(is_told, pc.fill_null(_at(tag, at), ""), None)
    unsure = [lost_key for row, lost_key in lost if not row.is_sure or lost_key is None]
    return joined(
        [
            pa.table([_at(key, at), tags], schema=ASTRAY),
            pa.table([pa.array(unsure, pa.string()), pa.nulls(len(unsure), pa.string())], schema=ASTRAY),
        ]
    )


def astray_at(tag: Texts, at: Positions) -> pa.Table:
    """Take some rows as of any image."""
    return pa.table([pa.nulls(len(at), pa.string()), pc.fill_null(_at(tag, at), "")], schema=ASTRAY)


def said_at(labels: Labels, at: Positions) -> pa.Table:
    """Take what some rows say: columns of ``SAID``."""
    return labels.table.select(SAID.names).take(pa.array(at)).cast(SAID)


def joined(parts: Sequence[pa.Table]) -> pa.Table:
    """Put such tables together, each pair once."""
    return pa.concat_tables(parts).group_by(ASTRAY.names).aggregate([])


def _at(texts: Texts, rows: Positions) -> pa.Array:
    return texts.column.take(pa.array(rows, pa.int64())).cast(pa.string())
