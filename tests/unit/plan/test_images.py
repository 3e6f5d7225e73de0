"""New images as columns say what they say as actions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_labels, make_snapshot
from plans import labels_of

from cvsync.known import KnownImages
from cvsync.model import ProjectType
from cvsync.plan import Kind, diff
from cvsync.plan.actions import Action
from cvsync.plan.images import Images
from cvsync.plan.unrolled import as_actions, as_images
from cvsync.run.sums import fingerprints

SIDES = st.sampled_from([0.1, 0.2, 0.25, 0.3])
TAGS = [f"tag {n}" for n in range(25)]
BOXED = st.tuples(st.sampled_from(TAGS), SIDES, SIDES, SIDES, SIDES)
IMAGES = st.dictionaries(
    st.integers(0, 99).map(lambda n: f"https://x/{n}"), st.lists(BOXED, max_size=30, unique=True), max_size=20
)
IDS = {tag: f"id of {tag}" for tag in TAGS}


def planned(images: dict[str, list[Any]]) -> Any:
    labels = [(key, *label) for key, labels in images.items() for label in labels or [(None,)]]
    empty = make_snapshot({}, ProjectType.DETECTION)
    return diff(make_labels(labels), empty, KnownImages.of({}))


def all_labels(action: Action) -> list[Any]:
    kept = [*dict.fromkeys(label.tag for label in action.labels)][:20]
    return [(IDS[label.tag], label.box) for label in action.labels if label.tag in kept]


@given(images=IMAGES, step=st.integers(1, 40))
def test_images_are_the_actions_of_the_plan(images: dict[str, list[Any]], step: int) -> None:
    plan = planned(images)
    actions = [*plan.actions(Kind.CREATE_IMAGE)]

    pieces = [*as_images(plan.table, IDS, step=step)] if actions else []

    assert [action for piece in pieces for action in piece] == actions
    assert [key for piece in pieces for key in piece.keys] == [action.key for action in actions]
    assert [url for piece in pieces for url in piece.names] == [action.url for action in actions]
    for piece in pieces:
        labels = piece.labels(IDS)
        assert [labels_of(labels, n) for n in range(len(piece))] == [all_labels(action) for action in piece]
        assert piece.sizes == [labels.count(n) for n in range(len(piece))]
        assert piece.fingerprints in (None, fingerprints(labels))


@given(images=IMAGES, cuts=st.lists(st.integers(0, 20), max_size=4))
def test_cutting_and_joining_changes_nothing(images: dict[str, list[Any]], cuts: list[int]) -> None:
    whole = [*planned(images).images(Kind.CREATE_IMAGE, IDS)]
    places = [0, *sorted(cuts), None]
    parts = [part for piece in whole for a, b in pairwise(places) if (part := piece[a:b])]
    if not parts:
        return

    joined = Images.joined(parts)

    assert [*joined] == [action for piece in whole for action in piece]
    assert joined.keys == [key for piece in whole for key in piece.keys]
    expected = [(piece.labels(IDS), n) for piece in whole for n in range(len(piece))]
    sent = joined.labels(IDS)
    assert [labels_of(sent, n) for n in range(len(joined))] == [labels_of(all_, n) for all_, n in expected]
    assert joined.fingerprints in (None, fingerprints(joined.labels(IDS)))


def test_fingerprints_are_known_where_all_labels_ride_along() -> None:
    plan = planned(
        {"https://x/1": [("tag 1", 0.1, 0.1, 0.2, 0.2)], "https://x/2": [("tag 2", 0.1, 0.1, 0.2, 0.2)]}
    )

    (images,) = plan.images(Kind.CREATE_IMAGE, IDS)

    assert images.fingerprints == fingerprints(images.labels(IDS))
    assert images.fingerprints is not None


def test_a_plan_without_new_images_has_none() -> None:
    assert [*planned({}).images(Kind.CREATE_IMAGE, IDS)] == []


def test_an_image_past_the_end_is_none() -> None:
    (images,) = planned({"https://x/1": [("tag 1", 0.1, 0.1, 0.2, 0.2)]}).images(Kind.CREATE_IMAGE, IDS)

    with pytest.raises(IndexError):
        images[1]


@pytest.mark.parametrize("index", [pa.uint8(), pa.int32()])
def test_tags_are_the_same_however_a_table_numbers_them(index: pa.DataType) -> None:
    table = planned({"https://x/1": [("tag 1", 0.1, 0.1, 0.2, 0.2)], "https://x/2": []}).table
    tags = pa.chunked_array([column.cast(pa.string()) for column in table.column("tag").chunks])
    numbered = tags.cast(pa.dictionary(index, pa.string()))
    at = table.column_names.index("tag")

    actions = [*as_actions(table.set_column(at, "tag", numbered))]

    assert [[label.tag for label in action.labels] for action in actions] == [["tag 1"], []]
