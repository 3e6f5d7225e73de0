from __future__ import annotations

from dataclasses import field, replace

from cvsync.lean import lean_dataclass


@lean_dataclass(frozen=True, slots=True)
class Spoon:
    size: int
    engraving: str | None = field(default=None, repr=False)


def test_lean_value_is_compared_hashed_and_shown_as_a_frozen_one() -> None:
    spoon = Spoon(3, "for soup")

    assert spoon == Spoon(3, "for soup") != replace(spoon, size=4)
    assert len({spoon, Spoon(3, "for soup"), Spoon(3)}) == 2
    assert repr(spoon).endswith("Spoon(size=3)")
    assert not hasattr(spoon, "__dict__")
