"""How well the emulator's detector judges photographs that it never saw.

    python -m benchmarks.emulator_learning ../shared/data/cutlery

Four times 15 photographs a tag are learnt and the other 5 are judged by the best box: is its tag right, and
how much does it overlap with the true box? Guessing the tag would be right half the time.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from cvsync.emulator import learn
from cvsync.emulator.learn.data import corners, overlaps

SIDES = ("left", "top", "width", "height")
PARTS = 4
Photograph = tuple[int, learn.Example]
"""Its number within its tag, and what is to be learnt from it."""


def read(folder: Path) -> tuple[list[str], list[Photograph]]:
    """The tags and photographs of a folder with a manifest."""
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    tags = sorted({row["tag"] for row in rows})
    seen = dict.fromkeys(tags, 0)
    photographs = []
    for row in rows:
        box = learn.Box(*(float(row[side]) for side in SIDES))
        content = (folder / row["path"]).read_bytes()
        example = learn.Example(partial(bytes, content), (), ((tags.index(row["tag"]), box),))
        photographs.append((seen[row["tag"]], example))
        seen[row["tag"]] += 1
    return tags, photographs


def judge(tags: Sequence[str], photographs: Sequence[Photograph], seed: int) -> list[tuple[bool, float]]:
    """Whether the tag was right and how well the box fits, for each photograph in turn held out."""
    size = max(number for number, _ in photographs) // PARTS + 1
    found = []
    for part in range(PARTS):
        rest = [example for number, example in photographs if number // size != part]
        model = learn.fit(learn.Kind.DETECTION, len(tags), rest, seed=seed).model
        for number, example in photographs:
            if number // size == part:
                best = max(model.predict(example.read()), key=lambda one: one.probability)
                ((tag, box),) = example.boxes
                pair = (corners(np.array([one], np.float32)) for one in (best.box, box))
                found.append((best.tag == tag, float(overlaps(*pair)[0, 0])))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    tags, photographs = read(chosen.folder)
    for seed in range(chosen.seeds):
        started = time.perf_counter()
        found = judge(tags, photographs, seed)
        right = [is_right for is_right, _ in found]
        parts = [sum(right[n : n + len(right) // PARTS]) for n in range(0, len(right), len(right) // PARTS)]
        print(
            f"seed {seed}: right tag {sum(right)} of {len(right)} ({' + '.join(map(str, parts))}),"
            f" mean overlap {np.mean([overlap for _, overlap in found]):.2f},"
            f" {(time.perf_counter() - started) / PARTS:.1f} s a training"
        )


if __name__ == "__main__":
    main()
