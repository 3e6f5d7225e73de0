"""Who else is told what a verb tells: a job, of the verbs that are its steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cvsync.events import Event, Observer

_listeners: ContextVar[tuple[Observer, ...]] = ContextVar("listeners", default=())


@contextmanager
def listen(observer: Observer) -> Iterator[None]:
    """Have an observer told all that verbs tell while the block lasts."""
    token = _listeners.set((*_listeners.get(), observer))
    try:
        yield
    finally:
        _listeners.reset(token)


def pass_on(event: Event) -> None:
    """Tell those who listen."""
    for observer in _listeners.get():
        observer(event)
