"""The bytes of images that are sent as files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from cvsync import limits
from cvsync.errors import ServiceError
from cvsync.plan.actions import Action

_UNREADABLE = "E111"


def locate(action: Action) -> Path:
    """Say where an image's file is: its path is relative to the manifest that names it."""
    assert action.path is not None
    folder = Path(action.origins[0].source).parent if action.origins else Path()
    return folder / action.path


def file_shares(images: Iterable[Action]) -> list[int]:
    """Say how many bytes each image by bytes adds to a request body, as base64 and with its name."""
    return [_size(image) * 4 // 3 + 512 for image in images]


def _size(action: Action) -> int:
    try:
        return locate(action).stat().st_size
    except OSError:
        return 0  # it is refused when it is read


def read_bytes(action: Action) -> bytes:
    """Read an image's file.

    Raises:
        ServiceError: It cannot be read any more. It is refused as the service would refuse it, so that it
            is found in its batch and costs nothing but itself.
    """
    try:
        return locate(action).read_bytes()
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise ServiceError("CreateImagesFromFiles", 400, _UNREADABLE, reason) from error


def why_unusable(path: Path) -> tuple[str, str] | None:
    """Say why a file cannot be sent, as a code and a message; None if it can."""
    try:
        found = path.stat()
    except OSError as error:
        return _UNREADABLE, f"cannot be read: {error.strerror}"
    if not stat.S_ISREG(found.st_mode):
        return _UNREADABLE, "cannot be read: it is no file"  # whoever opens a pipe may wait for ever
    if not os.access(path, os.R_OK):
        return _UNREADABLE, "cannot be read: Permission denied"
    size = found.st_size
    if size > limits.MAX_IMAGE_BYTES:
        return "E110", f"{size:,} bytes; the service takes {limits.MAX_IMAGE_BYTES:,} at most"
    return None
