"""Where a manifest is written to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from cvsync.errors import SettingsError
from cvsync.manifest.places import packing_of


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

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Open the file for writing, packed as its name says."""
        with self.path.open("wb") as file:
            packing = packing_of(self.final.name)
            if packing is None:
                yield file
                return
            with pa.CompressedOutputStream(file, packing) as packed:
                yield packed


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
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    _remove(part)
    try:
        if is_folder:
            part.mkdir()
        yield Target(part, path, copy_images)
        if is_folder and path.exists():
            path.rmdir()
        part.replace(path)
    finally:
        _remove(part)


@contextmanager
def joined(folder: Path) -> Iterator[Target]:
    """Give a folder to write to; in the end its parts take the place of those of their name in another.

    The other folder may hold more, as the images that are written about.
    """
    part = folder / f".{os.getpid()}.part"
    _remove(part)
    try:
        part.mkdir(parents=True)
        yield Target(part, folder, has_images=True)
        for new in sorted(part.iterdir()):
            old = folder / new.name
            if old.is_dir():
                shutil.rmtree(old)
            new.replace(old)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _remove(part: Path) -> None:
    """Remove what is in the making; before it is begun, what a killed process of the same number left."""
    if part.is_dir():
        shutil.rmtree(part)
    part.unlink(missing_ok=True)
