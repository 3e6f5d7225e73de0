"""One run at a time per destination."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from cvsync.errors import LockedError
from cvsync.run.private import make_folder
from cvsync.whole import PRIVATE, open_whole


@contextmanager
def hold_lock(folder: Path, *, run_id: str, what: str = "this project", timeout: float = 0) -> Iterator[None]:
    """Hold the lock of a folder, by default a destination's state folder.

    The operating system frees it when the process dies, so there is no stale lock to clear.

    Args:
        folder: Whose lock it is; it is made if need be.
        run_id: Of whoever takes it.
        what: The thing that is locked, for the message.
        timeout: How long to wait for another run.

    Raises:
        LockedError: Another run holds it; the message says which.
    """
    make_folder(folder)
    holder = folder / "holder"
    lock = FileLock(folder / "lock", timeout=timeout, mode=PRIVATE)
    try:
        lock.acquire()
    except Timeout:
        who = _read(holder) or "a process that has not said its name yet"
        raise LockedError(f"another run is at work on {what}: {who}") from None
    try:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        text = f"run {run_id}, process {os.getpid()} on {socket.gethostname()}, since {started}"
        with open_whole(holder, mode=PRIVATE) as file:
            file.write(text.encode())
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
