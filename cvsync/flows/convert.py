"""Read manifests in any format and write them as one in another."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cvsync.errors import ManifestError
from cvsync.manifest import (
    Manifest,
    Name,
    Reading,
    Written,
    format_of,
    read,
    rejects_suffix,
    shown,
    stream_format,
    write,
    write_rejects,
    write_to,
)


@dataclass(frozen=True, kw_only=True)
class ConvertRequest:
    """What becomes what."""

    manifests: tuple[Name, ...]
    destination: Path | IO[bytes]
    """A file or folder, or an open stream."""
    format: str | None = None
    """A name of ``manifest.FORMATS``; None: as the destination's name ends."""
    reading: Reading = field(default_factory=lambda: Reading(any_storage=True))
    lossy: bool = False
    overwrite: bool = False
    copy_images: bool = False
    strict: bool = False
    """Write nothing if one row is bad."""
    rejects: Path | None = None
    """Where bad rows go; None: a file beside the destination, and of a stream nowhere."""


@dataclass(frozen=True)
class ConvertReport:
    """What came of it."""

    manifest: Manifest
    written: Written
    rejects: Path | None
    """The file with the bad rows, if there are any and a place for them."""


def convert(request: ConvertRequest) -> ConvertReport:
    """Write the good rows of manifests in another format, and the bad ones apart.

    Raises:
        ManifestError: A manifest cannot be used, has a bad row under ``strict``, or holds what the format
            cannot hold and may not lose; nothing was written.
        SettingsError: The format cannot be told, or something is there already; nothing was written.
    """
    _refuse_format(request)  # said before a long read
    manifest = read(request.manifests, request.reading)
    if request.strict and manifest.problems:
        names = ", ".join(map(shown, request.manifests))
        raise ManifestError(names, [*map(str, manifest.problems), "nothing was written (--strict)"])
    written = _write(request, manifest)
    rejects = _rejects_of(request, manifest) if manifest.problems else None
    if rejects is not None:
        write_rejects(manifest, rejects, ((p.source, p.row, p.code, p.message) for p in manifest.problems))
    return ConvertReport(manifest, written, rejects)


def _refuse_format(request: ConvertRequest) -> None:
    if isinstance(request.destination, Path):
        format_of(request.destination, request.format)
    else:
        stream_format(request.format)


def _write(request: ConvertRequest, manifest: Manifest) -> Written:
    labels, destination = manifest.labels, request.destination
    if not isinstance(destination, Path):
        return write_to(labels, destination, request.format, lossy=request.lossy)
    return write(
        labels, destination, request.format,
        lossy=request.lossy, overwrite=request.overwrite, copy_images=request.copy_images,
    )  # fmt: skip


def _rejects_of(request: ConvertRequest, manifest: Manifest) -> Path | None:
    if request.rejects is not None or not isinstance(request.destination, Path):
        return request.rejects
    return request.destination.with_name(f"{request.destination.name}.rejects{rejects_suffix(manifest)}")
