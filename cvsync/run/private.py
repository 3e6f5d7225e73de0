"""Files that only their owner may read: state, plans and rejects may hold signed URLs."""

from __future__ import annotations

import os
from pathlib import Path

from cvsync.whole import PRIVATE


def make_folder(path: Path) -> None:
    """Make sure that a folder exists; what is made of it and its parents has mode 0700."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


def make_private(path: Path) -> None:
    """Make sure that a file exists with mode 0600, in a folder made with mode 0700."""
    make_folder(path.parent)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, PRIVATE))
