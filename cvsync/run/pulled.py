"""The folder that a project's images are pulled into, and what is known of the files in it.

    images/<image id>.<suffix>   an image's bytes as they were uploaded; `.part` at the end while they come
    .cvsync/pulled.jsonl         which files were pulled, as `pulled_record` has it
    .cvsync/lock                 held while something is pulled

What else is in `.cvsync` is told in `kept`.

A file gets its name when it is whole, and its line after that. A file without a line is vouched for by
nobody: it may have come in a pull that was killed, or from anywhere, and is fetched again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

from cvsync.errors import SettingsError
from cvsync.labels import one_chunk
from cvsync.run.failpoints import failpoint
from cvsync.run.kept import keep_changed, note_written
from cvsync.run.lock import hold_lock
from cvsync.run.pulled_record import (
    FILES,
    PulledFile,
    Rows,
    files_of,
    names_of,
    read_record,
    stem_of,
    write_record,
)  # fmt: skip

IMAGES = "images"
STATE = ".cvsync"
_PART = ".part"
_MAGIC = {b"\xff\xd8": "jpg", b"\x89PNG": "png", b"BM": "bmp", b"GIF8": "gif", b"II*": "tif", b"MM": "tif"}
_SEEN = pa.schema([("name", pa.string()), ("size", pa.int64()), ("mtime_ns", pa.int64())])


class PulledFolder:
    """What was pulled into a folder; ``open_pulled`` gives it.

    Holds about 100 bytes for each file, and 150 for each that was there when it was opened.
    """

    def __init__(self, root: Path, recorded: pa.Table, record: IO[bytes], *, run_id: str) -> None:
        self.root = root
        self._run_id = run_id
        self.images = root / IMAGES
        self._prefix = f"{self.images}{os.sep}"  # thousands of paths are made: texts are quicker
        self._record = record
        self._before, self._now = recorded, Rows(FILES)
        is_there, is_same = _compared(self.images, recorded)
        self._same = recorded if pc.all(is_same).as_py() else recorded.filter(is_same)
        self._there = frozenset(self._same.column("image_id").to_pylist())
        touched = recorded.filter(pc.and_not(is_there, is_same))
        self._touched = {file.image_id: file for file in files_of(touched)}
        self._removed: set[str] = set()

    def has(self, image_id: str) -> bool:
        """Tell whether there was a file of an image, as it was recorded, when the folder was opened."""
        return image_id in self._there

    @property
    def files(self) -> pa.Table:
        """The files that are as they were recorded, by size and time of change: columns of ``FILES``."""
        return self._and_now(self._same)

    @property
    def recorded(self) -> pa.Table:
        """The files that there are, or once were: columns of ``FILES``."""
        return self._and_now(self._before)

    def is_touched(self, image_id: str) -> bool:
        """Tell whether there was a file of an image that was not as it was recorded."""
        return image_id in self._touched

    def has_same_bytes(self, image_id: str) -> bool:
        """Look whether a file that was touched has the recorded bytes all the same; reads it, in any thread.

        One with other bytes was changed by somebody, and is as good as gone.
        """
        before = self._touched[image_id]
        with (self.images / before.name).open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest() == before.sha256

    def keep_touched(self, image_id: str) -> None:
        """Record a file that was touched as it is now."""
        before = self._touched[image_id]
        self._note(image_id, before.suffix, before.sha256)

    def keep_changed(self, parts: Iterable[Path]) -> dict[Path, Path]:
        """Copy what is going to be written over and is not as a pull wrote it, as ``kept`` has it."""
        return keep_changed(self.root / STATE, parts, run_id=self._run_id)

    def note_written(self, parts: Iterable[Path]) -> None:
        """Note what the parts of a manifest are now."""
        note_written(self.root / STATE, parts)

    def part_of(self, image_id: str) -> str:
        """Say where an image's bytes go while they come."""
        return f"{self._prefix}{stem_of(image_id)}{_PART}"

    def keep(self, image_id: str, suffix: str, sha256: bytes) -> None:
        """Give a part that is whole its name, and record it."""
        failpoint("before-image")
        os.replace(self.part_of(image_id), f"{self._prefix}{stem_of(image_id)}.{suffix}")  # noqa: PTH105 - texts, as above
        failpoint("after-image")
        self._note(image_id, suffix, sha256)

    def remove(self, image_ids: Collection[str]) -> None:
        """Delete the files of images."""
        recorded = self.recorded
        gone = recorded.filter(pc.is_in(recorded.column("image_id"), pa.array(image_ids, pa.string())))
        for file in files_of(gone):
            (self.images / file.name).unlink(missing_ok=True)
        self._removed.update(image_ids)

    def _and_now(self, before: pa.Table) -> pa.Table:
        """Give rows with those of this time, which supersede them."""
        now = self._now.table()
        for ids in (now.column("image_id"), pa.array(sorted(self._removed), pa.string())):
            if len(before) and len(ids):
                before = before.filter(pc.invert(pc.is_in(before.column("image_id"), ids)))
        return pa.concat_tables([before, now]) if len(before) and len(now) else before if len(before) else now

    def _note(self, image_id: str, suffix: str, sha256: bytes) -> None:
        now = os.stat(f"{self._prefix}{stem_of(image_id)}.{suffix}")  # noqa: PTH116 - texts, as above
        file = PulledFile(image_id, suffix, now.st_size, sha256, now.st_mtime_ns)
        self._now.add(file)
        self._record.write(file.line())


@contextmanager
def open_pulled(root: Path, source: str, *, run_id: str, has_images: bool = True) -> Iterator[PulledFolder]:
    """Open a folder to pull into, or make it; nobody else pulls into it meanwhile.

    Args:
        root: The folder.
        source: What is pulled, written into a new folder and compared with an old one's.
        run_id: Names the run to others who want the folder.
        has_images: Whether images are pulled, and need a folder.

    Raises:
        SettingsError: Something else is in the folder.
        LockedError: Another run pulls into it.
    """
    state = root / STATE
    if not state.exists() and root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise SettingsError(f"{root} holds something that was not pulled; name a new folder with -o")
    with hold_lock(state, run_id=run_id, what=str(root)):
        path = state / "pulled.jsonl"
        recorded = read_record(path, source)
        if has_images:
            (root / IMAGES).mkdir(exist_ok=True)
        for part in (*state.glob(f"*{_PART}"), *(root / IMAGES).glob(f"*{_PART}")):
            part.unlink()  # of a pull that was killed
        write_record(path, source, recorded)
        with path.open("ab", buffering=0) as record:
            folder = PulledFolder(root, recorded, record, run_id=run_id)
            yield folder
        write_record(path, source, folder.recorded)


def suffix_of(start: bytes) -> str | None:
    """Tell a picture's suffix by its first 12 bytes; None if it is none."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    return next((suffix for magic, suffix in _MAGIC.items() if start.startswith(magic)), None)


def _compared(images: Path, recorded: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Tell of which recorded files there is one now, and which are as they were."""
    rows = Rows(_SEEN)
    for entry in os.scandir(images) if images.is_dir() else ():
        now = entry.stat(follow_symlinks=False)
        rows.add((entry.name, now.st_size, now.st_mtime_ns))
    seen = rows.table()
    names = names_of(*(one_chunk(recorded.column(name)) for name in ("image_id", "suffix")))
    at = pc.index_in(names, one_chunk(seen.column("name")))
    same = [
        pc.equal(one_chunk(recorded.column(name)), one_chunk(seen.column(name)).take(at))
        for name in ("size", "mtime_ns")
    ]
    return at.is_valid(), pc.fill_null(pc.and_(*same), False)
