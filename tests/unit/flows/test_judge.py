"""Whether a model is good enough."""

from __future__ import annotations

import pytest

from cvsync.errors import SettingsError
from cvsync.flows.judge import Gate, Least, Measure, judge
from cvsync.predictions import IterationPerformance, TagPerformance

P, R, AP = Measure.PRECISION, Measure.RECALL, Measure.AP


def performance(
    precision: float | None = 0.8, recall: float | None = 0.6, ap: float | None = 0.7
) -> IterationPerformance:
    tags = (
        TagPerformance("1", "Fork", precision=0.9, recall=0.5, average_precision=ap),
        TagPerformance("2", "spoon", precision=0.7, recall=0.7, average_precision=ap),
    )
    return IterationPerformance(
        precision=precision, recall=recall, average_precision=ap, per_tag_performance=tags
    )


@pytest.mark.parametrize(
    ("least", "failures"),
    [
        (Least(P, 0.8), ()),
        (Least(P, 0.81), ("precision is 0.8000, below 0.81",)),
        (Least(R, 0.5, "fork"), ()),
        (Least(R, 0.6, "FORK "), ("recall of FORK  is 0.5000, below 0.6",)),
        (Least(AP, 0.71), ("ap is 0.7000, below 0.71",)),
        (Least(AP, 0.1, "knife"), ("the model does not know the tag knife",)),
    ],
)
def test_limits_hold_for_the_model_or_one_tag(least: Least, failures: tuple[str, ...]) -> None:
    assert judge("Iteration 1", performance(), Gate(least=(least,))).failures == failures


def test_all_that_is_wrong_is_told_at_once() -> None:
    gate = Gate(least=(Least(P, 1.0), Least(R, 1.0), Least(P, 0.1)))

    assert len(judge("Iteration 1", performance(), gate).failures) == 2


def test_measure_that_the_service_does_not_tell_fails_its_limit() -> None:
    gate = Gate(least=(Least(AP, 0.1),))

    assert judge("Iteration 1", performance(ap=None), gate).failures == ("ap is not told by the service",)


@pytest.mark.parametrize(
    ("before", "tolerance", "failures"),
    [
        (performance(), 0.0, ()),
        (performance(precision=0.7, recall=0.5), 0.0, ()),
        (performance(recall=0.65), 0.0, ("recall is 0.6000, and 0.6500 in Iteration 1",)),
        (performance(recall=0.65), 0.06, ()),
        (performance(ap=None), 0.0, ()),
    ],
)
def test_model_is_compared_with_the_one_in_service(
    before: IterationPerformance, tolerance: float, failures: tuple[str, ...]
) -> None:
    gate = Gate(no_worse_than_published=True, tolerance=tolerance)

    found = judge("Iteration 2", performance(), gate, ("Iteration 1", before))

    assert found.failures == failures
    assert found.baseline == "Iteration 1"


@pytest.mark.parametrize("missing", ["precision", "recall", "ap"])
def test_measure_that_is_told_of_the_other_only_is_worse(missing: str) -> None:
    gate = Gate(no_worse_than_published=True)

    found = judge("Iteration 2", performance(**{missing: None}), gate, ("Iteration 1", performance()))
    turned = judge("Iteration 2", performance(), gate, ("Iteration 1", performance(**{missing: None})))

    assert [text.partition(",")[0] for text in found.failures] == [f"{missing} is not told by the service"]
    assert turned.failures == ()


def test_nothing_in_service_is_nothing_to_be_worse_than() -> None:
    assert judge("Iteration 1", performance(), Gate(no_worse_than_published=True)).failures == ()


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("0.7", Least(P, 0.7)), ("fork=0.7", Least(P, 0.7, "fork")), ("a=b=1", Least(P, 1.0, "a=b")),
        (" tea spoon =0", Least(P, 0.0, "tea spoon")),
    ],
)  # fmt: skip
def test_limits_are_read(text: str, least: Least) -> None:
    assert Least.parse(P, text) == least


@pytest.mark.parametrize("text", ["", "fork", "fork=", "1.1", "-0.1", "nan", "fork=70%", "inf"])
def test_what_is_no_fraction_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="--min-precision"):
        Least.parse(P, text)
