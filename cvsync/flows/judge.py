"""Whether a model is good enough: limits, and a comparison with the one in service. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cvsync.api.versions import CLASSIFIER_AP_SINCE, is_at_least
from cvsync.errors import SettingsError, UnsupportedError
from cvsync.labels import fold
from cvsync.model import ProjectType
from cvsync.predictions import IterationPerformance, TagPerformance

Performance = IterationPerformance | TagPerformance


class Measure(StrEnum):
    """What the service measures on images that a training did not see; each is a fraction of 1."""

    PRECISION = "precision"
    RECALL = "recall"
    AP = "ap"  # average precision; not told of classifications before v3.0

    def of(self, score: Performance) -> float | None:
        """Read it; None: the service does not tell it."""
        value: float | None = getattr(score, "average_precision" if self is Measure.AP else self.value)
        return value


@dataclass(frozen=True, slots=True)
class Least:
    """A limit that a measure may not fall below."""

    measure: Measure
    value: float
    tag: str | None = None
    """None: of the model as a whole."""

    @classmethod
    def parse(cls, measure: Measure, text: str) -> Least:
        """Read ``0.7`` or ``TAG=0.7``.

        Raises:
            SettingsError: It is no fraction.
        """
        tag, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise SettingsError(f"--min-{measure} {text!r}: write 0.7 or TAG=0.7, from 0 to 1")
        return cls(measure, value, tag.strip() or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a model must be like to be published and exported."""

    least: tuple[Least, ...] = ()
    no_worse_than_published: bool = False
    """Of the model as a whole, by each measure."""
    tolerance: float = 0.0
    """How much worse it may be all the same: each training is measured on other images."""
    threshold: float | None = None
    """Predictions below it do not count; None: as the service has it."""
    overlap: float | None = None
    """How much of a box must be met; None: as the service has it."""

    @property
    def is_open(self) -> bool:
        """Whether every model passes."""
        return not self.least and not self.no_worse_than_published

    def unknown_to(self, tags: Iterable[str]) -> list[str]:
        """Give the tags with a limit that are none of these; no model of a project with these can pass."""
        known = {fold(tag) for tag in tags}
        named = dict.fromkeys(least.tag for least in self.least if least.tag is not None)
        return [tag for tag in named if fold(tag) not in known]

    def check(self, version: str, type_: ProjectType) -> None:
        """Refuse a limit of what the service does not tell, before anything is done.

        Raises:
            UnsupportedError: No model of such a project could pass in this version of the API.
        """
        is_told = type_ is ProjectType.DETECTION or is_at_least(version, CLASSIFIER_AP_SINCE)
        if not is_told and any(least.measure is Measure.AP for least in self.least):
            raise UnsupportedError(
                f"--min-ap of a {type_} project needs --api-version {CLASSIFIER_AP_SINCE} or later; "
                f"this is {version}"
            )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a model is like, and what is wrong with it."""

    iteration: str
    performance: IterationPerformance
    failures: tuple[str, ...] = ()
    baseline: str | None = None
    """The name of the iteration that it was compared with."""

    @property
    def tags(self) -> Sequence[TagPerformance]:
        """What it is like tag by tag, by name."""
        return sorted(self.performance.per_tag_performance, key=lambda tag: fold(tag.name))

    @property
    def facts(self) -> dict[str, object]:
        """What the event ``judge`` says."""
        tags = [{"tag": tag.name} | _figures(tag) for tag in self.tags]
        whole = {"iteration": self.iteration, "passed": not self.failures, "failures": [*self.failures]}
        return whole | _figures(self.performance) | {"tags": tags, "baseline": self.baseline}


def _figures(score: Performance) -> dict[str, object]:
    return {str(measure): measure.of(score) for measure in Measure}


def judge(
    iteration: str,
    performance: IterationPerformance,
    gate: Gate,
    baseline: tuple[str, IterationPerformance] | None = None,
) -> Judgement:
    """Hold a model against a gate.

    Args:
        iteration: Its name.
        performance: What it is like.
        gate: What it must be like.
        baseline: The name and performance of the model in service; None: there is none, or it is the same.
    """
    tags = {fold(tag.name): tag for tag in performance.per_tag_performance}
    failures = [*_below(performance, tags, gate.least)]
    if baseline is None:
        return Judgement(iteration, performance, tuple(failures))
    name, before = baseline
    if gate.no_worse_than_published:
        failures += _worse(performance, before, name, gate.tolerance)
    return Judgement(iteration, performance, tuple(failures), name)


def _below(
    whole: IterationPerformance, tags: Mapping[str, TagPerformance], limits: Sequence[Least]
) -> Iterator[str]:
    for least in limits:
        what = str(least.measure) if least.tag is None else f"{least.measure} of {least.tag}"
        score = whole if least.tag is None else tags.get(fold(least.tag))
        if score is None:
            yield f"the model does not know the tag {least.tag}"
            continue
        value = least.measure.of(score)
        if value is None:
            yield f"{what} is not told by the service"
        elif value < least.value:
            yield f"{what} is {value:.4f}, below {least.value:g}"


def _worse(
    now: IterationPerformance, before: IterationPerformance, name: str, tolerance: float
) -> Iterator[str]:
    for measure in Measure:
        value, old = measure.of(now), measure.of(before)
        if old is None:
            continue
        if value is None:
            yield f"{measure} is not told by the service, and {old:.4f} in {name}"
        elif value < old - tolerance:
            yield f"{measure} is {value:.4f}, and {old:.4f} in {name}"
