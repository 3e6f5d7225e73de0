"""The folder that a project's images are pulled into, and what is known of the files in it.

    images/<image id>.<suffix>   an image's bytes as they were uploaded; `.part` at the end while they come
    .cvsync/pulled.jsonl         first what was pulled here, then a line a file; the last of an image counts
    .cvsync/lock                 held while something is pulled

A file gets its name when it is whole, and its line after that. A file without a line is vouched for by
nobody: it may have come in a pull that was killed, or from anywhere, and is fetched again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from cvsync.errors import SettingsError
from cvsync.run.failpoints import failpoint
from cvsync.run.lock import hold_lock

IMAGES = "images"
STATE = ".cvsync"
_PART = ".part"
_VERSION = 1
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAGIC = {b"\xff\xd8": "jpg", b"\x89PNG": "png", b"BM": "bmp", b"GIF8": "gif", b"II*": "tif", b"MM": "tif"}
_SUFFIXES = frozenset({*_MAGIC.values(), "webp"})


class PulledFile(NamedTuple):
    """A file as it was when it was recorded; about 400 bytes each, with its image's id."""

    name: str
    size: int
    sha256: bytes
    mtime_ns: int


class PulledFolder:
    """What was pulled into a folder; ``open_pulled`` gives it."""

    def __init__(self, root: Path, recorded: dict[str, PulledFile], record: IO[bytes]) -> None:
        self.root = root
        self.images = root / IMAGES
        self._prefix = f"{self.images}{os.sep}"  # thousands of paths are made: texts are quicker
        self._record = record
        self._recorded = recorded
        self._doubtful: set[str] = set()
        self._files: dict[str, PulledFile] = {}
        ids = {file.name: image_id for image_id, file in recorded.items()}
        for entry in os.scandir(self.images):
            image_id, now = ids.get(entry.name), entry.stat(follow_symlinks=False)
            file = recorded[image_id] if image_id else None
            if image_id and file and (file.size, file.mtime_ns) == (now.st_size, now.st_mtime_ns):
                self._files[image_id] = file
            else:
                self._doubtful.add(entry.name)

    @property
    def files(self) -> Mapping[str, PulledFile]:
        """The files that are as they were recorded, by image id: of that size and time of change."""
        return self._files

    @property
    def image_ids(self) -> Collection[str]:
        """The images that there is a file of, or once was."""
        return self._recorded.keys()

    def may_find(self, image_id: str) -> bool:
        """Tell whether ``find_again`` is worth a try."""
        before = self._recorded.get(image_id)
        return before is not None and before.name in self._doubtful

    def find_again(self, image_id: str) -> bool:
        """Look whether a file that is not as it was recorded has the recorded bytes all the same; reads it.

        One with other bytes was changed by somebody, and is as good as gone.
        """
        if not self.may_find(image_id):
            return False
        before = self._recorded[image_id]
        with (self.images / before.name).open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
        if digest != before.sha256:
            return False
        self._note(image_id, before.name, digest)
        return True

    def part_of(self, image_id: str) -> str:
        """Say where an image's bytes go while they come."""
        return f"{self._prefix}{stem_of(image_id)}{_PART}"

    def keep(self, image_id: str, suffix: str, sha256: bytes) -> None:
        """Give a part that is whole its name, and record it."""
        name = f"{stem_of(image_id)}.{suffix}"
        failpoint("before-image")
        os.replace(self.part_of(image_id), self._prefix + name)  # noqa: PTH105 - texts, as above
        failpoint("after-image")
        self._note(image_id, name, sha256)

    def remove(self, image_id: str) -> None:
        """Delete the file of an image."""
        self._files.pop(image_id, None)
        (self.images / self._recorded.pop(image_id).name).unlink(missing_ok=True)

    def _note(self, image_id: str, name: str, sha256: bytes) -> None:
        now = os.stat(self._prefix + name)  # noqa: PTH116 - texts, as above
        file = PulledFile(name, now.st_size, sha256, now.st_mtime_ns)
        self._files[image_id] = self._recorded[image_id] = file
        self._record.write(_line(image_id, file))


@contextmanager
def open_pulled(root: Path, source: str, *, run_id: str) -> Iterator[PulledFolder]:
    """Open a folder to pull into, or make it; nobody else pulls into it meanwhile.

    Holds about 500 bytes for each file in it.

    Args:
        root: The folder.
        source: What is pulled, written into a new folder and compared with an old one's.
        run_id: Names the run to others who want the folder.

    Raises:
        SettingsError: Something else is in the folder.
        LockedError: Another run pulls into it.
    """
    state = root / STATE
    if not state.exists() and root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise SettingsError(f"{root} holds something that was not pulled; name a new folder with -o")
    with hold_lock(state, run_id=run_id):
        path = state / "pulled.jsonl"
        recorded = _read(path, source)
        (root / IMAGES).mkdir(exist_ok=True)
        for part in (root / IMAGES).glob(f"*{_PART}"):  # of a pull that was killed
            part.unlink()
        _rewrite(path, source, recorded)
        with path.open("ab", buffering=0) as record:
            folder = PulledFolder(root, recorded, record)
            yield folder
        _rewrite(path, source, recorded)


def stem_of(image_id: str) -> str:
    """Name an image's file; only what is known to be harmless on any disk is used as it is.

    Ids come from the service and are lower-case UUIDs; anything else is hashed.
    """
    if _ID.fullmatch(image_id):
        return image_id
    return "image-" + hashlib.sha256(image_id.encode(errors="surrogatepass")).hexdigest()[:32]


def suffix_of(start: bytes) -> str | None:
    """Tell a picture's suffix by its first 12 bytes; None if it is none."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    return next((suffix for magic, suffix in _MAGIC.items() if start.startswith(magic)), None)


def _line(image_id: str, file: PulledFile) -> bytes:
    facts = {"id": image_id, "file": file.name, "size": file.size}
    return orjson.dumps(facts | {"sha256": file.sha256.hex(), "mtime_ns": file.mtime_ns}) + b"\n"


def _read(path: Path, source: str) -> dict[str, PulledFile]:
    """Read a record; the end of its last line may be missing, after a kill."""
    recorded: dict[str, PulledFile] = {}
    if not path.exists():
        return recorded
    with path.open("rb") as lines:
        held = _parsed(next(lines, b"")).get("source", source)
        if held != source:
            raise SettingsError(
                f"{path.parents[1]} holds images of {held}, not of {source}; name another with -o"
            )
        for line in lines:
            said = _parsed(line)
            image_id, name = str(said.get("id")), Path(str(said.get("file")))
            # The folder may come from elsewhere, and what is named here may be deleted.
            if name.name == f"{stem_of(image_id)}{name.suffix}" == str(name) and name.suffix[1:] in _SUFFIXES:
                recorded[image_id] = PulledFile(
                    name.name, int(said["size"]), bytes.fromhex(said["sha256"]), int(said["mtime_ns"])
                )
    return recorded


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _rewrite(path: Path, source: str, recorded: Mapping[str, PulledFile]) -> None:
    """Write a record anew, without what was superseded; it is whole at any time."""
    part = path.with_suffix(_PART)
    with part.open("wb") as file:
        file.write(orjson.dumps({"cvsync": _VERSION, "source": source}) + b"\n")
        file.writelines(_line(image_id, known) for image_id, known in recorded.items())
    part.replace(path)
