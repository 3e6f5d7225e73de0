"""What every aim must say of itself."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cvsync.flows.aim import Aim


def test_an_aim_that_does_not_say_what_it_is_to_be_equal_to_cannot_be_made() -> None:
    """Else the message of a refusal would be the first to miss it."""

    @dataclass(frozen=True, kw_only=True)
    class Nameless(Aim):
        pass

    with pytest.raises(TypeError, match="reference"):
        Nameless(project="shelf")  # type: ignore[abstract]
