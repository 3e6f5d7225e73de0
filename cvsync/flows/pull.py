"""Taking a project out: its images into a folder, and a manifest of them: `cvsync pull`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvsync.api.listing import Selection, fetch_images
from cvsync.errors import GuardError, SettingsError
from cvsync.events import tell
from cvsync.flows.project import require_project
from cvsync.flows.pulled_labels import Names, held_of, left_out, with_files, with_links
from cvsync.flows.service import Service
from cvsync.flows.status import read_known
from cvsync.flows.wanted import Wanted, read_selected, select
from cvsync.labels import Labels, one_chunk
from cvsync.manifest import (
    FORMATS,
    Format,
    Loss,
    Written,
    can_hold_all,
    others_beside,
    parts_beside,
    refuse_unfit,
    write_beside,
)
from cvsync.model import Image, Project
from cvsync.run.links import Links
from cvsync.run.pull_progress import PullProgress
from cvsync.run.pulled import PulledFolder, open_pulled
from cvsync.run.pulling import Pulled, Puller
from cvsync.snapshot import Snapshot

_SHOWN = 3
_AT_ONCE = 4096  # rows as Python's values


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """What is to be pulled, where to, and how it is written down."""

    project: str
    """Name or id."""
    folder: Path
    format: str = "parquet"
    """A name of ``manifest.FORMATS``."""
    images: bool = True
    """Whether images come along; else labels alone."""
    wanted: Wanted = field(default_factory=Wanted)
    prune: bool = False
    """Delete files of images that the project no longer has."""
    lossy: bool = False
    """Leave out labels that the format cannot hold, instead of refusing."""


@dataclass(frozen=True, kw_only=True)
class PullReport:
    """What came of a pull."""

    written: Written | None
    """None: the pull was ended before there was anything to write."""
    images: int
    labels: int
    there: int
    """Images whose files were there already."""
    pulled: Pulled
    gone: tuple[str, ...] = ()
    """Ids of images that there are files of, and that the project no longer has."""
    pruned: int = 0
    left_out: tuple[Loss, ...] = ()
    """What the project holds and the manifest does not."""


async def pull(service: Service, request: PullRequest) -> PullReport:
    """Bring a folder up to date with a project: fetch the images that it lacks, and write their manifest.

    Safe to repeat after any end: what is there is not fetched again. Holds the project as columns: about 400
    bytes an image for a label, as measured at the peak of 60,000 images, and 700 with its file.

    Raises:
        MissingProjectError: There is no such project.
        ManifestError: The format cannot hold the labels and may not lose them; nothing was written.
        SettingsError: The folder holds something else, or the format has no place for files.
        LockedError: Another run pulls into the folder.
        GuardError: More than half of the folder's images would be pruned; nothing was deleted.
        ServiceError: The service, or its storage, refused the pull as a whole.
        TransportError: No answer came, however often it was tried.
    """
    if request.images and not FORMATS[request.format].holds.paths:
        raise SettingsError(
            f"{request.format} names images by links, not by files; --no-images pulls it, without the files"
        )
    project = await require_project(service, request.project)
    selection = await select(service, project, request.wanted)
    names = Names(read_known(service, project))
    source = f"{service.destination} {project.id}"
    with open_pulled(request.folder, source, run_id=service.name_run(), has_images=request.images) as folder:
        return await _Pull(service, request, project, selection, names, folder).run()


@dataclass(eq=False)
class _Pull:
    service: Service
    request: PullRequest
    project: Project
    selection: Selection
    names: Names
    folder: PulledFolder

    async def run(self) -> PullReport:
        request = self.request
        snapshot, pulled, there = await (self._fetch() if request.images else self._read_alone())
        if pulled.gone:
            ids = one_chunk(snapshot.images.column("image_id"))
            snapshot = snapshot.keep(~np.asarray(pc.is_in(ids, pa.array(sorted(pulled.gone), pa.string()))))
        report = PullReport(
            written=None, images=len(snapshot), labels=snapshot.labels.num_rows, there=there, pulled=pulled
        )
        if self.service.stop.requested:
            return report
        gone = await self._gone(snapshot)
        if request.prune and 2 * len(gone) > (files := len(self.folder.recorded)):
            raise GuardError(
                f"--prune refused: {len(gone)} of {files} images in {request.folder} are gone from the "
                "project, more than half. Nothing was deleted; if that is right, delete the folder"
            )
        labels = self._labels(snapshot)
        pa.default_memory_pool().release_unused()  # and so do its labels
        written = await self._write(labels)
        await asyncio.to_thread(self._remember, written.format, labels, gone)
        if request.prune:
            self.folder.remove(gone)
        report = replace(
            report, written=written, gone=tuple(gone), pruned=len(gone) if request.prune else 0,
            left_out=(*written.losses, *self._not_written(snapshot)),
        )  # fmt: skip
        self._tell(report)
        return report

    async def _read(self, puller: Puller | None = None) -> Snapshot:
        """Read the project, and what it says before a long pull that its format cannot hold."""
        request = self.request
        endpoint = None if request.images else self.service.destination

        def seen(images: Sequence[Image]) -> Sequence[Image]:
            if puller is not None:
                meant = (image for image in images if request.wanted.has_time(image.created))
                puller.offer((image.id, image.original_image_uri or "") for image in meant)
            return [held_of(image, endpoint) for image in images]

        snapshot = await read_selected(self.service, self.project, request.wanted, self.selection, seen=seen)
        pa.default_memory_pool().release_unused()  # a listing takes more than what it comes to
        if not request.lossy and not can_hold_all(request.format):
            await asyncio.to_thread(refuse_unfit, self._labels(snapshot), request.folder, request.format)
        return snapshot

    async def _read_alone(self) -> tuple[Snapshot, Pulled, int]:
        return await self._read(), Pulled(), 0

    async def _fetch(self) -> tuple[Snapshot, Pulled, int]:
        """Read the project and fetch what is not there yet; give how many images were there, too.

        Images are fetched while the project is still being read, unless its labels may have to be refused.
        """
        puller = self._puller()
        async with PullProgress(puller).told():
            return await self._fetch_with(puller)

    async def _fetch_with(self, puller: Puller) -> tuple[Snapshot, Pulled, int]:
        begin = asyncio.Event()
        if self.request.lossy or can_hold_all(self.request.format):
            begin.set()

        async def fetch() -> Pulled:
            await begin.wait()
            return await puller.pull()

        fetching = asyncio.create_task(fetch())
        try:
            snapshot = await self._read(puller)
            puller.close()
            tell(
                self.service.observer, "pull_summary", images=len(snapshot), labels=snapshot.labels.num_rows,
                there=puller.passed, to_fetch=puller.offered,
            )  # fmt: skip
            begin.set()
            return snapshot, await fetching, puller.passed
        except BaseException:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)
            raise

    def _puller(self) -> Puller:
        service = self.service
        links = Links(
            service.client, self.project.id, iteration_id=self.selection.iteration_id,
            observer=service.observer,
        )  # fmt: skip
        return Puller(
            client=service.client, downloader=service.downloader, project_id=self.project.id,
            folder=self.folder, links=links, workers=service.workers, observer=service.observer,
            stop=service.stop,
        )  # fmt: skip

    def _labels(self, snapshot: Snapshot) -> Labels:
        if self.request.images:
            return with_files(snapshot, self.names, self.folder.root, self.folder.files)
        return with_links(snapshot, self.names)

    async def _write(self, labels: Labels) -> Written:
        """Write the manifest; what somebody changed since the last pull is kept aside."""
        folder, form = self.request.folder, self.request.format
        parts = parts_beside(folder, form)
        kept = await asyncio.to_thread(self.folder.keep_changed, parts)
        for part, copy in kept.items():
            text = f"{part} is not as a pull wrote it; it is replaced, and kept as {copy}"
            tell(self.service.observer, "warning", text=text)
        written = await asyncio.to_thread(write_beside, labels, folder, form, lossy=self.request.lossy)
        await asyncio.to_thread(self.folder.note_written, parts)
        return written

    def _remember(self, form: Format, labels: Labels, gone: Sequence[str]) -> None:
        """Note in the ledger which images the manifest's keys are, for when it is pushed."""
        place = "path" if self.request.images else "url"
        name = "key" if "key" in form.holds.columns else place
        first = Labels(labels.table.select([*{"key", name}, "image_id"])).first_rows
        new = first.filter(pc.invert(pc.is_in(first.column(name).cast(pa.string()), self.names.keys)))
        with self.service.open_ledger(self.project.id) as ledger:
            ledger.pulled.note(_pairs(new.select([name, "image_id"])), gone=gone)

    async def _gone(self, snapshot: Snapshot) -> list[str]:
        """Give the images that there are files of, and that the project no longer has."""
        recorded = self.folder.recorded.column("image_id")
        is_held = pc.is_in(recorded, one_chunk(snapshot.images.column("image_id")))
        others = recorded.filter(pc.invert(is_held)).to_pylist()
        if others and not self.request.wanted.is_everything:
            there: set[str] = set()
            for start in range(0, len(others), _AT_ONCE):
                some = others[start : start + _AT_ONCE]
                there |= {i.id for i in await fetch_images(self.service.client, self.project.id, some)}
            others = [*{*others} - there]
        for image_id in sorted(others):
            tell(self.service.observer, "image_gone", image=image_id, pruned=self.request.prune)
        return sorted(others)

    def _not_written(self, snapshot: Snapshot) -> Sequence[Loss]:
        found = left_out(snapshot, is_everything=self.request.wanted.is_everything)
        return [Loss(what, len(names), False, tuple(names[:_SHOWN])) for what, names in found if names]

    def _tell(self, report: PullReport) -> None:
        assert report.written is not None
        observer, pulled, written = self.service.observer, report.pulled, report.written
        tell(
            observer, "written", path=str(written.path), format=written.format.name,
            precision=written.format.holds.precision, labels=written.labels, images=written.images,
            left_out=[{"what": loss.what, "count": loss.count} for loss in report.left_out],
        )  # fmt: skip
        for path in others_beside(written):
            text = (
                f"{path} is of an earlier pull and stays as it was; delete it, or name the one that is meant"
            )
            tell(observer, "warning", text=text)
        tell(
            observer, "totals", images_fetched=pulled.fetched, bytes_fetched=pulled.bytes,
            images_there=report.there + pulled.found, images_gone=len(report.gone),
            images_pruned=report.pruned, refused=len(pulled.refused),
        )  # fmt: skip


def _pairs(table: pa.Table) -> Iterator[tuple[str, str]]:
    """Give the rows of two columns of text, as Python's values a few at a time."""
    for part in table.to_batches(_AT_ONCE):
        yield from zip(*(column.cast(pa.string()).to_pylist() for column in part.columns), strict=True)
