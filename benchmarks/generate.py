"""A manifest, the project that it was pushed to, and the ledger between them, as Parquet files.

    manifest.parquet   url, tag, left, top, width, height: what should be, sorted by url
    project.parquet    image_id, tag, left, top, width, height: what is
    ledger.parquet     key, image_id

One label in a hundred differs: boxes that moved, tags that changed, labels and images that came or went.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

TAGS = 200
LABELS_AN_IMAGE = 4
CHANGED = 0.01
BOX = ("left", "top", "width", "height")


def generate(folder: Path, rows: int, *, seed: int = 0) -> None:
    """Write the three files for so many rows of the manifest."""
    chance = np.random.default_rng(seed)
    images = max(rows // LABELS_AN_IMAGE, 1)
    image = np.sort(chance.integers(0, images, rows))
    urls = _numbered("https://pictures.example/set/shelf/camera-7/{}.jpg", images)
    ids = pa.array([f"{n:08x}-0000-4000-8000-{n:012x}" for n in range(images)], pa.string())
    tags = pa.array([f"product {n}" for n in range(TAGS)], pa.string())
    tag = chance.integers(0, TAGS, rows)
    box = np.column_stack([chance.random((rows, 2)) * 0.5, 0.05 + chance.random((rows, 2)) * 0.4])
    box = box.astype(np.float32)
    _write(folder / "manifest.parquet", url=urls.take(pa.array(image)), tag=tags.take(pa.array(tag)), box=box)

    change = chance.choice(
        ["", "moved", "retagged", "new label", "new image"],
        rows,
        p=[1 - CHANGED, CHANGED * 0.4, CHANGED * 0.2, CHANGED * 0.2, CHANGED * 0.2],
    )
    is_new = np.zeros(images, bool)
    is_new[image[change == "new image"]] = True
    held = ~is_new[image] & (change != "new label")
    box = np.where((change == "moved")[:, None], box + np.float32(0.01), box).astype(np.float32)
    tag = np.where(change == "retagged", (tag + 1) % TAGS, tag)
    kept = pa.array(image[held])
    order = np.argsort(chance.permutation(images)[image[held]], kind="stable")  # image by image, as listed
    _write(
        folder / "project.parquet",
        image_id=ids.take(kept).take(order), tag=tags.take(pa.array(tag[held])).take(order),
        box=box[held][order],
    )  # fmt: skip
    there = pa.array(np.unique(image[held]))
    pq.write_table(
        pa.table({"key": urls.take(there), "image_id": ids.take(there)}), folder / "ledger.parquet"
    )


def _numbered(template: str, count: int) -> pa.Array:
    head, _, tail = template.partition("{}")
    numbers = pa.array(np.arange(count)).cast(pa.string())
    return pc.binary_join_element_wise(head, numbers, tail, "")


def _write(
    path: Path, *, box: np.ndarray[tuple[int, int], np.dtype[np.float32]], **columns: pa.Array
) -> None:
    pq.write_table(pa.table(columns | {name: box[:, n] for n, name in enumerate(BOX)}), path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    generate(options.folder, options.rows)
