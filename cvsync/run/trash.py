"""Images as they were before they were deleted, so that ``cvsync undo`` can bring them back.

In the state folder, readable by its owner only:

    trash/<run>/<image id>.<jpg|png|bmp|gif>   the bytes as they were uploaded
    trash/<run>/<number>.parquet               a row a label, columns of ``SCHEMA``; a file for each request
                                               that deleted, written whole before it left
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cvsync.api.originals import Originals
from cvsync.errors import ServiceError, TransportError
from cvsync.model import Image, Tag
from cvsync.run.private import make_folder, make_private
from cvsync.run.pulled import suffix_of
from cvsync.run.work import Work
from cvsync.whole import PRIVATE, open_whole, sync

SCHEMA = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),  # deleted, replaced
        pa.field("file", pa.string(), nullable=False),  # beside this file
        pa.field(
            "keys", pa.list_(pa.struct([("key", pa.string()), ("version", pa.string())])), nullable=False
        ),
        pa.field("metadata", pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())]))),
        pa.field("tag", pa.string()),  # null: the image had no label
        pa.field("tag_type", pa.string()),
        pa.field("left", pa.float32()),  # of a box; null: a whole-image tag
        pa.field("top", pa.float32()),
        pa.field("width", pa.float32()),
        pa.field("height", pa.float32()),
    ]
)
_AT_ONCE = 8  # downloads of one worker
_BACKUP_TRIES = 3


def saved_by(run_id: str, folder: Path) -> Path:
    """Say where in a project's state folder a run saves what it is about to delete."""
    return folder / "trash" / run_id


class Trash:
    """Saves what a run is about to delete."""

    def __init__(self, work: Work, folder: Path) -> None:
        self._work = work
        self.folder = saved_by(work.run_id, folder)
        self._number = 0

    async def save(
        self, images: Sequence[Image], tags: Mapping[str, Tag], *, is_detection: bool, reason: str
    ) -> dict[str, str]:
        """Save images with their labels, keys and bytes, all the way to the disk.

        Args:
            images: As they were just read.
            tags: The project's, by id.
            is_detection: Whether labels are boxes.
            reason: ``deleted`` or ``replaced``.

        Returns:
            Image id -> why it could not be saved.
        """
        await asyncio.to_thread(make_folder, self.folder)
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(image: Image) -> Path | str:
            async with gate:
                return await self._save_bytes(image)

        files = await asyncio.gather(*(one(image) for image in images))
        keys = self._work.ledger.keys_of([image.id for image in images])
        rows = [
            row
            for image, file in zip(images, files, strict=True)
            if isinstance(file, Path)
            for row in _rows(
                {
                    "image_id": image.id,
                    "reason": reason,
                    "file": file.name,
                    "keys": [{"key": key, "version": version} for key, version in keys.get(image.id, [])],
                    "metadata": [{"name": n, "value": v} for n, v in sorted(image.metadata.items())],
                },
                image,
                tags,
                is_detection=is_detection,
            )
        ]
        if rows:
            await asyncio.to_thread(_write, rows, self._next_file())
        return {image.id: file for image, file in zip(images, files, strict=True) if isinstance(file, str)}

    async def _save_bytes(self, image: Image) -> Path | str:
        """Download the original; give its file, or why there is none."""
        assert self._work.downloader is not None
        originals = Originals(self._work.client, self._work.downloader, self._work.project_id)
        part = self.folder / f"{image.id}.part"
        for left in reversed(range(_BACKUP_TRIES)):
            make_private(part)
            try:
                received = await originals.receive(image.original_image_uri or "", part)
            except (ServiceError, TransportError) as error:
                if not left or not error.is_transient:
                    part.unlink(missing_ok=True)
                    return str(error)
                await self._work.sleep(self._work.settings.retry_wait)
            else:
                return await asyncio.to_thread(_keep, part, received.start)
        raise AssertionError("the last try returns")

    def _next_file(self) -> Path:
        """Name the file of one more request: several delete at the same time, and each needs its own."""
        while True:
            path = self.folder / f"{self._number:06}.parquet"
            self._number += 1
            if not path.exists():
                return path


def _write(rows: list[dict[str, object]], path: Path) -> None:
    with open_whole(path, mode=PRIVATE, is_synced=True) as file:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), file)


def _rows(
    head: dict[str, object], image: Image, tags: Mapping[str, Tag], *, is_detection: bool
) -> list[dict[str, object]]:
    """One row a label, or one for none; a tag that came since ``tags`` were read has the name it has here."""
    if is_detection:
        labels = [
            (r.tag_id, r.tag_name, {"left": r.left, "top": r.top, "width": r.width, "height": r.height})
            for r in image.regions
        ]
    else:
        labels = [(t.tag_id, t.tag_name, {}) for t in image.tags]
    return [
        head | {"tag": tag.name, "tag_type": tag.type} | box
        for tag, box in ((tags.get(id_, Tag(id_, name or id_)), box) for id_, name, box in labels)
    ] or [head]


def _keep(part: Path, start: bytes) -> Path:
    """Bring a file that is whole to the disk, and give it the suffix that its first bytes ask for."""
    sync(part)
    return part.replace(part.with_suffix(f".{suffix_of(start) or 'bin'}"))
