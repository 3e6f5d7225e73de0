"""What can be seen of the files that paths name, without reading them."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pyarrow as pa

from cvsync import limits
from cvsync.manifest.links import IS_URL, Mark
from cvsync.manifest.texts import Texts


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
