"""Tiny, deterministic things that tests are made of."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from cvsync.labels import Labels
from cvsync.model import Project, ProjectType, Tag
from cvsync.snapshot import IMAGES, LABELS, Snapshot

BOX_COLUMNS = ("left", "top", "width", "height")
LabelRow = tuple[Any, ...]
"""Key, tag, and a box or nothing."""


def make_png(seed: int, size: tuple[int, int] = (32, 24)) -> bytes:
    """A picture that differs for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A manifest with the columns of its first row."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def make_labels(rows: Iterable[LabelRow]) -> Labels:
    """Labels of (key, tag, left, top, width, height) rows; the box may be left out."""
    listed = [(row[0], row[1], *(row[2:] or (None,) * 4)) for row in rows]
    columns: dict[str, Any] = {
        "key": pa.array([r[0] for r in listed], pa.string()),
        "url": pa.array([f"https://pictures.test/{r[0]}" for r in listed], pa.string()),
        "tag": pa.array([r[1] for r in listed], pa.string()),
        "source": pa.array(["m.csv"] * len(listed), pa.string()),
        "row": pa.array(range(1, len(listed) + 1), pa.int64()),
    }
    for n, name in enumerate(BOX_COLUMNS, 2):
        columns[name] = pa.array([r[n] for r in listed], pa.float32())
    return Labels.from_columns(columns)


def make_snapshot(
    images: Mapping[str, Iterable[LabelRow]], type_: ProjectType, tags: Sequence[str] = ()
) -> Snapshot:
    """A project of image id -> (tag, left, top, width, height) rows; the box may be left out."""
    names = list(dict.fromkeys([*tags, *(row[0] for rows in images.values() for row in rows)]))
    rows: list[LabelRow] = []
    for position, labels in enumerate(images.values()):
        for number, label in enumerate(labels):
            box = label[1:] or (None,) * 4
            region = f"r-{position}-{number}" if label[1:] else None
            rows.append((position, f"id-{label[0]}", region, *box))
    columns = list(zip(*rows, strict=True)) or [()] * len(LABELS)
    plain = [pa.string() if pa.types.is_dictionary(f.type) else f.type for f in LABELS]
    arrays = [
        pa.array(c, t).cast(f.type) if t == f.type else pa.array(c, t).dictionary_encode()
        for c, t, f in zip(columns, plain, LABELS, strict=True)
    ]
    sizes = pa.array([100] * len(images), pa.int32())
    return Snapshot(
        Project("p", "shelf"),
        type_,
        [Tag(f"id-{name}", name) for name in names],
        pa.Table.from_arrays([pa.array(list(images), pa.string()), sizes, sizes], schema=IMAGES),
        pa.Table.from_arrays(arrays, schema=LABELS),
    )
