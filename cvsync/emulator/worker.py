"""A fit in a process of its own: `python -m cvsync.emulator.worker`, job on stdin, result on stdout.

A plain child with pipes rather than a pool: it needs no guarded `__main__` in the caller's program, and it
ends by itself after the emulator was killed. The job is one JSON object; the result is one JSON line and then
the model's bytes.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from cvsync.emulator import pictures

Said = list[list[Any]]
"""Candidates of one image: tag index, probability, box or null."""


def run(job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Fit a model on a job's examples. Blocks for as long as that takes."""
    from cvsync.emulator import learn

    trained = learn.fit(
        learn.Kind[job["kind"]],
        job["tag_count"],
        [example(item) for item in job["examples"]],
        seed=job["seed"],
    )
    result = {
        "held_out": list(trained.held_out),
        "candidates": [said(candidates) for candidates in trained.candidates],
    }
    return result, trained.model.to_bytes()


def example(item: dict[str, Any]) -> Any:
    """One example of a job as the learner wants it."""
    from cvsync.emulator import learn

    return learn.Example(
        partial(read, item),
        tuple(item["tags"]),
        tuple((tag, learn.Box(*box)) for tag, box in item["boxes"]),
    )


def read(item: dict[str, Any]) -> bytes:
    if item["made"]:
        return pictures.made_bytes(bytes.fromhex(item["sha"]), item["width"], item["height"])
    return Path(item["path"]).read_bytes()


def said(candidates: Any) -> Said:
    """Plain numbers, whatever kind the learner computes with."""
    return [[int(c.tag), float(c.probability), c.box and _sides(c.box)] for c in candidates]


def _sides(box: Any) -> list[float]:
    return [float(side) for side in (box.left, box.top, box.width, box.height)]


def main() -> None:
    # The pipe is for the result alone: whatever a library prints goes to stderr.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        result, model = run(json.loads(sys.stdin.buffer.read()))  # a path need not be UTF-8
        out.write(orjson.dumps(result) + b"\n" + model)


if __name__ == "__main__":
    main()
