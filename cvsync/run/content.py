"""The bytes of images that are sent as files."""

from __future__ import annotations

from pathlib import Path

from cvsync import limits
from cvsync.plan.actions import Action


def locate(action: Action) -> Path:
    """Say where an image's file is: its path is relative to the manifest that names it."""
    assert action.path is not None
    folder = Path(action.origins[0].source).parent if action.origins else Path()
    return folder / action.path


def body_size(action: Action) -> int:
    """Say how many bytes an image adds to a request body, base64 included."""
    try:
        size = locate(action).stat().st_size
    except OSError:
        return 0  # it is refused when it is read
    return size * 4 // 3 + 512


def why_unusable(path: Path) -> tuple[str, str] | None:
    """Say why a file cannot be sent, as a code and a message; None if it can."""
    try:
        size = path.stat().st_size
    except OSError as error:
        return "E111", f"cannot be read: {error.strerror}"
    if size > limits.MAX_IMAGE_BYTES:
        return "E110", f"{size:,} bytes; the service takes {limits.MAX_IMAGE_BYTES:,} at most"
    return None
