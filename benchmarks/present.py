"""What a project holds and what the ledger knows, from the files of `generate.py`, as the flows have them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cvsync.known import SCHEMA as KNOWN
from cvsync.known import KnownImages
from cvsync.labels import BOX, as_column, one_chunk
from cvsync.model import Project, ProjectType, Tag
from cvsync.parallel import each
from cvsync.snapshot import IMAGES, LABELS, Snapshot


class _Page(NamedTuple):
    ids: pa.Array
    """Of its images."""
    image: np.ndarray
    """For each label its image's position among them."""
    labels: list[pa.Array]
    """Tags, and the four sides of boxes."""


def read_known(path: Path) -> KnownImages:
    """Read a ledger that knows ids and nothing else."""
    ledger = pq.read_table(path).combine_chunks()
    blank = [pa.nulls(len(ledger), KNOWN.field(name).type) for name in ("fingerprint", "version")]
    return KnownImages(pa.Table.from_arrays([ledger["key"], ledger["image_id"], *blank], schema=KNOWN))


def read_project(path: Path) -> Snapshot:
    """Read what a listing gives, page by page: images in a row, each with its labels."""
    pages = each(lambda number: _page(path, number), range(pq.ParquetFile(path).num_row_groups))
    images, positions, count, last = [], [], 0, None
    for ids, position, _ in pages:
        goes_on = int(ids[0] == last)  # an image's labels may lie on two pages
        positions.append(position + np.int32(count - goes_on))
        images.append(ids[goes_on:])
        count, last = count + len(ids) - goes_on, ids[-1]
    tag, *box = (pa.chunked_array(parts) for parts in zip(*(page.labels for page in pages), strict=True))
    image = pa.array(np.concatenate(positions))
    columns = [image, one_chunk(tag.unify_dictionaries()), pa.nulls(len(image), pa.string())]
    columns += each(one_chunk, box)
    size = pa.nulls(count, pa.int32())
    return Snapshot(
        Project("p", "p"), ProjectType.DETECTION,
        [Tag(name, name) for name in pc.unique(tag).to_pylist()],
        pa.Table.from_arrays([pa.concat_arrays(images), size, size], schema=IMAGES),
        pa.Table.from_arrays(list(map(as_column, columns, LABELS.types)), schema=LABELS),
    )  # fmt: skip


def _page(path: Path, number: int) -> _Page:
    file = pq.ParquetFile(path, read_dictionary=["tag"])
    table = file.read_row_group(number, use_threads=False)
    ids = one_chunk(table.column("image_id"))
    is_new = np.append(True, np.asarray(pc.not_equal(ids[1:], ids[:-1])))
    labels = [one_chunk(table.column(name)) for name in ("tag", *BOX)]
    return _Page(ids.filter(pa.array(is_new)), np.cumsum(is_new, dtype=np.int32) - np.int32(1), labels)
