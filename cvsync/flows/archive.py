"""Whether the file of an exported model is what it should be."""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from pathlib import Path

MOST_UNPACKED_BYTES = 10_000_000_000  # no published figure: many times any model that the service makes
_UNSOUND = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError,
    OSError, RuntimeError,  # of bzip2 data, of an encrypted entry
)  # fmt: skip
_ENDINGS = {"ONNX": ".onnx"}
"""What the model is called in the archive of a platform. Of the others nothing is published, and a model must
not be withheld for a name that was guessed: there the archive has to be sound, and to hold something."""


def why_unusable(path: Path, platform: str) -> str | None:
    """Say what is wrong with the archive of a model; None: it is sound and has the model in it.

    Reads every byte, and writes none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _problem(archive, platform)
    except _UNSOUND as error:
        return f"it is no sound zip archive ({error})"


def _problem(archive: zipfile.ZipFile, platform: str) -> str | None:
    entries = archive.infolist()
    for entry in entries:
        if _leads_out(entry):
            return f"its entry {entry.filename!r} leads out of its folder"
        if entry.flag_bits & 1:
            return f"its entry {entry.filename!r} is encrypted"
    if sum(entry.file_size for entry in entries) > MOST_UNPACKED_BYTES:
        return f"it unpacks to more than {MOST_UNPACKED_BYTES:,} bytes"
    damaged = archive.testzip()
    if damaged is not None:
        return f"its entry {damaged!r} is damaged"
    ending = _ENDINGS.get(platform, "")
    if not any(entry.filename.lower().endswith(ending) and entry.file_size for entry in entries):
        return f"there is no model in it ({ending})" if ending else "there is nothing in it"
    return None


def _leads_out(entry: zipfile.ZipInfo) -> bool:
    """Tell whether unpacking an entry could write elsewhere; on Windows a backslash parts folders too."""
    name = entry.filename.replace("\\", "/")
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return is_link or name.startswith("/") or ":" in name.partition("/")[0] or ".." in name.split("/")
