"""How much memory this process has had at most.

``ru_maxrss`` is handed down through fork and exec: a small process that a large one started reads the large
one's peak in it. Linux counts the peak of the program itself in ``/proc/self/status``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_KILOBYTE = 1024


def peak() -> int:
    """Give the most bytes that were resident at once since the program started.

    Where there is no ``/proc``, what ``getrusage`` says, which is never below the peak of the parent.
    """
    if _STATUS.exists():
        found = re.search(r"^VmHWM:\s*(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) * _KILOBYTE
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else _KILOBYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
