"""Manifests as flows read them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cvsync.errors import ManifestError
from cvsync.flows.aim import Aim
from cvsync.flows.service import Service
from cvsync.flows.telling import tell_manifest
from cvsync.manifest import Manifest, Name, Reading, read


async def read_manifest(service: Service, manifests: Sequence[Name], reading: Reading) -> Manifest:
    """Read manifests, and tell what they are.

    Raises:
        ManifestError: They cannot be used.
    """
    manifest = await asyncio.to_thread(read, manifests, reading)
    tell_manifest(service.observer, manifest)
    return manifest


def refuse_if_strict(aim: Aim, problems: Sequence[object]) -> None:
    """Refuse problems, if the aim is strict.

    Raises:
        ManifestError: There are some, and it is.
    """
    if aim.strict and problems:
        raise ManifestError(aim.reference, [*map(str, problems), "nothing was sent (--strict)"])
