"""Names of tags that change while others have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsync.plan.tags import possible_renames


@pytest.mark.parametrize(
    ("renames", "present", "possible"),
    [
        ({"a": "b"}, "a", ["a"]),
        ({"a": "b"}, "ab", []),
        ({"a": "b"}, "b", []),  # it has been done before
        ({"a": "A"}, "a", ["a"]),
        ({"A": "b"}, "a", ["A"]),
        ({"a": "b", "b": "c"}, "ab", ["b", "a"]),
        ({"a": "b", "b": "c"}, "a", ["a"]),
        ({"a": "b", "b": "c"}, "abc", []),
        ({"a": "b", "b": "a"}, "ab", []),
        ({"a": "b", "b": "a", "c": "d"}, "abc", ["c"]),
        ({"a": "x", "b": "x"}, "ab", ["a"]),
    ],
)
def test_a_rename_waits_for_its_name(renames: dict[str, str], present: str, possible: list[str]) -> None:
    assert [*possible_renames(renames, present)] == possible


_NAMES = st.sampled_from("abcdef")


@given(renames=st.dictionaries(_NAMES, _NAMES), present=st.sets(_NAMES))
def test_each_name_is_free_when_it_is_given(renames: dict[str, str], present: set[str]) -> None:
    names = set(present)
    for old, new in possible_renames(renames, present).items():
        assert old in names
        assert new == old or new not in names
        names = names - {old} | {new}
    assert len(names) == len(present)
