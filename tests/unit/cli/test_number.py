from __future__ import annotations

import click
import pytest

from cvsync.cli.number import Number


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"nan is no number; give one in the range 0<=x<=1"):
        Number(0, 1).convert(text, None, None)


def test_a_number_is_one_within_its_range() -> None:
    assert Number(0, 1).convert("0.5", None, None) == 0.5
    with pytest.raises(click.BadParameter, match="not in the range"):
        Number(0, 1).convert("2", None, None)
