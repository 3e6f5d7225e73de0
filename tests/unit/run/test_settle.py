"""Images that were there already, compared with what their keys want."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from plans import box, create

from cvsync.model import Image, ImageTag, ProjectType, Region
from cvsync.plan.actions import Label, Origin
from cvsync.run.settings import Adopt
from cvsync.run.settle import Duplicate, Settled, settle

MULTICLASS, MULTILABEL, DETECTION = ProjectType.MULTICLASS, ProjectType.MULTILABEL, ProjectType.DETECTION
Wanted = Mapping[str, Sequence[Label]]


def image(*labels: Label) -> Image:
    """An image with these labels; the id of a tag is its name, that of a region its number.

    The service lists regions in any order.
    """
    regions = [
        Region(label.tag, *label.box, region_id=f"r{n}") for n, label in enumerate(labels) if label.box
    ]
    tags = dict.fromkeys(label.tag for label in labels)
    return Image("id", tags=tuple(ImageTag(tag) for tag in tags), regions=tuple(regions[::-1]))


def settled(
    type_: ProjectType,
    present: Sequence[Label],
    wanted: Wanted,
    *,
    adopt: Adopt = Adopt.ADD,
    sent: bool = False,
    is_ours: bool = False,
) -> Settled:
    """Compare; ``sent`` tells whether the labels went along with the duplicates."""
    duplicates = [
        Duplicate(create(key, *labels), "id", tuple(labels) if sent else (), is_ours)
        for key, labels in wanted.items()
    ]
    return settle(type_, image(*present), duplicates, {}, adopt)


def lines(found: Settled) -> list[str]:
    """What is to be done, and what cannot be."""
    return [
        *map(str, (*found.add, *found.remove)),
        *(f"{code} {action.key}" for action, code, _ in found.conflicts),
    ]


A, B = box("fork", 0.1), box("fork", 0.3)
X, Y, Z = Label("x"), Label("y"), Label("z")


@pytest.mark.parametrize(
    ("type_", "present", "wanted", "added", "replaced"),
    [
        (MULTILABEL, [X], {"a": [X]}, [], []),
        (MULTILABEL, [X], {"a": [Label("X")]}, [], []),  # in another spelling
        (MULTILABEL, [], {"a": [X]}, ["add x to a"], ["add x to a"]),
        (MULTILABEL, [X], {"a": []}, [], ["remove x from a"]),
        (MULTILABEL, [X], {"a": [X, Y]}, ["add y to a"], ["add y to a"]),
        (MULTILABEL, [X], {"a": [Y]}, ["add y to a"], ["add y to a", "remove x from a"]),
        (MULTILABEL, [Z], {"a": [X], "b": [X, Y]}, ["add x to a", "add y to b"],
         ["add x to a", "add y to b", "remove z from a"]),
        (MULTICLASS, [], {"a": [X]}, ["add x to a"], ["add x to a"]),
        (MULTICLASS, [X], {"a": [X]}, [], []),
        (MULTICLASS, [X], {"a": []}, [], ["remove x from a"]),
        (MULTICLASS, [X], {"a": [Y]}, ["E120 a"], ["add y to a", "remove x from a"]),
        (MULTICLASS, [], {"a": [X], "b": [Y]}, ["add x to a", "E120 b"], ["add x to a", "E120 b"]),
        (DETECTION, [A], {"a": [A]}, [], []),
        (DETECTION, [A], {"a": [box("fork", 0.1 + 1e-6)]}, [], []),  # noise is no other box
        (DETECTION, [A], {"a": [B]}, [f"add {B} to a"], [f"add {B} to a", f"remove {A} from a"]),
        (DETECTION, [A], {"a": [A, A]}, [], []),  # the service adds none that is there
        (DETECTION, [A, A], {"a": [A]}, [], [f"remove {A} from a"]),  # nobody knows whose the second is
    ],
)  # fmt: skip
def test_an_image_gets_what_its_keys_want(
    type_: ProjectType, present: list[Label], wanted: Wanted, added: list[str], replaced: list[str]
) -> None:
    assert lines(settled(type_, present, wanted)) == added
    assert lines(settled(type_, present, wanted, adopt=Adopt.REPLACE)) == replaced


@pytest.mark.parametrize(
    ("present", "wanted", "removed"),
    [
        ([A, A], {"a": [A]}, [f"remove {A} from a"]),
        ([A, A], {"a": [A, A]}, []),
        ([A, A], {"a": [A], "b": [A, A]}, []),  # of twins the one that wants most counts
        ([A, A, A, B], {"a": [A], "b": [A]}, [f"remove {A}, {A} from a"]),
        ([B, B, A], {"a": [A]}, []),  # of another's boxes none goes
    ],
)
def test_boxes_that_the_service_merged_in_once_more_go(
    present: list[Label], wanted: Wanted, removed: list[str]
) -> None:
    assert lines(settled(DETECTION, present, wanted, sent=True)) == removed


def test_of_boxes_that_are_alike_the_later_ones_go() -> None:
    (removal,) = settled(DETECTION, [A, B, A], {"a": [A]}, sent=True).remove

    assert (removal.image_id, removal.region_ids) == ("id", ("r2",))


@pytest.mark.parametrize(
    ("wanted", "is_ours", "keeps"),
    [([X], False, False), ([Y], False, True), ([Y], True, False)],
)
def test_labels_of_others_that_stay_are_told(wanted: list[Label], is_ours: bool, keeps: bool) -> None:
    found = settled(MULTILABEL, [X], {"a": wanted}, is_ours=is_ours)

    assert [box for _, box in found.kept] == [None] * keeps


def test_an_image_that_this_run_made_loses_nothing() -> None:
    found = settled(MULTILABEL, [X], {"a": [Y]}, adopt=Adopt.REPLACE, is_ours=True)

    assert lines(found) == ["add y to a"]


def test_what_is_added_keeps_the_row_of_its_label() -> None:
    action = create("a", X, Y, Z, origins=tuple(Origin("m.csv", row) for row in (1, 2, 3)))

    (addition,) = settle(MULTILABEL, image(Y), [Duplicate(action, "id", ())], {}).add

    assert addition.labels == (X, Z)
    assert [origin.row for origin in addition.origins] == [1, 3]
