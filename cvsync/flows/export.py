"""Exporting a trained iteration into files."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cvsync.errors import AuthError, OverdueError, ServiceError, SettingsError, TooLargeError, TrainingError
from cvsync.events import tell
from cvsync.flows.archive import why_unusable
from cvsync.flows.digests import hash_file
from cvsync.flows.service import Service
from cvsync.flows.train import waits
from cvsync.model import Export, Iteration, Project
from cvsync.run.failpoints import failpoint
from cvsync.run.once import once
from cvsync.run.settings import GRACE
from cvsync.run.work import Sleep

PLATFORMS = ("CoreML", "TensorFlow", "DockerFile", "ONNX", "VAIDK", "OpenVino")  # spec
FLAVORS = ("Linux", "Windows", "ONNX10", "ONNX12", "ARM", "TensorFlowNormal", "TensorFlowLite")  # spec
MOST_MODEL_BYTES = 2_000_000_000  # no published figure: many times any model that the service makes
LONGEST_EXPORT = 2 * 3600.0  # seconds; no published figure: exports take minutes
LONGEST_UNLISTED = 60.0  # seconds in which the service works on no export and lists none of ours
ONLY_COMPACT = "only projects with a compact domain can (--create-project with --export makes one)"
_BUSY = "BadRequestExportAlreadyInProgress"
_PROGRESS = {"Failed": -1, "Exporting": 1, "Done": 2}


@dataclass(frozen=True, slots=True)
class ExportTarget:
    """A platform, with the flavour of it if it has some."""

    platform: str
    flavor: str | None = None

    @classmethod
    def parse(cls, text: str) -> ExportTarget:
        """Read ``PLATFORM[:FLAVOR]``; both match without case, and flavours that nobody knows yet pass.

        Raises:
            SettingsError: The service has no such platform.
        """
        name, _, flavor = text.partition(":")
        platforms = {platform.casefold(): platform for platform in PLATFORMS}
        flavors = {known.casefold(): known for known in FLAVORS}
        if name.casefold() not in platforms:
            raise SettingsError(f"platform {name!r} is none of {', '.join(PLATFORMS)}")
        return cls(platforms[name.casefold()], flavors.get(flavor.casefold(), flavor) or None)

    def is_of(self, export: Export) -> bool:
        """Tell whether an export of the service is this one."""
        theirs = (export.platform.casefold(), (export.flavor or "").casefold())
        return theirs == (self.platform.casefold(), (self.flavor or "").casefold())

    def __str__(self) -> str:
        return f"{self.platform}:{self.flavor}" if self.flavor else self.platform


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """Exports one iteration.

    The note ``exports`` holds the SHA-256 of what was downloaded of it: a file that is there already is not
    fetched again.
    """

    service: Service = field(kw_only=False)
    project: Project = field(kw_only=False)
    iteration: Iteration = field(kw_only=False)
    folder: Path
    notes: MutableMapping[str, Any] = field(default_factory=dict)
    grace: float = GRACE
    sleep: Sleep = asyncio.sleep
    clock: Callable[[], float] = time.monotonic

    async def export(self, targets: Sequence[ExportTarget]) -> list[Path]:
        """Have the service export the iteration for each target, unless it has, and download the files.

        All at once; one that fails does not hold up the others. A file appears only once it is whole and
        checked, and its SHA-256 stands beside it.

        Raises:
            TrainingError: The iteration cannot be exported, or an export failed.
            OverdueError: An export takes too long.
        """
        if not targets:
            return []
        if not self.iteration.exportable:
            raise TrainingError(f"{self.iteration.name} cannot be exported: {ONLY_COMPACT}")
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)
        ends = await asyncio.gather(*map(self._export, targets), return_exceptions=True)
        failed = [end for end in ends if isinstance(end, BaseException)]
        for error in failed:
            if not isinstance(error, TrainingError):
                raise error
        if failed:
            raise TrainingError("; ".join(map(str, failed)))
        return [end for end in ends if isinstance(end, Path)]

    async def _export(self, target: ExportTarget) -> Path:
        path = self.folder / file_name(self.project, self.iteration, target)
        if await asyncio.to_thread(_is_there, path, self._known().get(str(target))):
            self._tell("Present", target, path=str(path))
            return path
        await self._finish(target)
        part = path.with_name(f"{path.name}.{self.iteration.id}.part")  # of no other project of this name
        size = await self._download(target, part)
        why = await asyncio.to_thread(why_unusable, part, target.platform)
        if why is not None:
            part.unlink()
            raise TrainingError(f"the export of {self.iteration.name} for {target} is unusable: {why}")
        digest = await asyncio.to_thread(hash_file, part)
        is_known = str(target) in self._known()  # as made for this iteration
        if not is_known and await asyncio.to_thread(_is_another, path, digest):
            text = f"{path} was there, of another model, and is replaced (--export-dir keeps them apart)"
            tell(self.service.observer, "warning", text=text)
        self._keep(part, path, target, digest)
        self._tell("Done", target, path=str(path), bytes=size, sha256=digest)
        return path

    def _known(self) -> dict[str, str]:
        """Give the SHA-256 of each target that was downloaded of this iteration."""
        note = self.notes.get("exports", {})
        return dict(note["files"]) if note.get("iteration") == self.iteration.id else {}

    def _keep(self, part: Path, path: Path, target: ExportTarget, digest: str) -> None:
        failpoint("before-file")
        _sum_of(path).unlink(missing_ok=True)  # of an older one of this name
        part.replace(path)
        failpoint("after-file")
        _sum_of(path).write_text(f"{digest}  {path.name}\n", encoding="utf-8")
        files = self._known() | {str(target): digest}
        self.notes["exports"] = {"iteration": self.iteration.id, "files": files}

    async def _finish(self, target: ExportTarget) -> None:
        """See that the service has the export; ask for it once, unless it is there or on its way.

        A refusal for an export that is on its way may mean another one: once none is, it is asked for again.
        """
        found = await self._existing(target)
        if found is None or found.status == "Failed":
            found = await self._ask(target)
        is_taken, begun, unlisted = found is not None, self.clock(), 0.0
        for wait in waits(most=LONGEST_EXPORT):
            if found is not None and found.status == "Done":
                return
            if found is not None and found.status != "Exporting":
                raise TrainingError(  # the status is all that it tells of an export
                    f"the service does not say why it could not export {self.iteration.name} for {target}"
                )
            if unlisted > LONGEST_UNLISTED:
                raise TrainingError(
                    f"the service lists no export of {self.iteration.name} for {target}; try again later"
                )
            self._tell("Exporting", target, seconds=max(0.0, self.clock() - begun))
            await self.sleep(wait)
            exports = await self._exports()
            found = _furthest(target, exports)
            if found is None and not any(export.status == "Exporting" for export in exports):
                unlisted += wait
                found = None if is_taken else await self._ask(target)
            is_taken = is_taken or found is not None
        raise OverdueError(
            f"the export of {self.iteration.name} for {target} goes on for {LONGEST_EXPORT / 3600:.0f} "
            "hours, and takes minutes as a rule; the next run waits for it again"
        )

    async def _ask(self, target: ExportTarget) -> Export | None:
        async def begin() -> Export:
            return await self.service.client.export_iteration(
                self.project.id, self.iteration.id, target.platform, flavor=target.flavor
            )

        async def look() -> Export | None:
            export = await self._existing(target)
            return export if export is not None and export.status != "Failed" else None

        try:
            return await once(begin, look, grace=self.grace, sleep=self.sleep)
        except ServiceError as error:
            if error.code == _BUSY or "already queued" in error.message:
                return None  # it is on its way, or another one is
            if error.status != 400:
                raise
            raise TrainingError(
                f"the service refused to export {self.iteration.name} for {target}: "
                f"{error.message or error.code}"
            ) from error

    async def _download(self, target: ExportTarget, part: Path) -> int:
        """Download into a file, with a new link where the first one ends on the way."""
        for is_last in (False, True):
            found = await self._existing(target)
            if found is None or not found.download_uri:
                raise TrainingError(f"the service gives no link to the export for {target}")
            try:
                return await self.service.downloader.resume(found.download_uri, part, most=MOST_MODEL_BYTES)
            except TooLargeError as error:
                raise TrainingError(f"the export for {target} has {error.message}") from error
            except AuthError:
                if is_last:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _existing(self, target: ExportTarget) -> Export | None:
        """Give the export of a target; of several the one that came furthest."""
        return _furthest(target, await self._exports())

    async def _exports(self) -> Sequence[Export]:
        return await self.service.client.get_exports(self.project.id, self.iteration.id)

    def _tell(self, status: str, target: ExportTarget, **facts: object) -> None:
        tell(self.service.observer, "export", status=status, platform=str(target), **facts)


def file_name(project: Project, iteration: Iteration, target: ExportTarget) -> str:
    """Name the file of an export; whatever a file system might trip over becomes an underscore."""
    parts = [project.name, iteration.name, target.platform.lower(), target.flavor]
    return re.sub(r"[^\w.-]+", "_", "-".join(part for part in parts if part)).strip(".") + ".zip"


def _furthest(target: ExportTarget, exports: Sequence[Export]) -> Export | None:
    return max(filter(target.is_of, exports), key=lambda e: _PROGRESS.get(e.status, 0), default=None)


def _is_there(path: Path, digest: str | None) -> bool:
    return digest is not None and path.exists() and _sum_of(path).exists() and hash_file(path) == digest


def _is_another(path: Path, digest: str) -> bool:
    """Tell whether a file of other content is there: projects and iterations may share their names."""
    return path.is_file() and hash_file(path) != digest


def _sum_of(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")
