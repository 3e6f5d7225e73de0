"""What a training learns from: the labelled images of an iteration's frozen frame."""

from __future__ import annotations

import sqlite3
from typing import Any

import orjson

from cvsync.emulator import domains
from cvsync.emulator.site import Site
from cvsync.emulator.store.iterations import Iteration


def kind_of(iteration: Iteration) -> str:
    """The learner's name for the kind of a project."""
    if domains.require(iteration.domain).is_detection:
        return "DETECTION"
    return iteration.classification.upper()


def collect(site: Site, db: sqlite3.Connection, iteration: Iteration) -> list[dict[str, Any]]:
    """The images of a frame that carry a label of the model, each with its labels as class numbers.

    Ordered by content, so that the same images train the same model whatever the order they came in.
    """
    number = {tag: index for index, tag in enumerate(iteration.tag_ids)}
    found: dict[int, dict[str, Any]] = {}
    for key, id_, sha, width, height, made in db.execute(
        "SELECT pk, id, sha, width, height, made FROM images WHERE frame = ? AND tagged ORDER BY sha",
        (iteration.frame,),
    ):
        found[key] = {
            "id": id_, "sha": sha.hex(), "path": str(site.blobs.path(sha)), "made": bool(made),
            "width": width, "height": height, "tags": [], "boxes": [],
        }  # fmt: skip
    for image, tag in db.execute(
        "SELECT l.image, t.id FROM image_tags l JOIN tags t ON t.pk = l.tag WHERE t.frame = ?"
        " ORDER BY t.folded",
        (iteration.frame,),
    ):
        if tag in number and image in found:
            found[image]["tags"].append(number[tag])
    for image, tag, text in db.execute(
        "SELECT r.image, t.id, r.box FROM regions r JOIN tags t ON t.pk = r.tag WHERE t.frame = ?"
        " ORDER BY t.folded, r.box",
        (iteration.frame,),
    ):
        if tag in number and image in found:
            box = orjson.loads(f"{{{text}}}")
            found[image]["boxes"].append([number[tag], [box[side] for side in _SIDES]])
    labels = "boxes" if kind_of(iteration) == "DETECTION" else "tags"
    return [item for item in found.values() if item[labels]]


_SIDES = ("left", "top", "width", "height")


def truth(site: Site, iteration: Iteration) -> dict[str, dict[str, Any]]:
    """The training examples of an iteration by image id."""
    return {item["id"]: item for item in collect(site, site.store.db, iteration)}
