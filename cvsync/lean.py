"""Values that are made by the million: frozen to whoever writes code, cheap to build.

A frozen dataclass sets each field through ``object.__setattr__``, which makes it three to six times as dear
to build as an ordinary one. Here the type checker keeps the promise; at run time nobody looks at an
assignment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["lean_dataclass", "tuples"]

T = TypeVar("T", bound=tuple[Any, ...])

if TYPE_CHECKING:
    from dataclasses import dataclass as lean_dataclass
else:

    def lean_dataclass(*, frozen: bool, slots: bool) -> Any:
        """Make a dataclass that is compared and hashed as a frozen one is."""
        return dataclass(unsafe_hash=frozen, slots=slots)


def tuples(kind: type[T], *columns: Iterable[Any]) -> Iterator[T]:
    """Build a NamedTuple of each row of some columns.

    By ``tuple.__new__``, which is all that its own constructor does but for a line of Python.
    """
    return map(partial(tuple.__new__, kind), zip(*columns, strict=True))
