"""What others changed in a project since the last run, by three sides: ledger, manifest and project."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import pyarrow.compute as pc

from cvsync.errors import GuardError
from cvsync.known import KnownImages
from cvsync.plan.coded import Mask
from cvsync.plan.match import Rows
from cvsync.plan.sides import Sides

_NAMED = 5  # images in a message


class OnDrift(Enum):
    """Who is right about an image that was edited in the project since the last run."""

    MANIFEST = "manifest"  # the manifest: the edit is undone
    PROJECT = "project"  # the project: the image is left as it is
    STOP = "stop"  # neither: the plan is refused


@dataclass(frozen=True, eq=False)
class Drift:
    """Edits by others that a plan would undo."""

    images: Mask
    """For each image of the snapshot whether its labels are not as the ledger left them."""
    lost: Mask
    """For each key of the manifest whether its image was deleted."""


def find_drift(sides: Sides) -> Drift:
    """Find the images that are not as the ledger left them.

    What a request of ours without an answer may have changed is no edit by others.
    """
    left, is_told = known_fingerprints(sides.known)
    rows = np.flatnonzero((sides.known_image >= 0) & is_told)
    image = sides.known_image[rows]
    edited = np.zeros(len(sides.snapshot), bool)
    edited[image[sides.fingerprints[image] != left[rows]]] = True
    lost = sides.lost
    if sides.known.unsettled:
        unsettled = np.isin(np.array(sides.image_ids.to_pylist(), object), [*sides.known.unsettled])
        edited &= ~unsettled
        lost = lost & ~_unsettled_keys(sides)
    return Drift(edited, lost)


def known_fingerprints(known: KnownImages) -> tuple[Rows, Mask]:
    """Give for each row of the ledger its fingerprint, and whether there is one."""
    column = known.table.column("fingerprint")
    return np.asarray(pc.fill_null(column, 0)).astype(np.int64), np.asarray(pc.is_valid(column))


def _unsettled_keys(sides: Sides) -> Mask:
    ids = sides.known.table.column("image_id").to_pylist()
    flags = np.array([id_ in sides.known.unsettled for id_ in ids] + [False])
    return np.asarray(flags[sides.known_row])


def refuse_drift(sides: Sides, images: Rows, keys: Rows) -> None:
    """Refuse a plan that would undo edits by others.

    Raises:
        GuardError: There are some; it names the first few.
    """
    if not len(images) and not len(keys):
        return
    names = sides.keys_of(images[:_NAMED]).to_pylist()
    names += [sides.desired.keys[int(k)].as_py() for k in keys[: _NAMED - len(names)]]
    count = len(images) + len(keys)
    more = f" and {count - len(names)} more" if count > len(names) else ""
    raise GuardError(
        f"{count} image{'s were' if count > 1 else ' was'} edited in the project since the last run: "
        f"{', '.join(names)}{more}; nothing was sent. --on-drift manifest undoes the edits, "
        "--on-drift project keeps them"
    )
