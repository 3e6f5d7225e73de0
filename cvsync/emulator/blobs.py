"""A folder of bytes, each file named after the SHA-256 of what it holds."""

from __future__ import annotations

import uuid
from pathlib import Path


class Blobs:
    """Written once, never changed; every method blocks, so call it in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha: bytes) -> Path:
        name = sha.hex()
        return self.folder / name[:2] / name

    def write(self, sha: bytes, content: bytes) -> None:
        path = self.path(sha)
        if path.exists():
            return
        path.parent.mkdir(exist_ok=True)
        # Renamed when whole, so that a kill never leaves half a file under its name.
        temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
        temporary.write_bytes(content)
        temporary.replace(path)

    def sweep(self, wanted: set[bytes]) -> None:
        """Delete what nothing refers to any more, and halves that a kill left behind."""
        for path in self.folder.glob("*/*"):
            if path.suffix == ".part" or bytes.fromhex(path.name) not in wanted:
                path.unlink(missing_ok=True)

    def read(self, sha: bytes) -> bytes:
        return self.path(sha).read_bytes()
