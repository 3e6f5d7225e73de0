"""Values that are made by the million: frozen to whoever writes code, cheap to build.

A frozen dataclass sets each field through ``object.__setattr__``, which makes it three to six times as dear
to build as an ordinary one. Here the type checker keeps the promise; at run time nobody looks at an
assignment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

__all__ = ["lean_dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass as lean_dataclass
else:

    def lean_dataclass(*, frozen: bool, slots: bool) -> Any:
        """Make a dataclass that is compared and hashed as a frozen one is."""
        return dataclass(unsafe_hash=frozen, slots=slots)
