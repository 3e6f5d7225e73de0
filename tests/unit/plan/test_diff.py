from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from make import make_labels, make_snapshot

from cvsync.known import PULLED, SCHEMA, KnownImages
from cvsync.labels import Labels, fold
from cvsync.model import ProjectType
from cvsync.plan import Kind, Plan, Prune, diff

TAGS = st.sampled_from(["fork", "Spoon", "knife ✓"])
SIDES = st.sampled_from([0.0, 0.1, 0.145833328, 0.25, 0.5])
LABEL = st.tuples(TAGS, SIDES, SIDES, st.just(0.25), st.just(0.5))
PROJECT = st.dictionaries(st.sampled_from("abcdef"), st.lists(LABEL, max_size=4), max_size=6)


def side(images: dict[str, list[Any]]) -> list[Any]:
    return [(key, *label) for key, labels in images.items() for label in labels or [(None,)]]


def applied(plan: Plan, images: dict[str, list[Any]]) -> dict[str, Counter[Any]]:
    """What a project holds after a plan, by key; image ids are the keys with `id-` before."""
    state = {key: Counter(map(rounded, labels)) for key, labels in images.items()}
    for action in plan.actions():
        key = action.key or (action.image_id or "").removeprefix("id-")
        labels = Counter(rounded((label.tag, *(label.box or ()))) for label in action.labels)
        match action.kind:
            case Kind.CREATE_IMAGE:
                assert key not in state
                state[key] = labels
            case Kind.ADD_LABEL:
                state[key] += labels
            case Kind.REMOVE_LABEL:
                assert not labels - state[key]
                state[key] -= labels
            case Kind.DELETE_IMAGE:
                del state[key]
    return state


def rounded(label: tuple[Any, ...]) -> tuple[Any, ...]:
    return (fold(label[0]), *(round(v, 6) for v in label[1:]))


def held_then(wanted: list[Any], present: list[Any]) -> Counter[Any]:
    """What an image holds of wanted labels: of one that it had it gets no second."""
    ours, theirs = (Counter(map(rounded, labels)) for labels in (wanted, present))
    return Counter({n: min(count, theirs[n]) if n in theirs else count for n, count in ours.items()})


@given(wanted=PROJECT, present=PROJECT)
def test_applying_a_diff_gives_what_was_wanted(wanted: Any, present: Any) -> None:
    snapshot = make_snapshot({f"id-{k}": v for k, v in present.items()}, ProjectType.DETECTION)
    known = KnownImages.of({key: f"id-{key}" for key in present})

    plan = diff(make_labels(side(wanted)), snapshot, known, prune=Prune.DELETE)

    assert applied(plan, present) == {k: held_then(v, present.get(k, [])) for k, v in wanted.items()}


@given(wanted=PROJECT, present=PROJECT)
def test_counts_are_those_of_the_actions(wanted: Any, present: Any) -> None:
    snapshot = make_snapshot({f"id-{k}": v for k, v in present.items()}, ProjectType.DETECTION)
    known = KnownImages.of({key: f"id-{key}" for key in present})

    plan = diff(make_labels(side(wanted)), snapshot, known, prune=Prune.DELETE)

    assert plan.counts == {kind: len([*plan.actions(kind)]) for kind in Kind}


def test_a_deletion_counts_right_after_a_creation() -> None:
    """The number of the new key and the position of the doomed image are both 0."""
    snapshot = make_snapshot({"id-old": [("a",)], "id-b": [("a",)]}, ProjectType.MULTICLASS)
    known = KnownImages.of({"old": "id-old", "b": "id-b"})

    plan = diff(make_labels([("new", "a"), ("b", "a")]), snapshot, known, prune=Prune.DELETE)

    assert [action.image_id for action in plan.actions(Kind.DELETE_IMAGE)] == ["id-old"]
    assert plan.counts[Kind.DELETE_IMAGE] == plan.doomed == 1


@given(images=PROJECT)
def test_diff_of_equals_is_empty(images: Any) -> None:
    snapshot = make_snapshot({f"id-{k}": v for k, v in images.items()}, ProjectType.DETECTION)
    known = KnownImages.of({key: f"id-{key}" for key in images})

    plan = diff(make_labels(side(images)), snapshot, known, prune=Prune.DELETE)

    assert plan.is_empty
    assert plan.unchanged == len(images)


@given(noise=st.floats(-9e-6, 9e-6), move=st.sampled_from([-1e-3, 1e-3]))
def test_noise_is_no_change_and_a_move_always_is(noise: float, move: float) -> None:
    snapshot = make_snapshot({"id-a": [("fork", 0.3, 0.3, 0.2, 0.2)]}, ProjectType.DETECTION)
    known = KnownImages.of({"a": "id-a"})

    still = diff(make_labels([("a", "fork", 0.3 + noise, 0.3, 0.2, 0.2)]), snapshot, known)
    moved = diff(make_labels([("a", "fork", 0.3 + move, 0.3, 0.2, 0.2)]), snapshot, known)

    assert still.is_empty
    assert [a.kind for a in moved.actions()] == [Kind.ADD_LABEL, Kind.REMOVE_LABEL]


def test_images_that_no_key_is_known_to_be_are_never_deleted() -> None:
    snapshot = make_snapshot({"id-a": [("x",)], "id-b": [("x",)]}, ProjectType.MULTICLASS)

    plan = diff(make_labels([("c", "x")]), snapshot, KnownImages.of({"a": "id-a"}), prune=Prune.DELETE)

    assert [a.image_id for a in plan.actions(Kind.DELETE_IMAGE)] == ["id-a"]
    assert plan.unmanaged == 1
    assert plan.creates_bare


def test_image_of_two_keys_stays_while_one_names_it() -> None:
    snapshot = make_snapshot({"id-a": [("x",)]}, ProjectType.MULTICLASS)
    known = KnownImages.of({"a": "id-a", "twin": "id-a"})

    plan = diff(make_labels([("twin", "x")]), snapshot, known, prune=Prune.DELETE)

    assert plan.is_empty


def test_incomplete_image_keeps_what_it_has() -> None:
    snapshot = make_snapshot({"id-a": [("x",), ("y",)]}, ProjectType.MULTILABEL)

    plan = diff(
        make_labels([("a", "x")]),
        snapshot,
        KnownImages.of({"a": "id-a"}),
        prune=Prune.DELETE,
        incomplete={"a"},
    )

    assert plan.is_empty


def test_incomplete_image_that_only_a_pull_or_a_hint_tells_keeps_what_it_has() -> None:
    snapshot = make_snapshot({"id-a": [("x",), ("y",)]}, ProjectType.MULTILABEL)
    pulled = pa.table([["a"], ["id-a"]], schema=PULLED)
    hinted = make_labels([("a", "x")]).table.append_column("image_id", pa.array(["id-a"]))

    for labels, known in (
        (make_labels([("a", "x")]), KnownImages(SCHEMA.empty_table(), pulled=pulled)),
        (Labels(hinted), KnownImages.empty()),
    ):
        assert diff(labels, snapshot, known, incomplete={"a"}).is_empty


def test_what_comes_to_an_incomplete_image_takes_its_place_only_where_its_row_is_mended() -> None:
    snapshot = make_snapshot({"id-a": [("x",)]}, ProjectType.MULTICLASS)
    sides = make_labels([("a", "y")]), snapshot, KnownImages.of({"a": "id-a"})

    mended = diff(*sides, incomplete={"a"}, mended=True)
    plan = diff(*sides, incomplete={"a"})

    assert [*map(str, mended.actions())] == ["create tag y", "remove x from a", "add y to a"]
    assert plan.is_empty
    assert [(c.row, c.code) for c in plan.conflicts] == [(1, "E122")]


def test_tags_match_without_case_and_keep_the_project_s_spelling() -> None:
    snapshot = make_snapshot({}, ProjectType.MULTICLASS, ["Fork"])

    plan = diff(make_labels([("a", "fork"), ("b", "Löffel")]), snapshot, KnownImages.empty())

    assert [tag.name for tag in plan.new_tags] == ["Löffel"]
