"""Read manifests in any format and write them as one in another."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cvsync.errors import ManifestError
from cvsync.manifest import (
    Manifest,
    Name,
    Reading,
    Written,
    read,
    rejects_suffix,
    shown,
    write,
    write_rejects,
)
from cvsync.manifest.writer import format_of


@dataclass(frozen=True, kw_only=True)
class ConvertRequest:
    """What becomes what."""

    manifests: tuple[Name, ...]
    destination: Path
    format: str | None = None
    """A name of ``manifest.FORMATS``; None: as the destination's name ends."""
    reading: Reading = field(default_factory=lambda: Reading(any_storage=True))
    lossy: bool = False
    overwrite: bool = False
    copy_images: bool = False
    strict: bool = False
    """Write nothing if one row is bad."""
    rejects: Path | None = None
    """Where bad rows go; None: a file beside the destination."""


@dataclass(frozen=True)
class ConvertReport:
    """What came of it."""

    manifest: Manifest
    written: Written
    rejects: Path | None
    """The file with the bad rows, if there are any."""


def convert(request: ConvertRequest) -> ConvertReport:
    """Write the good rows of manifests in another format, and the bad ones apart.

    Raises:
        ManifestError: A manifest cannot be used, has a bad row under ``strict``, or holds what the format
            cannot hold and may not lose; nothing was written.
        SettingsError: The format cannot be told, or something is there already; nothing was written.
    """
    format_of(request.destination, request.format)  # said before a long read
    manifest = read(request.manifests, request.reading)
    if request.strict and manifest.problems:
        names = ", ".join(map(shown, request.manifests))
        raise ManifestError(names, [*map(str, manifest.problems), "nothing was written (--strict)"])
    written = write(
        manifest.labels,
        request.destination,
        request.format,
        lossy=request.lossy,
        overwrite=request.overwrite,
        copy_images=request.copy_images,
    )
    rejects = None
    if manifest.problems:
        name = f"{request.destination.name}.rejects{rejects_suffix(manifest)}"
        rejects = request.rejects or request.destination.with_name(name)
        write_rejects(manifest, rejects, ((p.source, p.row, p.code, p.message) for p in manifest.problems))
    return ConvertReport(manifest, written, rejects)
