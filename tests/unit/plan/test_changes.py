"""Renames, versions, hints, twins, negative tags and scopes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from make import make_labels, make_snapshot

from cvsync.errors import PlanError
from cvsync.known import PULLED, SCHEMA, KnownImages
from cvsync.labels import Labels
from cvsync.limits import MAX_REGIONS_PER_IMAGE
from cvsync.model import ProjectType, Tag
from cvsync.plan import Kind, NewTag, Plan, Prune, diff
from cvsync.plan.scope import TagScope

MULTICLASS, MULTILABEL, DETECTION = ProjectType.MULTICLASS, ProjectType.MULTILABEL, ProjectType.DETECTION


def lines(plan: Plan) -> list[str]:
    return [str(action) for action in plan.actions()]


def with_column(labels: Labels, name: str, values: list[Any]) -> Labels:
    columns = {n: labels.table.column(n) for n in labels.table.column_names}
    return Labels.from_columns(columns | {name: pa.array(values)})


def known_version(version: str | None) -> KnownImages:
    return KnownImages(pa.table([["a"], ["id-a"], [None], [version]], schema=SCHEMA))


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("1", "2", ["replace image a with x"]),
        ("1", "1", []),
        (None, "1", []),  # nobody has told before
        ("1", None, []),  # nobody tells any more
    ],
)
def test_another_version_of_a_key_replaces_its_image(
    before: str | None, now: str | None, expected: list[str]
) -> None:
    desired = with_column(make_labels([("a", "x")]), "version", [now])
    snapshot = make_snapshot({"id-a": [("x",)]}, MULTICLASS)

    plan = diff(desired, snapshot, known_version(before), prune=Prune.DELETE)

    assert lines(plan) == expected
    assert plan.doomed == len(expected)


@pytest.mark.parametrize(("tags", "first"), [(20, ["0", "1", "2"]), (21, ["0", "21", "42"])])
def test_new_images_stand_in_their_order_unless_a_batch_cannot_hold_all_tags(
    tags: int, first: list[str]
) -> None:
    desired = make_labels([(f"{n}", f"tag {n % tags:02}") for n in range(63)])

    plan = diff(desired, make_snapshot({}, MULTICLASS), KnownImages(SCHEMA.empty_table()))

    assert [action.key for action in plan.actions(Kind.CREATE_IMAGE)][:3] == first


def test_a_version_told_for_the_first_time_is_learned() -> None:
    desired = with_column(make_labels([("a", "x")]), "version", ["7"])

    plan = diff(desired, make_snapshot({"id-a": [("x",)]}, MULTICLASS), known_version(None))

    assert plan.learned.column("version").to_pylist() == ["7"]


def test_what_a_replacement_left_over_is_deleted_whatever_prune_says() -> None:
    known = KnownImages(KnownImages.of({"a": "id-a"}).table, doomed=frozenset({"id-old"}))
    snapshot = make_snapshot({"id-a": [("x",)], "id-old": [("x",)]}, MULTICLASS)

    assert lines(diff(make_labels([("a", "x")]), snapshot, known)) == ["delete image id-old"]


def test_nothing_is_deleted_that_is_not_told_to_go() -> None:
    snapshot = make_snapshot({"id-a": [("x",)], "id-b": [("x",)], "id-c": [("x",)]}, MULTICLASS)

    plan = diff(make_labels([("b", "x")]), snapshot, KnownImages.of({"a": "id-a", "b": "id-b"}))

    assert plan.is_empty


def test_keys_that_the_ledger_does_not_know_are_counted() -> None:
    snapshot = make_snapshot({"id-a": [("x",)]}, MULTICLASS)

    plan = diff(make_labels([(key, "x") for key in "abc"]), snapshot, KnownImages.of({"a": "id-a"}))

    assert plan.unknown == 2


def test_an_image_that_gets_other_metadata_alone_is_changed() -> None:
    desired = with_column(
        make_labels([("a", "x"), ("b", "x"), ("c", "x")]), "metadata.shelf", ["1", "2", None]
    )
    snapshot = make_snapshot({f"id-{key}": [("x",)] for key in "abc"}, MULTICLASS)
    metadata = pa.array([[("shelf", "1")]] * 3, pa.map_(pa.string(), pa.string()))
    snapshot = replace(snapshot, images=snapshot.images.append_column("metadata", metadata))
    known = KnownImages.of({key: f"id-{key}" for key in "abc"})

    plan = diff(desired, snapshot, known, metadata=["shelf"])

    assert [(action.key, action.metadata) for action in plan.actions()] == [("b", (("shelf", "2"),))]
    assert plan.unchanged == 2


def test_a_hint_is_taken_only_if_the_project_has_that_image() -> None:
    desired = with_column(make_labels([("a", "x"), ("b", "x")]), "image_id", ["id-a", "foreign"])

    plan = diff(desired, make_snapshot({"id-a": [("x",)]}, MULTICLASS), KnownImages.empty())

    assert lines(plan) == ["create image b with x"]
    assert plan.learned.column("image_id").to_pylist() == ["id-a"]
    assert plan.unmanaged == 0


@pytest.mark.parametrize("other", ["image_id", "pulled"])
def test_what_the_ledger_knows_counts_before_any_hint(other: str) -> None:
    labels, known = make_labels([("a", "x"), ("new", "x")]), KnownImages.of({"a": "id-a"})
    if other == "pulled":
        known = replace(known, pulled=pa.table([["a"], ["id-b"]], schema=PULLED))
    else:
        labels = with_column(labels, "image_id", ["id-b", None])
    snapshot = make_snapshot({"id-a": [("y",)], "id-b": [("x",)]}, MULTILABEL)

    plan = diff(labels, snapshot, known)

    assert [(action.kind, action.image_id) for action in plan.actions()] == [
        (Kind.CREATE_IMAGE, None), (Kind.ADD_LABEL, "id-a"), (Kind.REMOVE_LABEL, "id-a"),
    ]  # fmt: skip
    assert plan.twins == 0


def test_a_renamed_tag_keeps_its_images() -> None:
    desired = make_labels([("a", "Gabel")])
    snapshot = make_snapshot({"id-a": [("fork",)]}, MULTICLASS)
    known = KnownImages.of({"a": "id-a"})

    plan = diff(desired, snapshot, known, renames={"FORK": "Gabel"})
    done = diff(desired, make_snapshot({"id-a": [("Gabel",)]}, MULTICLASS), known, renames={"fork": "Gabel"})

    assert lines(plan) == ["rename tag fork to Gabel"]
    assert done.is_empty


def test_a_rename_onto_another_tag_is_refused() -> None:
    snapshot = make_snapshot({}, MULTICLASS, ["fork", "Gabel"])

    with pytest.raises(PlanError, match="has both tags"):
        diff(make_labels([("a", "Gabel")]), snapshot, KnownImages.empty(), renames={"fork": "gabel"})


def test_tags_of_the_project_get_the_description_that_is_told() -> None:
    snapshot = make_snapshot({}, MULTICLASS, ["x", "y", "z"])
    snapshot = replace(snapshot, tags=[replace(tag, description="old") for tag in snapshot.tags])
    told = [NewTag("X", description="new"), NewTag("y", description="old"), NewTag("z")]
    added = NewTag("w", description="none before")

    plan = diff(make_labels([]), snapshot, KnownImages.empty(), tags=[*told, added])

    assert [str(rename) for rename in plan.renames] == ["x, described as 'new'"]
    assert plan.new_tags == (added,)


def test_new_tags_have_the_type_that_the_manifest_tells() -> None:
    desired = with_column(make_labels([("a", "nothing"), ("b", "x")]), "tag_type", ["Negative", None])

    plan = diff(desired, make_snapshot({}, MULTILABEL), KnownImages.empty())

    assert lines(plan)[:2] == ["create tag nothing (Negative)", "create tag x"]


def test_a_tag_of_another_type_is_refused() -> None:
    desired = with_column(make_labels([("a", "x")]), "tag_type", ["Negative"])
    snapshot = make_snapshot({}, MULTILABEL, ["x"])
    object.__setattr__(snapshot, "tags", [Tag("id-x", "x", type="Regular")])

    with pytest.raises(PlanError, match="tag x is Regular in the project and Negative in the manifest"):
        diff(desired, snapshot, KnownImages.empty())


@pytest.mark.parametrize(
    ("type_", "wanted", "kinds"),
    [
        (MULTICLASS, "y", [Kind.MAKE_ROOM, Kind.ADD_LABEL]),
        (MULTILABEL, "y", [Kind.ADD_LABEL, Kind.REMOVE_LABEL]),
        (MULTILABEL, "none", [Kind.CREATE_TAG, Kind.MAKE_ROOM, Kind.ADD_LABEL]),
    ],
)
def test_room_is_made_only_where_both_cannot_stand(
    type_: ProjectType, wanted: str, kinds: list[Kind]
) -> None:
    type_of = "Negative" if wanted == "none" else None
    desired = with_column(make_labels([("a", wanted)]), "tag_type", [type_of])

    plan = diff(desired, make_snapshot({"id-a": [("x",)]}, type_, ["y"]), KnownImages.of({"a": "id-a"}))

    assert [action.kind for action in plan.actions()] == kinds


@pytest.mark.parametrize(
    ("boxes", "kinds"),
    [
        (MAX_REGIONS_PER_IMAGE, [Kind.MAKE_ROOM, Kind.ADD_LABEL]),
        (MAX_REGIONS_PER_IMAGE - 1, [Kind.ADD_LABEL, Kind.REMOVE_LABEL]),
    ],
)
def test_an_image_at_its_limit_makes_room_first(boxes: int, kinds: list[Kind]) -> None:
    full = [("x", 0.1, 0.1, 0.2, n / 1000) for n in range(1, boxes + 1)]
    wanted = [("x", 0.5, 0.1, 0.2, 0.3), *full[1:]]

    plan = diff(
        make_labels([("a", *label) for label in wanted]),
        make_snapshot({"id-a": full}, DETECTION),
        KnownImages.of({"a": "id-a"}),
    )

    assert [action.kind for action in plan.actions()] == kinds


def test_twins_that_contradict_each_other_are_told() -> None:
    known = KnownImages.of({"a": "id-a", "b": "id-a"})
    snapshot = make_snapshot({"id-a": [("x",)]}, MULTICLASS)

    plan = diff(make_labels([("a", "x"), ("b", "y")]), snapshot, known)

    assert plan.is_empty
    assert [(c.key, c.row, c.code) for c in plan.conflicts] == [("b", 2, "E121")]


def test_of_twins_that_contradict_each_other_the_one_that_says_what_is_there_counts() -> None:
    known = KnownImages.of({"a": "id-a", "b": "id-a"})
    snapshot = make_snapshot({"id-a": [("y",)]}, MULTICLASS, ["x"])

    plan = diff(make_labels([("a", "x"), ("b", "y")]), snapshot, known)

    assert plan.is_empty
    assert [(c.key, c.row) for c in plan.conflicts] == [("a", 1)]


def test_twins_unite_and_a_box_that_stands_twice_in_one_key_stays_twice() -> None:
    box = (0.1, 0.1, 0.2, 0.2)
    images = {"id-a": [("x", *box)], "id-c": [("x", *box), ("x", *box)]}
    known = KnownImages.of({"a": "id-a", "b": "id-a", "c": "id-c"})
    desired = make_labels([(key, "x", *box) for key in "abcc"])

    plan = diff(desired, make_snapshot(images, DETECTION), known)

    assert plan.is_empty
    assert plan.twins == 1


def test_twins_without_labels_are_no_trouble() -> None:
    known = KnownImages.of({"a": "id-a", "b": "id-a"})

    assert diff(
        make_labels([("a", None), ("b", None)]), make_snapshot({"id-a": []}, MULTICLASS), known
    ).is_empty


def test_other_tags_are_left_alone() -> None:
    desired = make_labels([("a", "x"), ("a", "z"), ("b", "y"), ("c", "x")])
    snapshot = make_snapshot({"id-a": [("y",)]}, MULTILABEL, ["y"])
    known = KnownImages.of({"a": "id-a"})

    only = diff(desired, snapshot, known, scope=TagScope.of(only=["X"]))
    exclude = diff(desired, snapshot, known, scope=TagScope.of(exclude=["x", "z"]))

    assert lines(only) == ["create tag x", "create image c with x", "add x to a"]
    assert lines(exclude) == ["create image b with y", "remove y from a"]


@pytest.mark.parametrize(
    ("scope", "changes"),
    [
        ({"only": ["new"]}, ["add new [0.5 0.1 0.2 0.2] to a", "remove new [0.1 0.1 0.2 0.2] from a"]),
        ({"exclude": ["new"]}, []),
    ],
)
def test_a_scope_counts_tags_by_their_new_names(scope: dict[str, list[str]], changes: list[str]) -> None:
    """Else the labels of a renamed tag would be there twice, or stay where they are wrong."""
    box = (0.1, 0.1, 0.2, 0.2)
    desired = make_labels([("a", "new", 0.5, *box[1:]), ("b", "new", *box)])
    snapshot = make_snapshot({"id-a": [("old", *box)], "id-b": [("old", *box)]}, DETECTION)
    known = KnownImages.of({"a": "id-a", "b": "id-b"})

    plan = diff(desired, snapshot, known, scope=TagScope.of(**scope), renames={"old": "new"})

    assert lines(plan) == ["rename tag old to new", *changes]


def test_tags_of_a_scope_that_neither_side_has_are_named() -> None:
    desired = make_labels([("a", "x")])
    snapshot = make_snapshot({"id-a": [("y",)]}, MULTILABEL, ["y"])

    assert TagScope.of(only=["X", "Z"], exclude=["y", "b"]).unknown(desired, snapshot) == ["b", "z"]
    assert TagScope().unknown(desired, snapshot) == []


def test_unmanaged_images_go_only_if_asked() -> None:
    snapshot = make_snapshot({"id-a": [("x",)], "id-b": [("x",)]}, MULTICLASS)
    desired, known = make_labels([("a", "x")]), KnownImages.of({"a": "id-a"})

    assert diff(desired, snapshot, known, prune=Prune.DELETE).is_empty
    assert lines(diff(desired, snapshot, known, prune=Prune.DELETE_ALL)) == ["delete image id-b"]
