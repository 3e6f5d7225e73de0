"""What can be seen of the files that paths name, without reading them."""

from __future__ import annotations

import stat
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from cvsync import limits
from cvsync.labels import with_column
from cvsync.manifest.links import IS_URL, Mark
from cvsync.manifest.rows import Rows
from cvsync.manifest.texts import Texts

_ODD = r"\\|[^\x00-\x7f]"


def with_plain_paths(rows: Rows, folder: Path) -> Rows:
    """Write paths as their files are called, where a program of Windows or a Mac wrote them otherwise."""
    if "path" not in rows.table.column_names:
        return rows
    paths = Texts.of(rows.table.column("path"))
    odd = paths.matches(_ODD)
    if not odd.any():
        return rows
    plain = paths.changed(odd, lambda path: plain_path(path, lambda form: (folder / form).exists()))
    return replace(rows, table=with_column(rows.table, "path", plain.column))


def plain_path(path: str, exists: Callable[[str], bool]) -> str:
    """Give the form of a path that exists: as it stands, with slashes, in NFC or NFD; else with slashes."""
    plain = path.replace("\\", "/")
    forms = [path, plain, *(unicodedata.normalize(form, plain) for form in ("NFC", "NFD"))]
    if len({*forms}) == 1:
        return path
    return next(filter(exists, dict.fromkeys(forms)), plain)


def check_files(paths: Texts, urls: Texts, mark: Mark, *, folder: Path) -> None:
    """Mark the rows whose file is not there or is no image; where a URL stands too, that counts.

    Asks for each file once, a few microseconds each.
    """
    used = np.zeros(len(paths.values) + 1, bool)
    used[paths.codes[urls.null]] = True
    at = np.flatnonzero(used[:-1] & ~paths.matches(IS_URL))
    codes = np.full(len(paths.values), "", object)
    codes[at] = [_why(folder / path) for path in paths.values.take(pa.array(at)).to_pylist()]
    for code in sorted({*codes[at].tolist()} - {""}):
        mark(code, "path", paths.rows(codes == code))


def _why(file: Path) -> str:
    try:
        seen = file.stat()
    except (OSError, ValueError):  # a path with a null byte is a ValueError
        return "E003"
    if stat.S_ISDIR(seen.st_mode):
        return "E009"
    if not seen.st_size:
        return "E037"
    return "W015" if seen.st_size > limits.MAX_IMAGE_BYTES else ""
