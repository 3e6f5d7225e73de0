"""Scores: laws that hold for any predictions, a reference, and a case counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from cvsync.scores import Said, Score, Truth, average_precision, match, overlaps, score

TAGS = 3
Rows = list[tuple[Any, ...]]
PROBABILITY = st.sampled_from([0.0, 0.1, 0.5, 0.5000001, 0.9, 1.0]) | st.floats(0, 1)
SIDE = st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5])
BOX = st.tuples(SIDE, SIDE, SIDE.filter(bool), SIDE.filter(bool))
PLACE = st.tuples(st.integers(0, 3), st.integers(0, TAGS - 1))


def truth_of(rows: Rows) -> Truth:
    image, tag, *box = zip(*rows, strict=True) if rows else ((), (), ())
    boxes = np.array(box[0], float).reshape(-1, 4) if box else None
    return Truth(np.array(image, int), np.array(tag, int), boxes)


def said_of(rows: Rows) -> Said:
    image, tag, probability, *box = zip(*rows, strict=True) if rows else ((), (), (), ())
    boxes = np.array(box[0], float).reshape(-1, 4) if box else None
    return Said(np.array(image, int), np.array(tag, int), np.array(probability, float), boxes)


def scores_of(truth: Rows, said: Rows, threshold: float = 0.5) -> tuple[list[Score], Score]:
    labels, predictions = truth_of(truth), said_of(said)
    return score(labels, predictions, match(labels, predictions), tags=TAGS, threshold=threshold)


@st.composite
def detections(draw: st.DrawFn) -> tuple[Rows, Rows]:
    truth = [(*place, box) for place, box in draw(st.lists(st.tuples(PLACE, BOX), max_size=8))]
    said = draw(st.lists(st.tuples(PLACE, PROBABILITY, BOX), max_size=12))
    near = draw(st.lists(st.tuples(st.sampled_from(truth), PROBABILITY), max_size=6)) if truth else []
    return truth, [(*place, p, box) for place, p, box in said] + [(*row[:2], p, row[2]) for row, p in near]


@st.composite
def classifications(draw: st.DrawFn) -> tuple[Rows, Rows]:
    truth = draw(st.lists(PLACE, unique=True, max_size=8))
    said = draw(st.lists(st.tuples(PLACE, PROBABILITY), unique_by=lambda row: row[0], max_size=12))
    return truth, [(*place, p) for place, p in said]


@given(st.lists(st.tuples(PLACE, BOX), min_size=1, unique=True), PROBABILITY)
def test_what_says_just_the_labels_is_perfect(rows: list[tuple[Any, Any]], probability: float) -> None:
    truth = [(*place, box) for place, box in rows]

    scores, overall = scores_of(truth, [(*row[:2], probability, row[2]) for row in truth], probability)

    for one in [*(s for s in scores if s.labels), overall]:
        assert (one.precision, one.recall, one.average_precision) == pytest.approx((1, 1, 1))


@given(detections() | classifications(), st.randoms(use_true_random=False), PROBABILITY)
def test_no_order_counts(case: tuple[Rows, Rows], chance: Any, threshold: float) -> None:
    truth, said = case
    other_truth, other_said = chance.sample(truth, len(truth)), chance.sample(said, len(said))

    assert scores_of(truth, said, threshold) == scores_of(other_truth, other_said, threshold)


@given(detections() | classifications(), PROBABILITY)
def test_each_label_is_hit_at_most_once_by_its_own_tag(case: tuple[Rows, Rows], threshold: float) -> None:
    truth, said = case
    found = match(truth_of(truth), said_of(said))

    hits = [(n, row) for n, row in enumerate(found.tolist()) if row >= 0]
    assert len({row for _, row in hits}) == len(hits)
    assert all(said[n][:2] == truth[row][:2] for n, row in hits)
    for one in scores_of(truth, said, threshold)[0]:
        assert one.hits <= min(one.labels, one.predictions)
        assert one.average_precision is None or 0 <= one.average_precision <= 1 + 1e-9


@given(detections(), PROBABILITY)
def test_leaving_improbable_ones_out_changes_no_other(case: tuple[Rows, Rows], threshold: float) -> None:
    truth, said = case
    kept = [row for row in said if row[2] >= threshold]

    ours, theirs = scores_of(truth, said, threshold)[1], scores_of(truth, kept, threshold)[1]

    assert (ours.hits, ours.predictions, ours.labels) == (theirs.hits, theirs.predictions, theirs.labels)


@given(
    st.lists(st.tuples(PROBABILITY, st.booleans()), min_size=1, max_size=40).filter(
        lambda r: any(h for _, h in r)
    )
)
def test_average_precision_is_that_of_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    probability, is_hit = np.array([p for p, _ in rows]), np.array([h for _, h in rows])

    ours = average_precision(probability, is_hit, int(is_hit.sum()))

    assert ours == pytest.approx(average_precision_score(is_hit, probability))


def test_detection_counted_by_hand() -> None:
    """Two boxes of tag 0 in image 0, one in image 1; a tag that nobody predicts, and one without labels."""
    truth: Rows = [
        (0, 0, (0.0, 0.0, 0.4, 0.4)), (0, 0, (0.5, 0.5, 0.4, 0.4)), (1, 0, (0.1, 0.1, 0.2, 0.2)),
        (1, 1, (0.5, 0.1, 0.2, 0.2)),
    ]  # fmt: skip
    said: Rows = [
        (0, 0, 0.9, (0.0, 0.0, 0.4, 0.2)),  # half of the first box: overlap 0.5, a hit
        (0, 0, 0.8, (0.0, 0.0, 0.4, 0.4)),  # all of it, but it is taken: wrong
        (1, 0, 0.7, (0.1, 0.1, 0.2, 0.2)),  # a hit
        (0, 0, 0.4, (0.5, 0.5, 0.4, 0.4)),  # a hit below the threshold
        (1, 2, 0.6, (0.5, 0.1, 0.2, 0.2)),  # the right place, the wrong tag
    ]

    (first, second, third), overall = scores_of(truth, said)

    assert (first.labels, first.predictions, first.hits) == (3, 3, 2)
    assert (first.precision, first.recall) == pytest.approx((2 / 3, 2 / 3))
    # Recall rises by a third at the first, the third and the fourth prediction.
    assert first.average_precision == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 3)
    assert (second.precision, second.recall, second.average_precision) == (None, 0, 0)
    assert (third.precision, third.recall, third.average_precision) == (0, None, None)
    assert (overall.precision, overall.recall) == pytest.approx((2 / 4, 2 / 4))
    assert overall.average_precision == pytest.approx((first.average_precision + 0) / 2)


def test_overlap_decides_what_is_a_hit() -> None:
    truth, said = truth_of([(0, 0, (0.0, 0.0, 0.4, 0.4))]), said_of([(0, 0, 1.0, (0.0, 0.0, 0.4, 0.2))])

    assert overlaps(said.box, truth.box).tolist() == [[pytest.approx(0.5)]]  # type: ignore[arg-type]
    assert match(truth, said, overlap=0.5).tolist() == [0]
    assert match(truth, said, overlap=0.51).tolist() == [-1]


def test_nothing_has_no_scores() -> None:
    scores, overall = scores_of([], [])

    assert {(s.precision, s.recall, s.average_precision) for s in [*scores, overall]} == {(None, None, None)}


def test_label_of_a_classifier_is_hit_once_by_the_most_probable() -> None:
    said = said_of([(0, 0, 0.6), (0, 0, 0.9), (0, 0, 0.7)])

    assert match(truth_of([(0, 0)]), said).tolist() == [-1, 0, -1]
