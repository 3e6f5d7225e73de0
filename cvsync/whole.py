"""Files that take their place when they are whole: until then an older one stays as it is.

What is in the making lies beside its place, as ``.NAME.PROCESS.part``. An error removes it; a killed process
leaves it to the next one of its number, and in a container the number is often the same each time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

PRIVATE = 0o600
"""The mode of what only its owner may read."""
_ANYBODY = 0o666  # as far as the umask goes


@contextmanager
def make_whole(path: Path) -> Iterator[Path]:
    """Give a place where there is nothing, to put a file or folder that takes a path's place in the end.

    A link there is replaced, not followed. Two threads must not make one path at the same time.

    Raises:
        OSError: It cannot take the place; nothing of it stays, and what was there does.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    _remove(part)
    try:
        yield part
        part.replace(path)
    finally:
        _remove(part)


@contextmanager
def open_whole(path: Path, *, mode: int = _ANYBODY, is_synced: bool = False) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes its place in the end.

    Args:
        path: Its place; what is there, a link too, is replaced.
        mode: Who may read and write it, from its first byte on.
        is_synced: Whether it is on the disk when the block ends, so that not even a loss of power takes it.

    Raises:
        OSError: It cannot be written; nothing of it stays, and what was there does.
    """
    with make_whole(path) as part, _open(part, "xb", mode) as file:
        yield file
        if is_synced:
            file.flush()
            os.fsync(file.fileno())
    if is_synced:
        sync(path.parent)


@contextmanager
def open_named(path: Path, *, mode: int = _ANYBODY) -> Iterator[IO[bytes]]:
    """Open a file that somebody named, as ``open_whole`` does.

    Links and devices are written to, and so is a file in a folder that takes no other.

    Raises:
        OSError: It cannot be written.
    """
    is_special = path.is_symlink() or (path.exists() and not path.is_file())
    if is_special or (path.exists() and not os.access(path.parent, os.W_OK)):
        with _open(path, "wb", mode) as file:
            yield file
    else:
        with open_whole(path, mode=mode) as file:
            yield file


def sync(path: Path) -> None:
    """Bring a file or the names in a folder to the disk."""
    try:
        opened = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _open(path: Path, how: str, mode: int) -> IO[bytes]:
    return open(path, how, opener=partial(os.open, mode=mode))  # Path.open takes no mode


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    part.unlink(missing_ok=True)
