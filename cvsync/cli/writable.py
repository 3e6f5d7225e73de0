"""Files that a command is to write at its end, looked at before it begins."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

STDOUT = "-"
_UNWRITABLE = "'{path}' cannot be written: {nearest} is no folder that you may write to"


class WritableFolder(click.Path):
    """A folder for what is to be written; it need not be there."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Take a path, or refuse what is none to whoever typed it."""
        _refuse_stdout(self, value, param, ctx)
        return Path(os.fsdecode(super().convert(value, param, ctx)))


class WritableFile(click.Path):
    """A file that can be written, whether it is there or not; folders on its way may be missing."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Take a path, or refuse it: after hours of work it would be too late."""
        _refuse_stdout(self, value, param, ctx)
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        nearest = _nearest(path)
        if nearest != path.absolute() and not _takes_files(nearest):
            self.fail(_UNWRITABLE.format(path=path, nearest=nearest), param, ctx)
        return path


def require_folder(option: str, folder: Path) -> None:
    """Refuse a folder that takes no files, or cannot be made: after hours of work it would be too late.

    Raises:
        click.UsageError: It is refused.
    """
    nearest = _nearest(folder)
    if not _takes_files(nearest):
        raise click.UsageError(f"{option} {_UNWRITABLE.format(path=folder, nearest=nearest)}")


def _nearest(path: Path) -> Path:
    """Give what there is already of a path."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


def _takes_files(place: Path) -> bool:
    return place.is_dir() and os.access(place, os.W_OK)


def _refuse_stdout(
    kind: click.Path, value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> None:
    if value == STDOUT:
        kind.fail("'-' is stdout, which this cannot be; ./- is the path of what is called so", param, ctx)


def refuse_manifest(option: str, file: Path | None, manifests: Sequence[str | os.PathLike[str]]) -> None:
    """Refuse to write over a manifest, that is named as it is, by way of a link, or by a pattern.

    Raises:
        click.UsageError: The file is one of the manifests.
    """
    if file is None:
        return
    real = os.path.realpath(file)
    if any(real == place or fnmatchcase(real, place) for place in map(os.path.realpath, manifests)):
        raise click.UsageError(f"{option} {file} is one of the manifests; name another file")
