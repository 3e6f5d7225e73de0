"""Manifests as flows read them: what they are, and which of their rows are refused, is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cvsync.errors import ManifestError
from cvsync.events import tell
from cvsync.flows.aim import Aim
from cvsync.flows.service import Service
from cvsync.manifest import Manifest, Name, Problem, Reading, read


async def read_manifest(service: Service, manifests: Sequence[Name], reading: Reading) -> Manifest:
    """Read manifests, and tell what they are.

    Raises:
        ManifestError: They cannot be used.
    """
    manifest = await asyncio.to_thread(read, manifests, reading)
    tell(
        service.observer, "manifest", rows=manifest.rows, labels=len(manifest.labels),
        images=len(manifest.labels.keys), convention=manifest.convention,
        warnings=[*map(str, manifest.warnings)],
    )  # fmt: skip
    return manifest


def tell_problems(service: Service, problems: Sequence[Problem]) -> None:
    """Tell of the rows that are refused."""
    for problem in problems:
        tell(service.observer, "item_refused", **problem.refusal)


def refuse_if_strict(aim: Aim, problems: Sequence[object]) -> None:
    """Refuse problems, if the aim is strict.

    Raises:
        ManifestError: There are some, and it is.
    """
    if aim.strict and problems:
        raise ManifestError(aim.reference, [*map(str, problems), "nothing was sent (--strict)"])
