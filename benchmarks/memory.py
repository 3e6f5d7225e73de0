"""How much memory a process has had at most.

``ru_maxrss`` is handed down through fork and exec: a small process that a large one started reads the large
one's peak in it. Linux counts the peak of the program itself in ``/proc/self/status``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_KILOBYTE = 1024


def peak() -> int:
    """Give the most bytes of this process that were resident at once since its program started.

    Where there is no ``/proc``, what ``getrusage`` says, which is never below the peak of the parent.
    """
    found = peak_of("self")
    if found is not None:
        return found
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else _KILOBYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def peak_of(pid: int | str) -> int | None:
    """Give the same of another process; None where there is no ``/proc``, or no such process any more."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * _KILOBYTE if found else None
