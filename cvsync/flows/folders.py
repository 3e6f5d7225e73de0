"""The folders whose files were pushed under their paths, so that two folders are not taken for one.

A path below the manifests' folder is a key wherever that folder is, and so it outlives a move. Another folder
whose files have the same names looks the same: its pictures would never be sent, and its labels would go to
those that are there. Nobody can tell the two apart without reading all files, so it is told and left to the
user.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cvsync.events import tell
from cvsync.flows.desired import Desired
from cvsync.flows.service import Service
from cvsync.known import KnownImages
from cvsync.labels import one_chunk

_NOTE = "folders"
_WHOLE = r"^/|^[A-Za-z]:/"  # such a path is the same file from everywhere
_MOST = 20  # of a job that has another folder each time


def warn_of_another_folder(
    service: Service, notes: MutableMapping[str, Any], desired: Desired, known: KnownImages
) -> None:
    """Tell of images that are known by their paths, where the manifests lie in a folder that is new.

    Args:
        service: Is told.
        notes: Of the project's ledger; ``note_folder`` adds to them.
        desired: What the manifests say.
        known: What the ledger knows.
    """
    folder, before = _folder(desired), notes.get(_NOTE, [])
    if folder is None or not before or folder in before:
        return
    table = desired.labels.first_rows
    key, path = (one_chunk(table.column(name).cast(pa.string())) for name in ("key", "path"))
    there = one_chunk(known.table.column("key"))
    is_known, is_whole = pc.is_in(key, there), pc.match_substring_regex(key, _WHOLE)
    new = key.filter(pc.and_not(pc.and_not(path.is_valid(), is_whole), is_known))
    moved = pc.sum(pc.is_in(_as_seen_from(before[-1], folder, new), there)).as_py()
    if moved:
        text = (
            f"{moved:,} images have other keys than before, since paths start from {folder} now, where all "
            f"manifests are below, and no longer from {before[-1]}: each is sent again to be recognised, and "
            "--delete may be refused until then; name the same manifests each time, or give rows a `key`"
        )
        tell(service.observer, "warning", text=text)
    count = pc.sum(pc.and_not(pc.and_(pc.equal(key, path), is_known), is_whole)).as_py()
    if count:
        text = (
            f"{count:,} images of {folder} have the paths of images of another folder, as {before[-1]}, and "
            "are taken for them; unless it was moved or copied, give its rows a `key` of their own"
        )
        tell(service.observer, "warning", text=text)


def _as_seen_from(other: str, folder: str, paths: pa.Array) -> pa.Array:
    """Give the paths of a folder as they are in one above or below it, those that lie there."""
    if Path(other).is_relative_to(folder):
        below = Path(other).relative_to(folder).as_posix() + "/"
        inside = paths.filter(pc.starts_with(paths, below))
        return pc.utf8_slice_codeunits(inside, len(below))
    if Path(folder).is_relative_to(other):
        below = Path(folder).relative_to(other).as_posix()
        return pc.binary_join_element_wise(below, paths, "/")
    return pa.nulls(0, pa.string())


def note_folder(notes: MutableMapping[str, Any], desired: Desired) -> None:
    """Remember the manifests' folder, the latest last, if there are paths in it."""
    folder, before = _folder(desired), notes.get(_NOTE, [])
    if folder is not None and before[-1:] != [folder]:
        notes[_NOTE] = [*(other for other in before if other != folder), folder][-_MOST:]


def _folder(desired: Desired) -> str | None:
    """Say where paths start; None: there are none."""
    paths = desired.labels.table.column("path")
    return (
        None if desired.manifest is None or paths.null_count == len(paths) else str(desired.manifest.common)
    )
