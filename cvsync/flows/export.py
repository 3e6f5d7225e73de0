"""Exporting a trained iteration into a file."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from cvsync.errors import ServiceError, SettingsError, TrainingError
from cvsync.events import tell
from cvsync.flows.service import Service
from cvsync.flows.train import waits
from cvsync.model import Export, Iteration, Project
from cvsync.run.once import once
from cvsync.run.work import Sleep

PLATFORMS = ("CoreML", "TensorFlow", "DockerFile", "ONNX", "VAIDK", "OpenVino")  # spec
MOST_MODEL_BYTES = 2_000_000_000  # no published figure: many times any model that the service makes


@dataclass(frozen=True, slots=True)
class ExportTarget:
    """A platform, with the flavour of it if it has some."""

    platform: str
    flavor: str | None = None

    @classmethod
    def parse(cls, text: str) -> ExportTarget:
        """Read ``PLATFORM[:FLAVOR]``; platforms match without case.

        Raises:
            SettingsError: The service has no such platform.
        """
        name, _, flavor = text.partition(":")
        for platform in PLATFORMS:
            if name.casefold() == platform.casefold():
                return cls(platform, flavor or None)
        raise SettingsError(f"--export {name!r} is none of {', '.join(PLATFORMS)}")

    def is_of(self, export: Export) -> bool:
        """Tell whether an export of the service is this one."""
        return (export.platform, export.flavor or None) == (self.platform, self.flavor)

    def __str__(self) -> str:
        return f"{self.platform}:{self.flavor}" if self.flavor else self.platform


async def export(
    service: Service,
    project: Project,
    iteration: Iteration,
    target: ExportTarget,
    *,
    folder: Path,
    sleep: Sleep = asyncio.sleep,
) -> Path:
    """Have the service export an iteration, unless it has, and download the file.

    Raises:
        TrainingError: The iteration cannot be exported, or the export failed.
    """
    if not iteration.exportable:
        raise TrainingError(
            f"{iteration.name} cannot be exported: only projects with a compact domain can "
            "(--create-project with --export makes one)"
        )
    found = await _finished(service, project, iteration, target, sleep)
    if found.status != "Done" or not found.download_uri:
        raise TrainingError(f"the service could not export {iteration.name} for {target}")
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    path = folder / file_name(project, iteration, target)
    size = await service.downloader.download(found.download_uri, path, most=MOST_MODEL_BYTES)
    tell(service.observer, "export", status="Done", platform=str(target), path=str(path), bytes=size)
    return path


async def _finished(
    service: Service, project: Project, iteration: Iteration, target: ExportTarget, sleep: Sleep
) -> Export:
    found = await _existing(service, project, iteration, target)
    if found is None or found.status == "Failed":

        async def begin() -> Export:
            return await service.client.export_iteration(
                project.id, iteration.id, target.platform, flavor=target.flavor
            )

        async def look() -> Export | None:
            export = await _existing(service, project, iteration, target)
            return export if export is not None and export.status != "Failed" else None

        try:
            found = await once(begin, look, sleep=sleep)
        except ServiceError as error:
            if error.code != "BadRequestExportAlreadyInProgress":
                raise TrainingError(f"export for {target} refused: {error.message or error.code}") from error
    for wait in waits():
        if found is not None and found.status != "Exporting":
            return found
        tell(service.observer, "export", status="Exporting", platform=str(target))
        await sleep(wait)
        found = await _existing(service, project, iteration, target)
    raise AssertionError("waits never ends")


async def _existing(
    service: Service, project: Project, iteration: Iteration, target: ExportTarget
) -> Export | None:
    exports = await service.client.get_exports(project.id, iteration.id)
    return next((export for export in exports if target.is_of(export)), None)


def file_name(project: Project, iteration: Iteration, target: ExportTarget) -> str:
    """Name the file of an export; whatever a file system might trip over becomes an underscore."""
    parts = [project.name, iteration.name, target.platform.lower(), target.flavor]
    return re.sub(r"[^\w.-]+", "_", "-".join(part for part in parts if part)).strip(".") + ".zip"
