"""Computing on all processors: numpy and Arrow let go of Python's lock while they work on columns.

The one place that starts threads for it. How many there are changes no result: answers come in the order of
the questions, and slices are the same for one thread as for many.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_T = TypeVar("_T")
_R = TypeVar("_R")

_MOST = 4  # threads: what several hold at once is memory, and more wait for it to answer
STEP = 1 << 16  # rows of a slice: what is in between stays in the processor's cache
_NAME = "compute"


def threads() -> int:
    """Tell how many threads compute at once: as many as Arrow takes, which ``OMP_NUM_THREADS`` may bound."""
    return min(_MOST, int(pa.cpu_count()))


def each(function: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """Give what a function says of each item, in the items' order.

    It must touch nothing that another call of it changes. What one call raises is raised here. Within a call
    of it all goes on in the one thread, so that there are never more than so many.
    """
    items = [*items]
    workers = min(threads(), len(items))
    if workers < 2 or threading.current_thread().name.startswith(_NAME):
        return [function(item) for item in items]
    with ThreadPoolExecutor(workers, thread_name_prefix=_NAME) as pool:
        return [*pool.map(function, items)]


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Give what some functions say, each of which takes a while."""
    return each(lambda call: call(), calls)


def slices(count: int, step: int | None = None) -> list[slice]:
    """Cut so many rows into slices; none for no rows."""
    step = step or STEP
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def look_up(values: NDArray[Any], positions: NDArray[np.int32]) -> NDArray[Any]:
    """Give the values at some positions, slice by slice; -1 is the last."""
    found = np.empty(len(positions), values.dtype)

    def fill(part: slice) -> None:
        found[part] = values[positions[part]]

    each(fill, slices(len(positions)))
    return found
