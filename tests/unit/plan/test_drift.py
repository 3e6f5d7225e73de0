"""Three sides: what the ledger left, what the manifest says, what the project holds."""

from __future__ import annotations

import pyarrow as pa
import pytest
from make import make_labels, make_snapshot

from cvsync.errors import GuardError
from cvsync.known import SCHEMA, KnownImages
from cvsync.model import ProjectType
from cvsync.plan import Plan, diff
from cvsync.plan.drift import OnDrift
from cvsync.plan.scope import TagScope
from cvsync.run.sums import fingerprints_of

MULTILABEL = ProjectType.MULTILABEL


def left(*tags: str, unsettled: frozenset[str] = frozenset()) -> KnownImages:
    """What the ledger knows after it left image `a` with these tags."""
    (print_,) = fingerprints_of([[(f"id-{tag}", None) for tag in tags]])
    return KnownImages(pa.table([["a"], ["id-a"], [print_], [None]], schema=SCHEMA), unsettled)


def lines(plan: Plan) -> list[str]:
    return [str(action) for action in plan.actions()]


@pytest.mark.parametrize(
    ("manifest", "project", "by_manifest", "by_project", "drifted"),
    [
        ("x", "x", [], [], 0),
        ("xy", "x", ["add y to a"], ["add y to a"], 0),  # the manifest changed
        ("x", "xy", ["remove y from a"], [], 1),  # the project changed
        ("xz", "xy", ["add z to a", "remove y from a"], [], 1),  # both did
        ("xy", "xy", [], [], 0),  # both did the same
    ],
)
def test_who_is_right_about_an_edited_image(
    manifest: str, project: str, by_manifest: list[str], by_project: list[str], drifted: int
) -> None:
    desired = make_labels([("a", tag) for tag in manifest])
    snapshot = make_snapshot({"id-a": [(tag,) for tag in project]}, MULTILABEL, ["x", "y", "z"])
    known = left("x")

    plan = diff(desired, snapshot, known)

    assert lines(plan) == by_manifest
    assert plan.drifted == drifted
    assert lines(diff(desired, snapshot, known, on_drift=OnDrift.PROJECT)) == by_project
    if drifted:
        with pytest.raises(GuardError, match="1 image was edited in the project since the last run: a;"):
            diff(desired, snapshot, known, on_drift=OnDrift.STOP)
    else:
        assert lines(diff(desired, snapshot, known, on_drift=OnDrift.STOP)) == by_manifest


def test_a_label_that_somebody_took_off_is_an_edit_too() -> None:
    desired = make_labels([("a", "x"), ("a", "y")])
    snapshot = make_snapshot({"id-a": [("x",)]}, MULTILABEL, ["x", "y"])

    plan = diff(desired, snapshot, left("x", "y"))

    assert lines(plan) == ["add y to a"]
    assert (plan.drifted, plan.unchanged) == (1, 0)
    assert diff(desired, snapshot, left("x", "y"), on_drift=OnDrift.PROJECT).is_empty
    with pytest.raises(GuardError, match="--on-drift"):
        diff(desired, snapshot, left("x", "y"), on_drift=OnDrift.STOP)


def test_a_deleted_image_is_an_edit_too() -> None:
    desired, gone = make_labels([("a", "x")]), make_snapshot({}, MULTILABEL, ["x"])

    assert lines(diff(desired, gone, left("x"))) == ["create image a with x"]
    assert diff(desired, gone, left("x"), on_drift=OnDrift.PROJECT).is_empty
    with pytest.raises(GuardError, match="--on-drift"):
        diff(desired, gone, left("x"), on_drift=OnDrift.STOP)


def test_images_that_were_edited_and_images_that_were_deleted_are_counted_together() -> None:
    edited = left("x").table
    deleted = pa.table([["b"], ["id-b"], [None], [None]], schema=SCHEMA)
    snapshot = make_snapshot({"id-a": [("x",), ("y",)]}, MULTILABEL)

    plan = diff(
        make_labels([("a", "x"), ("b", "x")]), snapshot, KnownImages(pa.concat_tables([edited, deleted]))
    )

    assert plan.drifted == 2


def test_what_a_request_without_an_answer_may_have_done_is_no_edit() -> None:
    desired = make_labels([("a", "x"), ("a", "y")])
    known = left("x", "y", unsettled=frozenset({"id-a"}))
    snapshot = make_snapshot({"id-a": [("x",)]}, MULTILABEL, ["x", "y"])

    plan = diff(desired, snapshot, known, on_drift=OnDrift.STOP)

    assert lines(plan) == ["add y to a"]
    assert diff(desired, make_snapshot({}, MULTILABEL), known, on_drift=OnDrift.STOP).drifted == 0


@pytest.mark.parametrize("on_drift", OnDrift)
def test_the_ledger_learns_what_it_did_not_know_and_nothing_twice(on_drift: OnDrift) -> None:
    desired = make_labels([("a", "x")])
    snapshot = make_snapshot({"id-a": [("x",)]}, MULTILABEL)

    plan = diff(desired, snapshot, KnownImages.of({"a": "id-a"}), on_drift=on_drift)

    assert plan.learned.to_pylist() == [
        {
            "key": "a",
            "image_id": "id-a",
            "fingerprint": fingerprints_of([[("id-x", None)]])[0],
            "version": None,
        }
    ]
    assert diff(desired, snapshot, KnownImages(plan.learned)).learned.num_rows == 0


def test_an_edit_that_stays_is_seen_again_next_time() -> None:
    desired = make_labels([("a", "x")])
    snapshot = make_snapshot({"id-a": [("x",), ("y",)]}, MULTILABEL)

    kept = diff(desired, snapshot, left("x"), on_drift=OnDrift.PROJECT)
    out_of_scope = diff(desired, snapshot, left("x"), scope=TagScope.of(only=["x"]))

    assert kept.is_empty
    assert out_of_scope.is_empty
    assert kept.learned.num_rows == out_of_scope.learned.num_rows == 0
