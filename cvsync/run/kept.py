"""What a pull would write over and is not as an earlier one left it: edited labels, or others' files.

.cvsync/written.json    the SHA-256 of each part of a manifest that a pull wrote, by its name
.cvsync/kept/RUN/NAME   a part as it was before that run, where it was not as written
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from cvsync.whole import open_whole

WRITTEN = "written.json"
KEPT = "kept"


def keep_changed(state: Path, parts: Iterable[Path], *, run_id: str) -> dict[Path, Path]:
    """Copy the parts of a manifest that are not as a pull wrote them; reads them all.

    Args:
        state: The pulled folder's own.
        parts: Files and folders that will be written over; some may not be there.
        run_id: Of the run that will.

    Returns:
        For each part that was changed, where its copy is.
    """
    known = _read(state)
    kept = {}
    for part in sorted(parts):
        if part.exists() and known.get(part.name) != _digest(part):
            copy = state / KEPT / run_id / part.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if part.is_dir():
                shutil.copytree(part, copy, symlinks=True)
            else:
                shutil.copy2(part, copy)
            kept[part] = copy
    return kept


def note_written(state: Path, parts: Iterable[Path]) -> None:
    """Note what the parts of a manifest are now that a pull wrote them."""
    now = {part.name: _digest(part) for part in parts if part.exists()}
    with open_whole(state / WRITTEN) as file:
        file.write(orjson.dumps(_read(state) | now, option=orjson.OPT_SORT_KEYS))


def _read(state: Path) -> dict[str, Any]:
    try:
        said = orjson.loads((state / WRITTEN).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return said if isinstance(said, dict) else {}


def _digest(part: Path) -> str:
    whole = hashlib.sha256()
    for file in sorted(_files(part)) if part.is_dir() else [os.fspath(part)]:
        with open(file, "rb") as opened:  # noqa: PTH123 (thousands of paths: texts are quicker)
            content = hashlib.sha256(opened.read()).digest()
        whole.update(os.fsencode(os.path.relpath(file, part)) + b"\0" + content)
    return whole.hexdigest()


def _files(folder: Path) -> Iterator[str]:
    for root, _, names in os.walk(folder):
        yield from filter(os.path.isfile, (f"{root}{os.sep}{name}" for name in names))
