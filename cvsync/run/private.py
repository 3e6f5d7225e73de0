"""Files that only their owner may read: state, plans and rejects may hold signed URLs."""

from __future__ import annotations

import os
from pathlib import Path


def make_private(path: Path) -> None:
    """Make sure that a file exists with mode 0600, in a folder made with mode 0700."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
