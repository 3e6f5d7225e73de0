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
    lock = FileLock(folder / "lock", timeout=timeout, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        who = _read(holder) or "a process that has not said its name yet"
        raise LockedError(f"another run is at work on {what}: {who}") from None
    try:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        text = f"run {run_id}, process {os.getpid()} on {socket.gethostname()}, since {started}"
        _write_whole(holder, text)
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that whoever reads it reads all of it."""
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
