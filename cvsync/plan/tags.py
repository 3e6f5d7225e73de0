"""Tag names as the service compares them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cvsync.errors import PlanError
from cvsync.labels import fold


class TagNames:
    """Numbers tags: those of the project first, then new ones in the order in which they are met."""

    def __init__(self, present: Sequence[str]) -> None:
        self.names = list(present)
        self._codes = {fold(name): code for code, name in enumerate(present)}
        self._present = len(self.names)

    @property
    def new(self) -> tuple[str, ...]:
        """The names that the project lacks."""
        return tuple(self.names[self._present :])

    def codes(self, names: Iterable[str]) -> list[int]:
        """Number some names, new ones included."""
        return [self._code(name) for name in names]

    def _code(self, name: str) -> int:
        code = self._codes.setdefault(fold(name), len(self.names))
        if code == len(self.names):
            self.names.append(name)
        return code


def refuse_two_spellings(present: Iterable[str], wanted: Iterable[str]) -> None:
    """Refuse to choose between tags that differ in case alone: images would get the wrong one.

    Args:
        present: The names of the project's tags.
        wanted: Those that labels are to be of.

    Raises:
        PlanError: The project has a wanted tag in two spellings.
    """
    first: dict[str, str] = {}
    twins = {fold(n): (one, n) for n in present if (one := first.setdefault(fold(n), n)) != n}
    for one, other in (twins[fold(name)] for name in wanted if twins and fold(name) in twins):
        raise PlanError(
            f"the project has both tags {one!r} and {other!r}, which are one to a manifest: rename one "
            "(`cvsync tag rename` takes ids), or leave them alone with --exclude"
        )


def possible_renames(renames: Mapping[str, str], present: Iterable[str]) -> dict[str, str]:
    """Give the renames that the service can do, in an order in which each name is free by then.

    Args:
        renames: Old name -> new name.
        present: The names of the project's tags.
    """
    taken = {fold(name) for name in present}
    waiting = {old: new for old, new in renames.items() if fold(old) in taken}
    found: dict[str, str] = {}
    while True:
        free = (old for old, new in waiting.items() if fold(new) not in taken - {fold(old)})
        old = next(free, None)
        if old is None:
            return found
        found[old] = waiting.pop(old)
        taken = taken - {fold(old)} | {fold(found[old])}
