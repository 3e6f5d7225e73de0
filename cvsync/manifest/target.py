"""Where a manifest is written to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from cvsync.errors import SettingsError
from cvsync.manifest.places import packing_of
from cvsync.whole import make_whole


@dataclass(frozen=True)
class Target:
    """A file or folder in the making; it takes its place when it is whole."""

    path: Path
    """Where it is written."""
    final: Path
    """Where it will be."""
    copy_images: bool = False
    """Whether images go into the folder."""
    has_images: bool = False
    """Whether images that lie in the final folder already stay where they are."""
    sink: IO[bytes] | None = None
    """An open stream that it goes into instead, as it is made."""

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the file for writing, packed as its name says."""
        if self.sink is not None:
            yield self.sink
            return
        with self.path.open("wb") as file, packed(file, self.final.name) as sink:
            yield sink


@contextmanager
def fresh(path: Path, *, overwrite: bool, is_folder: bool, copy_images: bool) -> Iterator[Target]:
    """Give a place to write to that takes a path's place in the end.

    Raises:
        SettingsError: Something is there already.
    """
    if is_folder and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SettingsError(f"{path} is not empty; name a new folder")
    if path.exists() and not is_folder and not overwrite:
        raise SettingsError(f"{path} exists already; --overwrite replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)
    with make_whole(path) as part:
        if is_folder:
            part.mkdir()
        yield Target(part, path, copy_images)
        if is_folder and path.exists():
            path.rmdir()


@contextmanager
def joined(folder: Path) -> Iterator[Target]:
    """Give a folder to write to; in the end its parts take the place of those of their name in another.

    The other folder may hold more, as the images that are written about.
    """
    part = folder / f".{os.getpid()}.part"
    shutil.rmtree(part, ignore_errors=True)  # what a killed process of this number left
    try:
        part.mkdir(parents=True)
        yield Target(part, folder, has_images=True)
        for new in sorted(part.iterdir()):
            old = folder / new.name
            if os.path.lexists(old):  # a link, too, wherever it leads
                old.replace(part / f".{new.name}.old")  # deleted later: a large folder takes a while
            new.replace(old)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def packed(file: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """Give what is written into an open file to be packed as a name says, if it does."""
    packing = packing_of(name)
    if packing is None:
        yield file
    else:
        with pa.CompressedOutputStream(file, packing) as stream:
            yield stream
