"""What cvsync knows of a project, beside what the project holds: `cvsync status` and `cvsync ledger show`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cvsync.api.listing import fetch_snapshot
from cvsync.flows.project import require_with_type
from cvsync.flows.service import Service
from cvsync.known import KnownImages
from cvsync.labels import Labels
from cvsync.model import Project
from cvsync.plan.drift import find_drift
from cvsync.plan.sides import Sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A project and its ledger, counted."""

    project_id: str
    project: str
    type: str
    images: int
    tags: int
    keys: int
    """Keys that the ledger knows."""
    unmanaged: int
    """Images that no key is known to be."""
    lost: int
    """Images that the ledger knows and the project no longer has."""
    edited: int
    """Images that are not labelled as the ledger left them."""
    unsettled: int
    """Images of which a request's outcome is not known yet; the next push settles them."""
    ledger: str
    """Where the ledger is."""


async def fetch_status(service: Service, wanted: str) -> Status:
    """Compare a project with its ledger; touches neither.

    Raises:
        MissingProjectError: There is no such project.
    """
    project, type_ = await require_with_type(service, wanted)
    snapshot = await fetch_snapshot(service.client, project, type_)
    known = read_known(service, project)
    sides = Sides(Labels.from_columns({"key": []}), snapshot, known)
    ids = set(known.table.column("image_id").to_pylist())
    return Status(
        project_id=project.id,
        project=project.name,
        type=str(type_),
        images=len(snapshot),
        tags=len(snapshot.tags),
        keys=len(known),
        unmanaged=int(np.sum(~sides.managed)),
        lost=len(ids - set(snapshot.images.column("image_id").to_pylist())),
        edited=int(np.sum(find_drift(sides).images)),
        unsettled=len(known.unsettled),
        ledger=str(service.ledger_path(project.id)),
    )


def read_known(service: Service, project: Project) -> KnownImages:
    """Read what the ledger of a project knows, without making one."""
    if not project.id or not service.ledger_path(project.id).exists():
        return KnownImages.empty()
    with service.open_ledger(project.id) as ledger:
        return ledger.known()
