"""Places where a test can have the process killed, to see what a death there leaves behind.

``CVSYNC_FAILPOINT=name:n`` kills the process, as ``kill -9`` does, when the place of that name is passed for
the n-th time; ``any:n`` counts every place. Unset, a place costs one comparison.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

NAMES = (
    "before-intent",  # a batch is ready, nothing is written
    "after-intent",  # its intent is committed, nothing has left
    "before-outcome",  # the answer is read, nothing of it is written
    "in-outcome",  # the outcome is written but not committed
    "after-outcome",  # it is committed, and nothing else was done since
    "before-backup",  # images are about to be saved before they are deleted
    "after-backup",  # they are saved, and still there
    "before-image",  # an image is downloaded whole, and has no name yet
    "after-image",  # it has its name, and is not recorded yet
    "before-note",  # something is about to be noted, or a note dropped
    "after-note",  # it is, and nothing was done about it yet
    "after-removal",  # an old iteration is gone, another may have to go
    "in-publish",  # a publish name is taken from an iteration, and the next does not have it yet
    "before-file",  # an exported model is downloaded and checked, and has no name yet
    "after-file",  # it has its name, and not its checksum yet
    "before-step",  # a job is about to begin a step
    "after-step",  # a step of a job has ended
)
_ANY = "any"


def _kill() -> None:
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows has no SIGKILL


class _Trap:
    """The one place that is armed."""

    def __init__(self, name: str, passes: int, act: Callable[[], None]) -> None:
        if name not in (*NAMES, _ANY):
            raise ValueError(f"no failpoint {name!r}; there are {', '.join((*NAMES, _ANY))}")
        self.name, self.left, self.act = name, passes, act

    def step_on(self, name: str) -> None:
        if self.name in (name, _ANY):
            self.left -= 1
            if self.left == 0:
                self.act()


def arm(order: str | None, act: Callable[[], None] = _kill) -> None:
    """Arm a place, as ``name:n``; None disarms.

    Raises:
        ValueError: There is no such place.
    """
    global _trap  # noqa: PLW0603 - one process has one trap
    _trap = None
    if order:
        name, _, passes = order.partition(":")
        _trap = _Trap(name, int(passes or 1), act)


def failpoint(name: str) -> None:
    """Pass a place."""
    if _trap is not None:
        _trap.step_on(name)


_trap: _Trap | None = None
arm(os.environ.get("CVSYNC_FAILPOINT"))
