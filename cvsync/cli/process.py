"""What a command does to its own process, so that it takes little memory and time.

None of it belongs in a library: the process of somebody else's program is theirs to arrange.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress

_M_ARENA_MAX, _M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -8, -3, -1  # malloc.h of glibc
_HEAP_BYTES = 1 << 22  # up to this much, a block is of the heap, not the system's own
_KEPT_BYTES = 1 << 20
_POOL = "ARROW_DEFAULT_MEMORY_POOL"


def arrange() -> None:
    """Arrange the process for a command that holds a large manifest once and then sends it for hours."""
    _calm_collector()
    _give_memory_back()
    _keep_pandas_out()


def _calm_collector() -> None:
    """Have Python look for garbage less often: answers are many small objects, and none are in cycles.

    An eighth of the time of a batch goes into looking otherwise.
    """
    gc.freeze()  # what was imported stays anyway
    gc.set_threshold(20_000, 20, 20)


def _keep_pandas_out() -> None:
    """Have pyarrow find no pandas.

    It loads pandas for the first array that it makes, to see whether it was given one of pandas': 60 MB,
    and a fifth of a second. It looks only once, and whoever wants pandas later can have it.
    """
    import pyarrow as pa

    class NoPandas:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name == "pandas":
                raise ModuleNotFoundError(name=name)

    sys.meta_path.insert(0, NoPandas)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(NoPandas)


def _give_memory_back() -> None:
    """Have Arrow take memory as numpy does, so that what either lets go is the other's, or the system's.

    Its own pools keep what was let go: after a million rows are read, twice as much as their labels take. So
    does a heap for each thread, which is what glibc has unless told otherwise; and it keeps up to 64 MB at
    the end of its heap, unless it is told how much. What Arrow's readers and writers of Parquet take for
    themselves is of the pool that was chosen by the variable before Arrow was loaded, as ``main.run`` does.
    """
    import pyarrow as pa

    if os.environ.get(_POOL, "system") != "system":
        return
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        import ctypes

        with suppress(AttributeError):  # other C libraries have no such thing
            libc = ctypes.CDLL(None)
            libc.mallopt(_M_ARENA_MAX, 1)
            # Telling the one fixes the other at 128 kB, and each slice of a column would come from the system
            # and go back: a tenth of a diff's processor time, and more on a busy machine.
            libc.mallopt(_M_MMAP_THRESHOLD, _HEAP_BYTES)
            libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
