"""Names of tags: that change while others have them, or that only case tells apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_labels, make_snapshot

from cvsync.errors import PlanError
from cvsync.known import KnownImages
from cvsync.model import ProjectType
from cvsync.plan import diff
from cvsync.plan.scope import TagScope
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


def test_tags_that_differ_in_case_alone_are_not_chosen_between() -> None:
    snapshot = make_snapshot(
        {"id-a": [("fork",)], "id-b": [("Fork",)], "id-c": [("cup",)]}, ProjectType.MULTILABEL
    )
    known = KnownImages.of({name: f"id-{name}" for name in "abc"})
    desired = make_labels([("a", "fork"), ("b", "fork"), ("c", "cup")])

    with pytest.raises(PlanError, match="both tags 'fork' and 'Fork'"):
        diff(desired, snapshot, known)

    assert diff(desired, snapshot, known, scope=TagScope.of(exclude=["FORK"])).is_empty
    assert diff(make_labels([("c", "cup")]), snapshot, known).is_empty
