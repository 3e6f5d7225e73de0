"""Which iteration is meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvsync.errors import MissingIterationError, SettingsError
from cvsync.flows.iterations import find_iteration, in_service, latest_completed, surplus
from cvsync.model import Iteration


def iteration(n: int, **facts: Any) -> Iteration:
    day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n)
    status = facts.pop("status", "Completed")
    trained = day if status == "Completed" else None
    return Iteration(f"id-{n}", f"Iteration {n}", status, created=day, trained_at=trained, **facts)


ALL = [
    iteration(1, publish_name="old"),
    iteration(2, publish_name="live"),
    iteration(3),
    iteration(4, status="Failed"),
    iteration(5, status="Training"),
]


@pytest.mark.parametrize("wanted", ["Iteration 2", "id-2", "ID-2"])
def test_iteration_is_found_by_name_or_id(wanted: str) -> None:
    assert find_iteration(ALL, wanted).name == "Iteration 2"


def test_missing_iteration_is_told_with_those_that_there_are() -> None:
    with pytest.raises(MissingIterationError, match=r"'Iteration 9'.*Iteration 1, Iteration 2"):
        find_iteration(ALL, "Iteration 9")


def test_ambiguous_name_is_refused_with_the_ids() -> None:
    twice = [iteration(1), Iteration("other", "Iteration 1", "Completed")]

    with pytest.raises(SettingsError, match="id-1, other"):
        find_iteration(twice, "Iteration 1")


def test_latest_is_of_those_that_are_trained() -> None:
    latest = latest_completed(ALL)

    assert latest is not None
    assert latest.name == "Iteration 3"
    assert latest_completed(ALL[3:]) is None


def test_in_service_are_the_published_ones_or_the_default_one() -> None:
    assert [i.publish_name for i in in_service(ALL)] == ["live", "old"]
    assert [i.publish_name for i in in_service(ALL, "old")] == ["old"]
    assert [i.id for i in in_service([iteration(1), iteration(2, is_default=True)])] == ["id-2"]


def test_surplus_are_failed_ones_and_then_the_oldest_but_none_in_service() -> None:
    more = [*ALL, iteration(6), iteration(7), iteration(8, is_default=True)]

    assert [i.id for i in surplus(more, 2)] == ["id-4", "id-3", "id-6"]
    assert [i.id for i in surplus(more, 9)] == ["id-4"]


@given(
    kinds=st.lists(st.sampled_from(["Completed", "Failed", "Training", "published", "default"])),
    keep=st.integers(1, 8),
)
def test_surplus_leaves_the_newest_and_all_in_service(kinds: list[str], keep: int) -> None:
    every = []
    for n, kind in enumerate(kinds):
        facts = {"published": {"publish_name": f"p{n}"}, "default": {"is_default": True}}.get(kind, {})
        every.append(iteration(n, status=kind if not facts else "Completed", **facts))

    left = [i for i in every if i not in surplus(every, keep)]

    assert in_service(left) == in_service(every)
    assert {i.id for i in every if i.status == "Training"} <= {i.id for i in left}
    trained = [i for i in every if i.status == "Completed"]
    assert len([i for i in left if i.status == "Completed"]) >= min(keep, len(trained))
    assert trained[max(0, len(trained) - keep) :] == [i for i in left if i in trained[-keep:]]
