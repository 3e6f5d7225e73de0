"""The pictures that a model is to look at: files, those of folders, and URLs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cvsync.errors import SettingsError
from cvsync.events import without_query
from cvsync.odd_names import as_text, is_odd

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif"})  # docs: what the service decodes


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that lies on this machine, or that the service can download."""

    name: str
    """What people know it by; of a URL without its query."""
    file: Path | None = None
    url: str | None = field(default=None, repr=False)
    """May be signed."""
    place: str = ""
    """Where it would lie in a folder of results: a path of plain parts, with ``/`` between them."""


def find_pictures(names: Sequence[str]) -> list[Picture]:
    """Give the pictures of files, folders and URLs, in this order; those of a folder by name, at any depth.

    Raises:
        SettingsError: A file or folder is not there, or a folder has no picture in it.
    """
    return [picture for name in names for picture in _find(name)]


def _find(name: str) -> Iterable[Picture]:
    if name.startswith(("http://", "https://")):
        if is_odd(name):
            raise SettingsError(f"{as_text(without_query(name))}: a URL, and not UTF-8")
        return [Picture(without_query(name), url=name, place=unquote(urlsplit(name).path).rpartition("/")[2])]
    path = Path(name)
    if path.is_file():
        return [Picture(_readable(name), path, place=path.name)]
    if not path.is_dir():
        raise SettingsError(f"{name}: no file, no folder, and no URL that begins with http:// or https://")
    files = [file for file in sorted(path.rglob("*")) if _is_picture(file, path)]
    if not files:
        raise SettingsError(f"{name}: no picture in it; they end in {', '.join(sorted(SUFFIXES))}")
    return [Picture(_readable(str(file)), file, place=file.relative_to(path).as_posix()) for file in files]


def _readable(name: str) -> str:
    """Give a file's name such that it can be shown: names may be any bytes."""
    return os.fsencode(name).decode(errors="replace")


def _is_picture(file: Path, folder: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not is_hidden and file.suffix.lower() in SUFFIXES and file.is_file()
