"""Where pictures with what was seen in them go: beside each other in one folder, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cvsync.errors import SettingsError
from cvsync.flows.pictures import Picture
from cvsync.whole import open_whole

_NO_NAME = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\/]')  # what some file system does not take
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # devices of Windows
_LONGEST = 200  # bytes of a name; file systems take 255
_JPEG = (".jpg", ".jpeg")


def plan_results(folder: Path, pictures: Sequence[Picture], *, overwrite: bool = False) -> list[Path]:
    """Give each picture a file of its own in a folder; JPEG where it is one, else PNG.

    Raises:
        SettingsError: A file is there already, is one of the pictures, or would lie outside of the folder.
    """
    used: dict[str, int] = {}
    files = [folder / _unused(_plain(picture.place), used) for picture in pictures]
    root = folder.resolve()
    sources = {picture.file.resolve() for picture in pictures if picture.file is not None}
    for file in files:
        if not file.parent.resolve().is_relative_to(root):
            raise SettingsError(f"{file} would lie outside of {folder}: a link leads there")
        if file.resolve() in sources:
            raise SettingsError(f"{file} is one of the pictures: choose another folder for the results")
        if (file.exists() or file.is_symlink()) and (not overwrite or file.is_dir()):
            raise SettingsError(f"{file} is there already: choose another folder, or --overwrite")
    return files


def write_result(file: Path, content: bytes, *, overwrite: bool) -> None:
    """Write a file, never over another one unless told to; a link is replaced, not followed.

    Raises:
        OSError: It cannot be written, or is there.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with open_whole(file) if overwrite else _open_new(file) as sink:
        sink.write(content)


@contextmanager
def _open_new(file: Path) -> Iterator[IO[bytes]]:
    """Open a file that must not be there; to take its place in the end could replace another one."""
    with file.open("xb") as sink:
        try:
            yield sink
            sink.flush()
        except OSError:
            file.unlink()  # no half a picture stays on a full disk
            raise


def _plain(place: str) -> str:
    """Make a path of names that any file system takes, and that leads nowhere else."""
    *folders, name = [_name(part) for part in place.split("/")]
    stem, dot, ending = name.rpartition(".")
    suffix = ".jpg" if f".{ending.lower()}" in _JPEG else ".png"
    return "/".join([*folders, (stem if dot and stem else name) + suffix])


def _name(part: str) -> str:
    cleaned = " ".join(_NO_NAME.sub("_", part).split()).strip(". ")
    # What is no Unicode in the name of a file is left out, and so is half a letter at the end.
    short = cleaned.encode(errors="ignore")[:_LONGEST].decode(errors="ignore").strip(". ") or "picture"
    return f"_{short}" if _RESERVED.fullmatch(short) else short


def _unused(place: str, used: dict[str, int]) -> str:
    """Number a name that is taken; names that differ in case only are one to some file systems.

    Args:
        place: The name.
        used: Folded names that are taken, each with the last number that was put to it.
    """
    stem, dot, suffix = place.rpartition(".")
    number, free = used.get(place.casefold(), 1), place
    while free.casefold() in used:
        number += 1
        free = f"{stem}-{number}{dot}{suffix}"
    used[place.casefold()] = number
    used.setdefault(free.casefold(), 1)
    return free
